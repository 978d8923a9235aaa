// Commands that look at a value before they do something: DELEX, DELIFEQ; and DIGEST, what to look
// for.

#include "datatypes/string/rows.h"
#include "datatypes/string/value_condition.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// Deletes `key` if `condition` holds for what is there.
Status delete_if(Context& ctx, ByteView key, const Entry* entry, const ValueCondition& condition,
                 ReplyWriter& reply) {
  auto holds = condition.holds(entry);
  if (!holds) return holds.error();
  const bool deleted = entry && *holds && ctx.db().remove(key);
  if (deleted) ctx.effects().add({"DEL", key});
  reply.integer(deleted);
  return ok;
}

// DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]
Status delex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  if (args.left() != 0 && args.left() != 2) {
    return Error("ERR wrong number of arguments for 'delex' command");
  }
  const bool any_value = !args.more();
  ValueCondition condition;
  const bool known = condition.take(args);
  const Entry* entry = ctx.db().lookup_to_change(key);
  if (entry && !any_value) {
    if (!entry->is_string()) {
      return Error("ERR Key should be of string type if conditions are specified");
    }
    if (!known) return Error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
  }
  return delete_if(ctx, key, entry, condition, reply);
}

// DELIFEQ key value
Status delifeq(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView value = args.next();
  const Entry* entry = ctx.db().lookup_to_change(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const bool equal = entry && string_view_of(*entry, scratch) == value;
  if (equal) {
    ctx.db().remove(key);
    ctx.effects().add({"DEL", key});
  }
  reply.integer(equal);
  return ok;
}

// DIGEST key
Status digest(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const auto text = digest_text(string_view_of(*entry, scratch));
  reply.bulk(ByteView(text.data(), text.size()));
  return ok;
}

// DELEX reads only if it has something to compare.
std::uint16_t delex_key_flags(std::span<const Word> words) {
  return words.size() > 2 ? kKeyRW | kKeyAccess | kKeyDelete : kKeyRM | kKeyDelete;
}

constexpr CommandSpec kRows[] = {
    {.name = "delex",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRW | kKeyDelete | kKeyVariable),
     .key_flags = delex_key_flags,
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = delex,
     .group = Group::kString,
     .syntax = "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
     .summary = "Deletes a key, if asked for only while its value or its digest is as given.",
     .since = "8.4.0",
     .complexity =
         "O(1) for IFEQ and IFNE, O(N) for IFDEQ and IFDNE where N is the length of the string."},
    {.name = "delifeq",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRM | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kEffects,
     .run = delifeq,
     .group = Group::kString,
     .syntax = "key value",
     .summary = "Deletes a key whose value is the given string.",
     .since = "9.0.0",
     .complexity = "O(1)"},
    {.name = "digest",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = digest,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Replies the digest of a string: its XXH3 hash as 16 hex digits.",
     .since = "8.4.0",
     .complexity = "O(N) where N is the length of the string."},
};

}  // namespace

std::span<const CommandSpec> string_compare_commands() { return kRows; }

}  // namespace memoir
