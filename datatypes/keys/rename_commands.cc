// Commands that bring a value under another key or into another database: RENAME, RENAMENX, MOVE,
// COPY.

#include "datatypes/keys/database_number.h"
#include "datatypes/keys/rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

constexpr std::string_view kSameObject = "ERR source and destination objects are the same";

Status rename_key(Context& ctx, Args args, bool if_missing, bool& renamed) {
  const ByteView from = args.next();
  const ByteView to = args.next();
  Database& db = ctx.db();
  renamed = false;
  if (!db.lookup_to_change(from)) return Error("ERR no such key");
  if (from == to || (if_missing && db.exists(to))) return ok;
  db.put(to, db.take(from));
  db.add_changes();
  db.notify(kEventGeneric, "rename_from", from);
  db.notify(kEventGeneric, "rename_to", to);
  renamed = true;
  return ok;
}

// RENAME key newkey
Status rename(Context& ctx, Args args, ReplyWriter& reply) {
  bool renamed = false;
  if (Status status = rename_key(ctx, args, false, renamed); !status) return status;
  reply.ok();
  return ok;
}

// RENAMENX key newkey
Status renamenx(Context& ctx, Args args, ReplyWriter& reply) {
  bool renamed = false;
  if (Status status = rename_key(ctx, args, true, renamed); !status) return status;
  reply.integer(renamed);
  return ok;
}

// MOVE key db
Status move(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const unsigned number = database_number(ctx, args);
  if (args.failed()) return args.status();
  Database& source = ctx.db();
  if (number == source.index()) return Error(kSameObject);
  Database target = ctx.database(number);
  const bool movable = source.lookup_to_change(key) && !target.exists(key);
  if (movable) {
    target.put(key, source.take(key));
    source.add_changes();
    source.notify(kEventGeneric, "move_from", key);
    target.notify(kEventGeneric, "move_to", key);
  }
  reply.integer(movable);
  return ok;
}

// COPY source destination [DB destination-db] [REPLACE]
Status copy(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView from = args.next();
  const ByteView to = args.next();
  unsigned number = ctx.db().index();
  bool replace = false;
  while (args.more()) {
    if (args.take("REPLACE")) {
      replace = true;
    } else if (args.take("DB", 1)) {
      number = database_number(ctx, args);
    } else {
      args.fail(kSyntaxError);
    }
    if (args.failed()) return args.status();
  }
  if (number == ctx.db().index() && from == to) return Error(kSameObject);
  Database target = ctx.database(number);
  const Entry* entry = ctx.db().lookup(from);
  const bool copied = entry && (replace || !target.exists(to));
  if (copied) {
    target.put(to, Entry::copy(*entry, to));
    target.add_changes();
    target.notify(kEventGeneric, "copy_to", to);
  }
  reply.integer(copied);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "rename",
     .arity = exactly(3),
     .keys = two_keys(kKeyRW | kKeyAccess | kKeyDelete, kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = rename,
     .syntax = "key newkey",
     .summary = "Brings a value under another key, whatever was there."},
    {.name = "renamenx",
     .arity = exactly(3),
     .keys = two_keys(kKeyRW | kKeyAccess | kKeyDelete, kKeyOW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = renamenx,
     .syntax = "key newkey",
     .summary = "Brings a value under another key that does not exist yet."},
    {.name = "move",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .reach = Reach::kKeysThereToo,
     .run = move,
     .syntax = "key db",
     .summary = "Brings a key into another database."},
    {.name = "copy",
     .arity = at_least(3),
     .keys = two_keys(kKeyRO | kKeyAccess, kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .reach = Reach::kKeysThereToo,
     .run = copy,
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies a value to another key or database.",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements of a collection; O(1) for strings."},
};

}  // namespace

std::span<const CommandSpec> rename_commands() { return kRows; }

}  // namespace memoir
