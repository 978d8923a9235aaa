#include "datatypes/list/list_moves.h"

#include <algorithm>
#include <limits>

namespace memoir {

namespace {

// An element taken out of its list: a copy, or a reference to its buffer.
struct TakenElement {
  Bytes bytes;
  SharedBytes owner;

  explicit TakenElement(const ListElement& element) {
    if (element.shared) {
      owner = *element.shared;
      return;
    }
    char buffer[kIntegerCharsMax];
    bytes = element.text(buffer);
  }
  ListValue value() const { return {owner ? owner.view() : ByteView(bytes), owner}; }
};

void reply_taken(ReplyWriter& reply, const TakenElement& element) {
  if (element.owner) return reply.bulk(element.owner);
  reply.bulk(element.bytes);
}

void push_moved(List& list, ListEnd end, const ListValue& value, const EncodingLimits& limits) {
  list.prepare(value.text.size(), 1, limits);
  list.push(end, value, limits);
}

void rotate(Context& ctx, Edit<List>& list, const ListMove& move, ReplyWriter& reply) {
  const TakenElement element(list->peek(move.from));
  list->drop(move.from);
  push_moved(*list, move.to, element.value(), ctx.limits());
  list->settle_shrunk(ctx.limits());
  reply_taken(reply, element);
  ctx.db().notify(kEventList, push_event(move.to), move.destination);
  list.mark_changed(pop_event(move.from));
}

}  // namespace

const char* pop_event(ListEnd end) { return end == ListEnd::kHead ? "lpop" : "rpop"; }
const char* push_event(ListEnd end) { return end == ListEnd::kHead ? "lpush" : "rpush"; }
ByteView pop_word(ListEnd end) { return end == ListEnd::kHead ? "LPOP" : "RPOP"; }

ListEnd take_end(Args& args) {
  if (args.take("LEFT")) return ListEnd::kHead;
  if (!args.take("RIGHT")) args.fail(kSyntaxError);
  return ListEnd::kTail;
}

void reply_element(ReplyWriter& reply, const ListElement& element) {
  if (element.shared) return reply.bulk(*element.shared);
  if (element.is_integer()) return reply.bulk_integer(element.integer());
  reply.bulk(listpack::text_at(element.at));
}

void reply_elements(ReplyWriter& reply, const List& list, ListEnd end, std::size_t count) {
  reply.array(count);
  const std::size_t first = end == ListEnd::kHead ? 0 : list.size() - 1;
  list.visit(first, count, end, [&](const ListElement& element) {
    reply_element(reply, element);
    return true;
  });
}

void drop_popped(Edit<List>& list, ListEnd end, std::size_t count, const EncodingLimits& limits) {
  list->drop(end, count);
  list->settle_shrunk(limits);
  list.mark_changed(pop_event(end), count);
}

Result<bool> move_element(Context& ctx, const ListMove& move, ReplyWriter& reply) {
  Database& db = ctx.db();
  auto source = db.edit<List>(move.source);
  if (!source) return source.error();
  if (!*source) return false;
  if (move.source == move.destination) {
    rotate(ctx, *source, move, reply);
    return true;
  }
  const TakenElement element((*source)->peek(move.from));
  {
    auto destination = db.edit<List>(move.destination, IfMissing::kCreate);
    if (!destination) return destination.error();
    push_moved(**destination, move.to, element.value(), ctx.limits());
    destination->mark_changed(push_event(move.to));
  }
  --ctx.environment().changes->count;  // the pop counts for both
  drop_popped(*source, move.from, 1, ctx.limits());
  reply_taken(reply, element);
  return true;
}

MultiPop MultiPop::parse(Args& args) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  MultiPop pop;
  const std::int64_t keys = args.integer_between(1, kMost, "ERR numkeys should be greater than 0");
  if (args.failed()) return pop;
  if (static_cast<std::uint64_t>(keys) >= args.left()) {
    args.fail(kSyntaxError);
    return pop;
  }
  pop.keys = args.rest().first(static_cast<std::size_t>(keys));
  args.skip(pop.keys.size());
  pop.end = take_end(args);
  bool counted = false;
  while (args.more() && !args.failed()) {
    if (counted || !args.take("COUNT", 1)) {
      args.fail(kSyntaxError);
    } else {
      pop.count = args.integer_between(1, kMost, "ERR count should be greater than 0");
      counted = true;
    }
  }
  return pop;
}

Result<bool> pop_from_first(Context& ctx, const MultiPop& pop, ReplyWriter& reply) {
  for (const Word& key : pop.keys) {
    auto list = ctx.db().edit<List>(key.text);
    if (!list) return list.error();
    if (!*list) continue;
    const std::size_t count =
        std::min(static_cast<std::size_t>(pop.count), (*list)->size());
    reply.array(2);
    reply.bulk(key.text);
    reply_elements(reply, **list, pop.end, count);
    drop_popped(*list, pop.end, count, ctx.limits());
    ctx.effects().add(
        {pop_word(pop.end), key.text, Decimal(static_cast<std::int64_t>(count))});
    return true;
  }
  return false;
}

}  // namespace memoir
