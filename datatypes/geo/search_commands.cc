// GEOSEARCH and all like it: which members lie within an area.

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "datatypes/geo/geo_arguments.h"
#include "datatypes/geo/rows.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "src/command/context.h"

namespace memoir {
namespace {

using Form = GeoSearch::Form;
using Order = GeoSearch::Order;
using Store = GeoSearch::Store;

// What a search found. The members' texts lie behind each other in one string.
class Findings {
 public:
  struct Found {
    double distance;  // in metres
    double score;
    GeoPoint point;
    std::size_t text_at;
    std::size_t text_size;
  };

  std::size_t size() const { return found_.size(); }
  std::span<const Found> all() const { return found_; }
  ByteView member(const Found& found) const {
    return ByteView(texts_).substr(found.text_at, found.text_size);
  }
  void add(ByteView member, double score, const GeoPoint& point, double distance) {
    found_.push_back({distance, score, point, texts_.size(), member.size()});
    texts_ += member;
  }
  // Brings the first `count` of the order to the front and forgets the others.
  void arrange(Order order, std::size_t count);

 private:
  std::vector<Found> found_;
  Bytes texts_;
};

// What is equally far stays in the order in which it was found.
void Findings::arrange(Order order, std::size_t count) {
  count = std::min(count, found_.size());
  const auto precedes = [order](const Found& a, const Found& b) {
    if (a.distance != b.distance) {
      return order == Order::kNearest ? a.distance < b.distance : a.distance > b.distance;
    }
    return a.text_at < b.text_at;
  };
  if (order != Order::kNone) {
    const auto end = found_.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(found_.begin(), end, found_.end(), precedes);
  }
  found_.resize(count);
}

// Members of one cell, until there are `limit` findings in all.
void search_cell(const SortedSet& set, const GeoCell& cell, const GeoShape& shape,
                 std::size_t limit, Findings& findings) {
  constexpr std::size_t kStep = 256;  // a walk by rank does not stop early
  const ScoreRange scores{
      .min = {static_cast<double>(cell.first_score()), false},
      .max = {static_cast<double>(cell.end_score()), true},
  };
  if (scores.empty()) return;
  RankRange left = set.ranks(scores);
  bool full = false;
  while (left.count > 0 && !full) {
    const std::size_t here = std::min(left.count, kStep);
    set.for_each({left.first, here}, [&](ByteView member, double score) {
      if (full) return;
      const GeoPoint point = geo_point(score);
      if (const auto distance = shape.distance_within(point)) {
        findings.add(member, score, point, *distance);
      }
      full = findings.size() >= limit;
    });
    left.first += here;
    left.count -= here;
  }
}

// On a coarse grid the cells beside the middle may be the same one; each is searched once, but for
// the middle itself, as in Redis.
void search_cells(const SortedSet& set, const GeoSearch& search, Findings& findings) {
  const std::size_t limit = search.any ? static_cast<std::size_t>(search.count)
                                       : std::numeric_limits<std::size_t>::max();
  const auto cells = search.shape.cells();
  std::size_t last = 0;
  for (std::size_t i = 0; i < cells.size() && findings.size() < limit; ++i) {
    if (cells[i] == GeoCell{} || (last != 0 && cells[i] == cells[last])) continue;
    search_cell(set, cells[i], search.shape, limit, findings);
    last = i;
  }
  findings.arrange(search.order, search.count == 0 ? findings.size()
                                                   : static_cast<std::size_t>(search.count));
}

void reply_findings(const GeoSearch& search, const Findings& findings, ReplyWriter& reply) {
  const std::size_t more =
      std::size_t{search.with_distance} + search.with_hash + search.with_point;
  reply.array(findings.size());
  for (const Findings::Found& found : findings.all()) {
    if (more > 0) reply.array(1 + more);
    reply.bulk(findings.member(found));
    if (search.with_distance) reply_distance(reply, found.distance / search.shape.metres());
    if (search.with_hash) reply.integer(static_cast<std::int64_t>(found.score));
    if (search.with_point) reply_point(reply, found.point);
  }
}

// Replies how many members the stored set has.
void store_findings(Context& ctx, const GeoSearch& search, const Findings& findings, Form form,
                    ReplyWriter& reply) {
  const ByteView target = *search.target;
  reply.integer(static_cast<std::int64_t>(findings.size()));
  if (findings.size() == 0) {
    ctx.db().remove(target);
    return;
  }
  SortedSet::Builder builder;
  for (const Findings::Found& found : findings.all()) {
    const double score =
        search.stores_distance ? found.distance / search.shape.metres() : found.score;
    builder.add(findings.member(found), score, [](double, double fresh) { return fresh; });
  }
  std::unique_ptr<SortedSet> result = builder.finish();
  result->compact(ctx.limits());
  ctx.db().set_object(target, std::move(result), kNoExpiry,
                      form == Form::kSearchStore ? "geosearchstore" : "georadiusstore");
}

Status search(Context& ctx, Args args, Form form, Store store, ReplyWriter& reply) {
  GeoSearch search;
  if (form == Form::kSearchStore) search.target = args.next();
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  if (Status read = search.read(ctx, args, form, store, *set); !read) return read;
  Findings findings;
  if (*set) search_cells(**set, search, findings);
  if (search.target) {
    store_findings(ctx, search, findings, form, reply);
  } else {
    reply_findings(search, findings, reply);
  }
  return ok;
}

// GEORADIUS key longitude latitude radius unit [options]
Status georadius(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kRadius, Store::kMayStore, reply);
}

// GEORADIUS_RO key longitude latitude radius unit [options]
Status georadius_ro(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kRadius, Store::kNo, reply);
}

// GEORADIUSBYMEMBER key member radius unit [options]
Status georadiusbymember(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kRadiusByMember, Store::kMayStore, reply);
}

// GEORADIUSBYMEMBER_RO key member radius unit [options]
Status georadiusbymember_ro(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kRadiusByMember, Store::kNo, reply);
}

// GEOSEARCH key area [options]
Status geosearch(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kSearch, Store::kNo, reply);
}

// GEOSEARCHSTORE destination source area [options]
Status geosearchstore(Context& ctx, Args args, ReplyWriter& reply) {
  return search(ctx, args, Form::kSearchStore, Store::kMayStore, reply);
}

// The key behind the last STORE or STOREDIST of GEORADIUS and GEORADIUSBYMEMBER.
std::size_t stored_key(std::span<const Word> words) {
  constexpr std::size_t kFirstOption = 5;
  std::size_t key = 0;
  for (std::size_t i = kFirstOption; i + 1 < words.size(); ++i) {
    const ByteView word = words[i].text;
    if (equals_ignoring_case(word, "store") || equals_ignoring_case(word, "storedist")) key = ++i;
  }
  return key;
}

constexpr KeySpecs source_and_stored(int first_option) {
  return {key_range(1, 1, 1, kKeyRO | kKeyAccess),
          key_behind("STORE", first_option, kKeyOW | kKeyUpdate),
          key_behind("STOREDIST", first_option, kKeyOW | kKeyUpdate)};
}

constexpr const char* kRadiusCost =
    "O(N+log(M)) where N is the number of members in the cells of the grid that the circle "
    "touches and M the number of members of the sorted set.";
constexpr const char* kSearchCost =
    "O(N+log(M)) where N is the number of members in the cells of the grid that the area touches "
    "and M the number of members of the sorted set.";

constexpr CommandSpec kRows[] = {
    {.name = "georadius",
     .arity = at_least(6),
     .keys = source_and_stored(6),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = georadius,
     .group = Group::kGeo,
     .syntax = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[<COUNT count> [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
     .summary = "Finds members within a distance from a position, and stores them if asked for.",
     .since = "3.2.0",
     .complexity = kRadiusCost,
     .deprecated = "6.2.0 `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
     .stored_key = stored_key},
    {.name = "georadius_ro",
     .arity = at_least(6),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = georadius_ro,
     .group = Group::kGeo,
     .syntax = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[<COUNT count> [ANY]] [ASC | DESC]",
     .summary = "Finds members within a distance from a position.",
     .since = "3.2.10",
     .complexity = kRadiusCost,
     .deprecated = "6.2.0 `GEOSEARCH` with the `BYRADIUS` argument"},
    {.name = "georadiusbymember",
     .arity = at_least(5),
     .keys = source_and_stored(5),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = georadiusbymember,
     .group = Group::kGeo,
     .syntax = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[<COUNT count> [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
     .summary = "Finds members within a distance from another, and stores them if asked for.",
     .since = "3.2.0",
     .complexity = kRadiusCost,
     .deprecated =
         "6.2.0 `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .stored_key = stored_key},
    {.name = "georadiusbymember_ro",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = georadiusbymember_ro,
     .group = Group::kGeo,
     .syntax = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[<COUNT count> [ANY]] [ASC | DESC]",
     .summary = "Finds members within a distance from another.",
     .since = "3.2.10",
     .complexity = kRadiusCost,
     .deprecated = "6.2.0 `GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "geosearch",
     .arity = at_least(7),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = geosearch,
     .group = Group::kGeo,
     .syntax = "key <FROMMEMBER member | FROMLONLAT longitude latitude> "
               "<<BYRADIUS radius> <M | KM | FT | MI> | <BYBOX width height> <M | KM | FT | MI> | "
               "BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] "
               "[<COUNT count> [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
     .summary = "Finds members within a circle, a box or a polygon.",
     .since = "6.2.0",
     .complexity = kSearchCost},
    {.name = "geosearchstore",
     .arity = at_least(8),
     .keys = two_keys(kKeyOW | kKeyUpdate, kKeyRO | kKeyAccess),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = geosearchstore,
     .group = Group::kGeo,
     .syntax = "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> "
               "<<BYRADIUS radius> <M | KM | FT | MI> | <BYBOX width height> <M | KM | FT | MI> | "
               "BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] "
               "[<COUNT count> [ANY]] [STOREDIST]",
     .summary = "Stores the members within a circle, a box or a polygon under another key.",
     .since = "6.2.0",
     .complexity = kSearchCost},
};

}  // namespace

std::span<const CommandSpec> geo_search_commands() { return kRows; }

}  // namespace memoir
