// What the commands on a list's ends have in common, with their blocking forms.
//
// Each function does the whole change: value, reply, events. What is journaled is left to the
// caller.
#pragma once

#include <optional>

#include "datatypes/list/list.h"
#include "protocol/reply_writer.h"
#include "src/command/args.h"
#include "src/command/context.h"

namespace memoir {

// "lpop" or "rpop", "lpush" or "rpush": events.
const char* pop_event(ListEnd end);
const char* push_event(ListEnd end);
// "LPOP" or "RPOP": for effects.
ByteView pop_word(ListEnd end);

// Takes LEFT or RIGHT; remembers a syntax error for anything else.
ListEnd take_end(Args& args);

// An element as a bulk string; a large one by reference.
void reply_element(ReplyWriter& reply, const ListElement& element);
// `count` elements from an end as an array. `count` <= list.size().
void reply_elements(ReplyWriter& reply, const List& list, ListEnd end, std::size_t count);

// Removes `count` elements that were read already.
void drop_popped(Edit<List>& list, ListEnd end, std::size_t count, const EncodingLimits& limits);

struct ListMove {
  ByteView source;
  ByteView destination;
  ListEnd from;
  ListEnd to;
};
// Moves one element and replies it. False, with nothing done, if there is no source.
Result<bool> move_element(Context& ctx, const ListMove& move, ReplyWriter& reply);

// numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
struct MultiPop {
  std::span<const Word> keys;
  ListEnd end = ListEnd::kHead;
  std::int64_t count = 1;

  static MultiPop parse(Args& args);
};
// Pops from the first list there is, replies key and elements and adds the effect. False, with
// nothing done, if there is none.
Result<bool> pop_from_first(Context& ctx, const MultiPop& pop, ReplyWriter& reply);

}  // namespace memoir
