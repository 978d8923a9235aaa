// Commands on positions of members: GEOADD, GEOPOS, GEODIST, GEOHASH. And the list of all rows of
// this folder.

#include <cmath>
#include <vector>

#include "datatypes/geo/geo_arguments.h"
#include "datatypes/geo/rows.h"
#include "datatypes/registry.h"

namespace memoir {
namespace {

struct AddOptions {
  SortedSet::Rules rules;
  bool counts_changed = false;  // CH
};

void read_options(Args& args, AddOptions& options) {
  for (;;) {
    if (args.take("nx")) {
      options.rules.only_new = true;
    } else if (args.take("xx")) {
      options.rules.only_existing = true;
    } else if (args.take("ch")) {
      options.counts_changed = true;
    } else {
      break;
    }
  }
  const bool contrary = options.rules.only_new && options.rules.only_existing;
  if (args.left() == 0 || args.left() % 3 != 0 || contrary) args.fail(kSyntaxError);
}

// The journal gets the scores: ZADD with the same options.
void add_to_journal(Context& ctx, std::span<const Word> options, std::span<const Word> triples,
                    const std::vector<std::uint64_t>& scores) {
  std::vector<Decimal> digits;
  digits.reserve(scores.size());
  std::vector<ByteView> words{"ZADD"};
  for (const Word& word : options) words.push_back(word.text);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    digits.emplace_back(static_cast<std::int64_t>(scores[i]));
    words.push_back(digits.back());
    words.push_back(triples[3 * i + 2].text);
  }
  ctx.effects().add(words);
}

// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
// Replies how many members are new (CH: or have another position).
Status geoadd(Context& ctx, Args args, ReplyWriter& reply) {
  using Outcome = SortedSet::Outcome;
  const std::span<const Word> all = args.rest();
  const ByteView key = args.next();
  AddOptions options;
  read_options(args, options);
  if (args.failed()) return args.status();
  const std::span<const Word> triples = args.rest();
  std::vector<std::uint64_t> scores;
  while (args.more()) {
    auto point = read_point(args);
    if (!point) return point.error();
    scores.push_back(geo_score(*point));
    args.skip();
  }

  const auto mode = options.rules.only_existing ? IfMissing::kNone : IfMissing::kCreate;
  auto set = ctx.db().edit<SortedSet>(key, mode);
  if (!set) return set.error();
  std::int64_t added = 0;
  std::int64_t updated = 0;
  if (*set) (*set)->prepare(scores.size(), triples[2].text.size(), ctx.limits());
  for (std::size_t i = 0; *set && i < scores.size(); ++i) {
    const ByteView member = triples[3 * i + 2].text;
    const Outcome outcome =
        (*set)->add(member, static_cast<double>(scores[i]), options.rules, ctx.limits()).outcome;
    added += outcome == Outcome::kAdded ? 1 : 0;
    updated += outcome == Outcome::kUpdated ? 1 : 0;
  }
  if (added + updated > 0) {
    set->mark_changed("zadd", static_cast<std::uint64_t>(added + updated));
    add_to_journal(ctx, all.first(all.size() - triples.size()), triples, scores);
  }
  reply.integer(options.counts_changed ? added + updated : added);
  return ok;
}

std::optional<GeoPoint> point_of(const SortedSet* set, ByteView member) {
  const auto score = set ? set->score(member) : std::nullopt;
  return score ? std::optional(geo_point(*score)) : std::nullopt;
}

// GEOPOS key [member [member ...]]
Status geopos(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  reply.array(args.left());
  while (args.more()) {
    const auto point = point_of(*set, args.next());
    point ? reply_point(reply, *point) : reply.null_array();
  }
  return ok;
}

// GEOHASH key [member [member ...]]
Status geohash(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  reply.array(args.left());
  while (args.more()) {
    const auto point = point_of(*set, args.next());
    if (!point) {
      reply.null();
      continue;
    }
    const auto text = geohash_text(*point);
    reply.bulk(ByteView(text.data(), text.size()));
  }
  return ok;
}

// GEODIST key member1 member2 [M | KM | FT | MI]
Status geodist(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView from = args.next();
  const ByteView to = args.next();
  double metres = 1;
  if (args.left() > 1) return Error(kSyntaxError);
  if (args.more()) {
    auto unit = read_unit(args);
    if (!unit) return unit.error();
    metres = *unit;
  }
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  const auto first = point_of(*set, from);
  const auto second = point_of(*set, to);
  if (first && second) {
    reply_distance(reply, geo_distance(*first, *second) / metres);
  } else {
    reply.null();
  }
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "geoadd",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kEffects,
     .run = geoadd,
     .group = Group::kGeo,
     .syntax = "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
     .summary = "Gives members of a sorted set positions on the earth, creating it if needed.",
     .since = "3.2.0",
     .complexity =
         "O(log(N)) for each item added, where N is the number of elements in the sorted set."},
    {.name = "geopos",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = geopos,
     .group = Group::kGeo,
     .syntax = "key [member [member ...]]",
     .summary = "Replies the positions of members.",
     .since = "3.2.0",
     .complexity = "O(1) for each member requested."},
    {.name = "geodist",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = geodist,
     .group = Group::kGeo,
     .syntax = "key member1 member2 [M | KM | FT | MI]",
     .summary = "Replies the distance between two members.",
     .since = "3.2.0",
     .complexity = "O(1)"},
    {.name = "geohash",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = geohash,
     .group = Group::kGeo,
     .syntax = "key [member [member ...]]",
     .summary = "Replies the positions of members as geohash texts.",
     .since = "3.2.0",
     .complexity = "O(1) for each member requested."},
};

}  // namespace

void reply_distance(ReplyWriter& reply, double distance) {
  constexpr std::uint64_t kScale = 10000;
  const auto scaled = static_cast<std::uint64_t>(std::llrint(distance * kScale));
  Bytes text;
  append_integer(text, static_cast<std::int64_t>(scaled / kScale));
  const Decimal digits(static_cast<std::int64_t>(kScale + scaled % kScale));
  text += '.';
  text += ByteView(digits).substr(1);
  reply.bulk(text);
}

void reply_point(ReplyWriter& reply, const GeoPoint& point) {
  reply.array(2);
  for (const double part : {point.longitude, point.latitude}) {
    const Bytes text = format_long_double(part);
    reply.version() == Resp::kV3 ? reply.raw("," + text + "\r\n") : reply.bulk(text);
  }
}

std::span<const CommandSpec> geo_member_commands() { return kRows; }

std::span<const CommandSpec> geo_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {geo_member_commands(), geo_search_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
