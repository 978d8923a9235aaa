// SORT and SORT_RO.
//
// BY and GET lead to keys that the request does not name, so a request with such a pattern runs
// with all stripes locked, any other with those of its keys.

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "datatypes/list/list.h"
#include "datatypes/registry.h"
#include "datatypes/set/set.h"
#include "datatypes/sort/key_pattern.h"
#include "datatypes/sort/sorter.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "src/base/glob.h"
#include "src/command/dispatcher.h"

namespace memoir {
namespace {

enum class Mode : bool { kReadOnly, kMayStore };

struct SortRequest {
  bool descending = false;
  bool alpha = false;
  bool sorts = true;  // false: BY something without a star
  std::int64_t offset = 0;
  std::int64_t count = -1;
  std::optional<KeyPattern> by;
  std::vector<KeyPattern> gets;
  std::optional<ByteView> target;

  void read(Context& ctx, Args& args, Mode mode);
};

// Patterns lead to keys that no rule of the user has seen.
constexpr std::string_view kByDenied =
    "ERR BY option of SORT denied due to insufficient ACL permissions.";
constexpr std::string_view kGetDenied =
    "ERR GET option of SORT denied due to insufficient ACL permissions.";

void SortRequest::read(Context& ctx, Args& args, Mode mode) {
  while (args.more() && !args.failed()) {
    if (args.take("asc")) {
      descending = false;
    } else if (args.take("desc")) {
      descending = true;
    } else if (args.take("alpha")) {
      alpha = true;
    } else if (args.take("limit", 2)) {
      offset = args.integer();
      count = args.integer();
    } else if (mode == Mode::kMayStore && args.take("store", 1)) {
      target = args.next();
    } else if (args.take("by", 1)) {
      by.emplace(args.next());
      sorts = sorts && by->names_keys();
      if (by->names_keys() && !ctx.may_read_all_keys()) args.fail(kByDenied);
    } else if (args.take("get", 1)) {
      gets.emplace_back(args.next());
      if (!ctx.may_read_all_keys()) args.fail(kGetDenied);
    } else {
      args.fail(kSyntaxError);
    }
  }
}

// What is sorted: one of three types, or nothing.
struct Source {
  const List* list = nullptr;
  const Set* set = nullptr;
  const SortedSet* sorted_set = nullptr;

  Status read(Context& ctx, ByteView key);
  std::size_t size() const {
    if (list) return list->size();
    if (set) return set->size();
    return sorted_set ? sorted_set->size() : 0;
  }
  // Puts `count` elements from `first` on into the sorter, in the value's own order, or from its
  // end. A set is always taken as a whole.
  void load(Sorter& sorter, std::size_t first, std::size_t count, bool from_end) const;
};

Status Source::read(Context& ctx, ByteView key) {
  const Entry* entry = ctx.db().lookup(key);
  if (!entry) return ok;
  switch (entry->type()) {
    case TypeId::kList:
      list = static_cast<const List*>(entry->object());
      return ok;
    case TypeId::kSet:
      set = static_cast<const Set*>(entry->object());
      return ok;
    case TypeId::kSortedSet:
      sorted_set = static_cast<const SortedSet*>(entry->object());
      return ok;
    default:
      return Error(kWrongType);
  }
}

void Source::load(Sorter& sorter, std::size_t first, std::size_t count, bool from_end) const {
  if (count == 0) return;
  if (list) {
    const std::size_t start = from_end ? list->size() - 1 - first : first;
    const ListEnd end = from_end ? ListEnd::kTail : ListEnd::kHead;
    list->visit(start, count, end, [&sorter](const ListElement& element) {
      char buffer[kIntegerCharsMax];
      sorter.add(element.text(buffer));
      return true;
    });
  } else if (set) {
    set->for_each([&sorter](const MemberView& member) { sorter.add(member.text()); });
  } else if (sorted_set) {
    const auto add = [&sorter](ByteView member, double) { sorter.add(member); };
    from_end ? sorted_set->for_each_down({first, count}, add)
             : sorted_set->for_each({first, count}, add);
  }
}

// From `first` to before `end`.
struct Part {
  std::size_t first = 0;
  std::size_t end = 0;
};

Part part_of(const SortRequest& request, std::size_t size) {
  const auto all = static_cast<std::int64_t>(size);
  const std::int64_t first = std::clamp<std::int64_t>(request.offset, 0, all);
  const std::int64_t count = request.count < 0 ? all : std::min(request.count, all);
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::min(first + count, all))};
}

Status sort_elements(Context& ctx, const SortRequest& request, Sorter& sorter, const Part& part,
                     bool unordered) {
  if (request.by) {
    if (unordered && request.alpha) sorter.put_in_byte_order();
    sorter.weigh_by_others();
    for (std::size_t i = 0; i < sorter.size(); ++i) {
      request.by->with_value(ctx, sorter.element(i),
                             [&](ByteView weight) { sorter.set_weight(i, weight); });
    }
  }
  if (!request.alpha && !sorter.read_numbers()) {
    return Error("ERR One or more scores can't be converted into double");
  }
  // What is stored does not depend on where it is sorted.
  const auto by = !request.alpha   ? Sorter::By::kNumber
                  : request.target ? Sorter::By::kBytes
                                   : Sorter::By::kLocale;
  const Collation* const collation = ctx.dispatcher().settings.collation.get();
  sorter.sort(by, request.descending, collation, part.first, part.end);
  return ok;
}

// Replies the elements, or what the GET patterns come to for each.
void reply_elements(Context& ctx, const SortRequest& request, const Sorter& sorter,
                    const Part& part, ReplyWriter& reply) {
  const std::size_t each = std::max<std::size_t>(request.gets.size(), 1);
  reply.array((part.end - part.first) * each);
  for (std::size_t i = part.first; i < part.end; ++i) {
    if (request.gets.empty()) reply.bulk(sorter.element(i));
    for (const KeyPattern& get : request.gets) {
      const bool found = get.with_value(ctx, sorter.element(i),
                                        [&reply](ByteView value) { reply.bulk(value); });
      if (!found) reply.null();
    }
  }
}

// Replies how long the stored list is.
void store_elements(Context& ctx, const SortRequest& request, const Sorter& sorter,
                    const Part& part, ReplyWriter& reply) {
  auto result = std::make_unique<List>();
  const auto push = [&](ByteView value) {
    // As Redis fills the one node that a short list has.
    constexpr std::size_t kElementOverhead = 8;
    result->prepare(value.size() + kElementOverhead, 1, ctx.limits());
    result->push(ListEnd::kTail, {value}, ctx.limits());
  };
  for (std::size_t i = part.first; i < part.end; ++i) {
    if (request.gets.empty()) push(sorter.element(i));
    for (const KeyPattern& get : request.gets) {
      if (!get.with_value(ctx, sorter.element(i), push)) push("");
    }
  }
  const std::size_t size = result->size();
  reply.integer(static_cast<std::int64_t>(size));
  if (size == 0) {
    ctx.db().remove(*request.target);
    return;
  }
  ctx.db().set_object(*request.target, std::move(result), kNoExpiry, "sortstore");
  ctx.db().add_changes(size - 1);
}

Status run_sort(Context& ctx, Args args, Mode mode, ReplyWriter& reply) {
  const ByteView key = args.next();
  SortRequest request;
  request.read(ctx, args, mode);
  if (args.failed()) return args.status();
  Source source;
  if (Status read = source.read(ctx, key); !read) return read;
  // A set has no order of its own that a script or the journal could rely on.
  if (!request.sorts && source.set && (request.target || !ctx.session().identity.may_block)) {
    request.sorts = request.alpha = true;
    request.by.reset();
  }
  Part part = part_of(request, source.size());
  Sorter sorter;
  if (!request.sorts && !source.set) {
    source.load(sorter, part.first, part.end - part.first, request.descending);
    part = {0, part.end - part.first};
  } else {
    sorter.reserve(source.size());
    source.load(sorter, 0, source.size(), false);
  }
  if (request.sorts) {
    if (Status sorted = sort_elements(ctx, request, sorter, part, source.set != nullptr); !sorted) {
      return sorted;
    }
  }
  if (request.target) {
    store_elements(ctx, request, sorter, part, reply);
  } else {
    reply_elements(ctx, request, sorter, part, reply);
  }
  return ok;
}

// SORT key [options] [STORE destination]
Status sort(Context& ctx, Args args, ReplyWriter& reply) {
  return run_sort(ctx, args, Mode::kMayStore, reply);
}

// SORT_RO key [options]
Status sort_ro(Context& ctx, Args args, ReplyWriter& reply) {
  return run_sort(ctx, args, Mode::kReadOnly, reply);
}

constexpr std::size_t kFirstOption = 2;

// Whether a pattern leads to other keys. A word that only looks like one costs but locks.
Locks locks_for(std::span<const Word> words) {
  for (std::size_t i = kFirstOption; i + 1 < words.size(); ++i) {
    const ByteView option = words[i].text;
    if (!equals_ignoring_case(option, "by") && !equals_ignoring_case(option, "get")) continue;
    if (words[i + 1].text.find('*') != ByteView::npos) return Locks::kAll;
  }
  return Locks::kKeys;
}

// The key behind the last STORE.
std::size_t stored_key(std::span<const Word> words) {
  std::size_t key = 0;
  for (std::size_t i = kFirstOption; i < words.size(); ++i) {
    const ByteView option = words[i].text;
    if (equals_ignoring_case(option, "limit")) {
      i += 2;
    } else if (equals_ignoring_case(option, "get") || equals_ignoring_case(option, "by")) {
      i += 1;
    } else if (equals_ignoring_case(option, "store") && i + 1 < words.size()) {
      key = ++i;
    }
  }
  return key;
}

constexpr const char* kCost =
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number "
    "of returned elements. When the elements are not sorted, complexity is O(N).";

constexpr CommandSpec kRows[] = {
    {.name = "sort",
     .arity = at_least(2),
     .keys = {key_range(1, 1, 1, kKeyRO | kKeyAccess), key_unknown(kKeyRO | kKeyAccess),
              key_unknown(kKeyOW | kKeyUpdate)},
     .access = Access::kWrite,
     .flags = kDenyOom | kDangerous | kCollectionsCategory,
     .journal = JournalForm::kVerbatim,
     .run = sort,
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA] [STORE destination]",
     .summary = "Sorts the elements of a list, set or sorted set, and stores them if asked for.",
     .complexity = kCost,
     .stored_key = stored_key,
     .choose_locks = locks_for},
    {.name = "sort_ro",
     .arity = at_least(2),
     .keys = {key_range(1, 1, 1, kKeyRO | kKeyAccess), key_unknown(kKeyRO | kKeyAccess)},
     .access = Access::kRead,
     .flags = kDangerous | kCollectionsCategory,
     .run = sort_ro,
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA]",
     .summary = "Sorts the elements of a list, set or sorted set.",
     .since = "7.0.0",
     .complexity = kCost,
     .choose_locks = locks_for},
};

}  // namespace

std::span<const CommandSpec> sort_commands() { return kRows; }

}  // namespace memoir
