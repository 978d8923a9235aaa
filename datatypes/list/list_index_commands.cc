// Commands on places within lists: by index, by range, by value.
#include <algorithm>
#include <limits>

#include "datatypes/list/list_moves.h"
#include "datatypes/list/list_rows.h"

namespace memoir {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// `index` of a list of `size` elements, from the end if negative; nothing if it is outside.
std::optional<std::size_t> place_of(std::int64_t index, std::size_t size) {
  if (index < 0) index += static_cast<std::int64_t>(size);
  if (index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

struct Range {
  std::size_t first;
  std::size_t count;

  // The part of `size` elements from `start` to `stop`, both included, from the end if negative.
  Range(std::int64_t start, std::int64_t stop, std::size_t size) : first(0), count(0) {
    const auto length = static_cast<std::int64_t>(size);
    if (start < 0) start = std::max<std::int64_t>(start + length, 0);
    if (stop < 0) stop += length;
    stop = std::min(stop, length - 1);
    if (start > stop) return;
    first = static_cast<std::size_t>(start);
    count = static_cast<std::size_t>(stop - start + 1);
  }
};

// LINDEX key index
Status lindex(Context& ctx, Args args, ReplyWriter& reply) {
  auto list = ctx.db().read<List>(args.next());
  if (!list) return list.error();
  if (!*list) {
    reply.null();
    return ok;
  }
  const std::int64_t index = args.integer();
  if (args.failed()) return args.status();
  if (const auto place = place_of(index, (*list)->size())) {
    reply_element(reply, (*list)->at(*place));
  } else {
    reply.null();
  }
  return ok;
}

// LSET key index element
Status lset(Context& ctx, Args args, ReplyWriter& reply) {
  auto edit = ctx.db().edit<List>(args.next());
  if (!edit) return edit.error();
  if (!*edit) return Error("ERR no such key");
  const std::int64_t index = args.integer();
  if (args.failed()) return args.status();
  List& list = **edit;
  const Word& value = args.next_word();
  // As in Redis before the index is looked at, so that a full listpack is one no longer even if
  // nothing else changes.
  list.prepare(value.text.size(), 1, ctx.limits());
  const auto place = place_of(index, list.size());
  if (!place) return Error("ERR index out of range");
  list.set(*place, {value.text, value.owner}, ctx.limits());
  list.settle_shrunk(ctx.limits());
  edit->mark_changed("lset");
  reply.ok();
  return ok;
}

// LRANGE key start stop
Status lrange(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t start = args.integer();
  const std::int64_t stop = args.integer();
  if (args.failed()) return args.status();
  auto list = ctx.db().read<List>(key);
  if (!list) return list.error();
  if (!*list) {
    reply.empty_array();
    return ok;
  }
  const Range range(start, stop, (*list)->size());
  reply.array(range.count);
  (*list)->visit(range.first, range.count, ListEnd::kHead, [&](const ListElement& element) {
    reply_element(reply, element);
    return true;
  });
  return ok;
}

// LTRIM key start stop
// Keeps that range alone.
Status ltrim(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t start = args.integer();
  const std::int64_t stop = args.integer();
  if (args.failed()) return args.status();
  auto edit = ctx.db().edit<List>(key);
  if (!edit) return edit.error();
  reply.ok();
  if (!*edit) return ok;
  List& list = **edit;
  const Range range(start, stop, list.size());
  const std::size_t dropped = list.size() - range.count;
  if (dropped == 0) {
    ctx.db().notify(kEventList, "ltrim", key);
    return ok;
  }
  const std::size_t behind = dropped - range.first;
  list.drop(ListEnd::kHead, range.first);
  list.drop(ListEnd::kTail, behind);
  list.settle_shrunk(ctx.limits());
  edit->mark_changed("ltrim", dropped);
  return ok;
}

// LREM key count element
// Replies how many were removed.
Status lrem(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t limit = args.integer();
  if (args.failed()) return args.status();
  auto edit = ctx.db().edit<List>(key);
  if (!edit) return edit.error();
  std::size_t removed = 0;
  if (*edit) {
    removed = (*edit)->remove(args.next(), limit);
    (*edit)->settle_shrunk(ctx.limits());
    if (removed > 0) edit->mark_changed("lrem", removed);
  }
  reply.integer(static_cast<std::int64_t>(removed));
  return ok;
}

// LINSERT key <BEFORE | AFTER> pivot element
// Replies the new length, -1 if there is no such pivot, 0 if there is no list.
Status linsert(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const bool before = args.take("BEFORE");
  if (!before && !args.take("AFTER")) return Error(kSyntaxError);
  auto edit = ctx.db().edit<List>(key);
  if (!edit) return edit.error();
  if (!*edit) {
    reply.integer(0);
    return ok;
  }
  List& list = **edit;
  const ByteView pivot = args.next();
  const Word& value = args.next_word();
  list.prepare(value.text.size(), 1, ctx.limits());
  const ListSide side = before ? ListSide::kBefore : ListSide::kAfter;
  if (!list.insert(pivot, side, {value.text, value.owner}, ctx.limits())) {
    reply.integer(-1);
    return ok;
  }
  edit->mark_changed("linsert");
  reply.integer(static_cast<std::int64_t>(list.size()));
  return ok;
}

struct LposOptions {
  ListEnd from = ListEnd::kHead;
  std::uint64_t rank = 1;  // the first match that counts
  bool counted = false;
  std::uint64_t count = 1;   // of matches replied; 0: all
  std::uint64_t maxlen = 0;  // of elements compared; 0: all

  static LposOptions parse(Args& args) {
    LposOptions options;
    while (args.more() && !args.failed()) {
      if (args.take("RANK", 1)) {
        options.take_rank(args);
      } else if (args.take("COUNT", 1)) {
        options.counted = true;
        options.count = not_negative(args, "ERR COUNT can't be negative");
      } else if (args.take("MAXLEN", 1)) {
        options.maxlen = not_negative(args, "ERR MAXLEN can't be negative");
      } else {
        args.fail(kSyntaxError);
      }
    }
    return options;
  }

 private:
  void take_rank(Args& args) {
    const std::int64_t signed_rank = args.integer_between(
        -kMost, kMost,
        args.more() && parse_integer(args.peek())
            ? "ERR value is out of range, value must between -9223372036854775807 and "
              "9223372036854775807"
            : kNotInteger);
    if (!args.failed() && signed_rank == 0) {
      args.fail(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
          "or use negative to start from the end of the list");
    }
    from = signed_rank < 0 ? ListEnd::kTail : ListEnd::kHead;
    rank = static_cast<std::uint64_t>(signed_rank < 0 ? -signed_rank : signed_rank);
  }
  static std::uint64_t not_negative(Args& args, std::string_view error) {
    return static_cast<std::uint64_t>(args.integer_between(0, kMost, error));
  }
};

// Calls found(index) for the matches that the options ask for; stops after `count` of them,
// unless 0.
template <class F>
void find_positions(const List& list, ByteView value, const LposOptions& options, F&& found) {
  const std::size_t size = list.size();
  const std::size_t compared =
      options.maxlen == 0 ? size : std::min<std::size_t>(options.maxlen, size);
  const bool from_head = options.from == ListEnd::kHead;
  const ListMatcher matches(value);
  std::uint64_t to_skip = options.rank - 1;
  std::uint64_t replied = 0;
  std::size_t index = from_head ? 0 : size - 1;
  list.visit(index, compared, options.from, [&](const ListElement& element) {
    const std::size_t here = from_head ? index++ : index--;
    if (!matches(element)) return true;
    if (to_skip > 0) {
      --to_skip;
      return true;
    }
    found(here);
    return ++replied != options.count;
  });
}

// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
Status lpos(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView value = args.next();
  const LposOptions options = LposOptions::parse(args);
  if (args.failed()) return args.status();
  auto list = ctx.db().read<List>(key);
  if (!list) return list.error();
  if (options.counted) {
    const ReplyWriter::Mark mark = reply.begin();
    std::size_t count = 0;
    const auto add = [&](std::size_t index) {
      reply.integer(static_cast<std::int64_t>(index));
      ++count;
    };
    if (*list) find_positions(**list, value, options, add);
    reply.end_array(mark, count);
    return ok;
  }
  std::optional<std::size_t> position;
  if (*list) find_positions(**list, value, options, [&](std::size_t at) { position = at; });
  if (position) {
    reply.integer(static_cast<std::int64_t>(*position));
  } else {
    reply.null();
  }
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "lindex",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = lindex,
     .group = Group::kList,
     .syntax = "key index",
     .summary = "Returns the element at an index of a list.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements from the nearer end; O(1) at the ends"},
    {.name = "lset",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = lset,
     .group = Group::kList,
     .syntax = "key index element",
     .summary = "Replaces the element at an index of a list.",
     .since = "1.0.0",
     .complexity = "O(N) for a list of N elements; O(1) at the ends"},
    {.name = "lrange",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = lrange,
     .group = Group::kList,
     .syntax = "key start stop",
     .summary = "Returns the elements in a range of indexes of a list.",
     .since = "1.0.0",
     .complexity = "O(S+N) for N elements returned, S from the nearer end"},
    {.name = "ltrim",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = ltrim,
     .group = Group::kList,
     .syntax = "key start stop",
     .summary = "Removes everything outside a range of indexes from a list.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements removed"},
    {.name = "lrem",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = lrem,
     .group = Group::kList,
     .syntax = "key count element",
     .summary = "Removes elements equal to a value from a list.",
     .since = "1.0.0",
     .complexity = "O(N+M) for a list of N elements of which M are removed"},
    {.name = "linsert",
     .arity = exactly(5),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = linsert,
     .group = Group::kList,
     .syntax = "key <BEFORE | AFTER> pivot element",
     .summary = "Puts an element before or after another one of a list.",
     .since = "2.2.0",
     .complexity = "O(N) for N elements before the pivot"},
    {.name = "lpos",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = lpos,
     .group = Group::kList,
     .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
     .summary = "Returns at which indexes a list has elements equal to a value.",
     .since = "6.0.6",
     .complexity = "O(N) for N elements compared"},
};

}  // namespace

std::span<const CommandSpec> list_index_commands() { return kRows; }

}  // namespace memoir
