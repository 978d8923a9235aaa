// Commands that read named fields or all fields of hashes.
#include "datatypes/hash/hash_reply.h"
#include "datatypes/hash/hash_rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// HGET key field
Status hget(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply_text_or_null(reply, *hash ? (*hash)->find(args.next()) : HashText());
  return ok;
}

// HMGET key field [field ...]
Status hmget(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.array(args.left());
  while (args.more()) {
    const ByteView field = args.next();
    reply_text_or_null(reply, *hash ? (*hash)->find(field) : HashText());
  }
  return ok;
}

// HGETALL key
Status hgetall(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.map(*hash ? (*hash)->size() : 0);
  if (!*hash) return ok;
  (*hash)->for_each([&](const HashText& field, const HashText& value) {
    reply_text(reply, field);
    reply_text(reply, value);
  });
  return ok;
}

// HKEYS key
Status hkeys(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.array(*hash ? (*hash)->size() : 0);
  if (!*hash) return ok;
  (*hash)->for_each([&](const HashText& field, const HashText&) { reply_text(reply, field); });
  return ok;
}

// HVALS key
Status hvals(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.array(*hash ? (*hash)->size() : 0);
  if (!*hash) return ok;
  (*hash)->for_each([&](const HashText&, const HashText& value) { reply_text(reply, value); });
  return ok;
}

// HLEN key
Status hlen(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.integer(*hash ? static_cast<std::int64_t>((*hash)->size()) : 0);
  return ok;
}

// HSTRLEN key field
Status hstrlen(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  const HashText value = *hash ? (*hash)->find(args.next()) : HashText();
  char buffer[kIntegerCharsMax];
  reply.integer(value ? static_cast<std::int64_t>(value.text(buffer).size()) : 0);
  return ok;
}

// HEXISTS key field
Status hexists(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  reply.integer(*hash && (*hash)->contains(args.next()) ? 1 : 0);
  return ok;
}

constexpr const char* kAnyOrder = "nondeterministic_output_order";

constexpr CommandSpec kRows[] = {
    {.name = "hget",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = hget,
     .group = Group::kHash,
     .syntax = "key field",
     .summary = "Returns the value of a field of a hash.",
     .since = "2.0.0"},
    {.name = "hmget",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = hmget,
     .group = Group::kHash,
     .syntax = "key field [field ...]",
     .summary = "Returns the values of some fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields"},
    {.name = "hgetall",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = hgetall,
     .group = Group::kHash,
     .syntax = "key",
     .summary = "Returns all fields of a hash with their values.",
     .since = "2.0.0",
     .complexity = "O(N) for a hash of N fields",
     .tips = kAnyOrder},
    {.name = "hkeys",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = hkeys,
     .group = Group::kHash,
     .syntax = "key",
     .summary = "Returns the names of all fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(N) for a hash of N fields",
     .tips = kAnyOrder},
    {.name = "hvals",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = hvals,
     .group = Group::kHash,
     .syntax = "key",
     .summary = "Returns the values of all fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(N) for a hash of N fields",
     .tips = kAnyOrder},
    {.name = "hlen",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = hlen,
     .group = Group::kHash,
     .syntax = "key",
     .summary = "Tells how many fields a hash has.",
     .since = "2.0.0"},
    {.name = "hstrlen",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = hstrlen,
     .group = Group::kHash,
     .syntax = "key field",
     .summary = "Tells how many bytes the value of a field of a hash has.",
     .since = "3.2.0"},
    {.name = "hexists",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = hexists,
     .group = Group::kHash,
     .syntax = "key field",
     .summary = "Tells whether a hash has a field.",
     .since = "2.0.0"},
};

}  // namespace

std::span<const CommandSpec> hash_read_commands() { return kRows; }

}  // namespace memoir
