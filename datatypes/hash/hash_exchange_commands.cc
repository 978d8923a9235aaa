// Commands that do two things to fields of a hash at once: HGETDEL, HGETEX, HSETEX.
#include <algorithm>
#include <optional>
#include <vector>

#include "datatypes/hash/field_arguments.h"
#include "datatypes/hash/hash_reply.h"
#include "datatypes/hash/hash_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

void reply_nulls(std::size_t count, ReplyWriter& reply) {
  reply.array(count);
  for (std::size_t i = 0; i < count; ++i) reply.null();
}

// HGETDEL key FIELDS numfields field [field ...]
// Replies the values of fields, which are deleted.
Status hgetdel(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto hash = ctx.db().edit<Hash>(key);
  if (!hash) return hash.error();
  auto fields = read_fields(args);
  if (!fields) return fields.error();
  if (!*hash) {
    reply_nulls(fields->size(), reply);
    return ok;
  }
  std::vector<ByteView> deleted;
  reply.array(fields->size());
  for (const Word& field : *fields) {
    reply_text_or_null(reply, (*hash)->find(field.text));
    if ((*hash)->erase(field.text)) deleted.push_back(field.text);
  }
  if (!deleted.empty()) hash->mark_changed("hdel", deleted.size());
  tell_deleted(ctx, key, deleted);
  return ok;
}

// When fields are to end: the options EX, PX, EXAT and PXAT.
struct EndOption {
  std::int64_t moment = kNoExpiry;
  bool relative = false;  // to now

  explicit operator bool() const { return moment != kNoExpiry; }
};

// Takes one of the options if it comes next. `error`, if not empty, says why there must be none.
Result<EndOption> take_end(const Context& ctx, Args& args, std::string_view error = {}) {
  struct Form {
    ByteView name;
    std::int64_t unit_ms;
    Origin from;
  };
  static constexpr Form kForms[] = {{"EX", 1000, Origin::kNow},
                                    {"PX", 1, Origin::kNow},
                                    {"EXAT", 1000, Origin::kEpoch},
                                    {"PXAT", 1, Origin::kEpoch}};
  for (const Form& form : kForms) {
    if (!args.take(form.name)) continue;
    if (!error.empty()) return Error(error);
    auto moment = read_field_moment(ctx, args, form.unit_ms, form.from);
    if (!moment) return moment.error();
    return EndOption{.moment = *moment, .relative = form.from == Origin::kNow};
  }
  return EndOption{};
}

enum class Change : std::uint8_t { kNone, kEnd, kDelete, kPersist };

// Replies the fields' values and changes when they end; tells the journal.
void get_and_change(Context& ctx, ByteView key, Edit<Hash>& hash, std::span<const Word> fields,
                    Change change, std::int64_t moment, ReplyWriter& reply) {
  std::vector<ByteView> changed;
  reply.array(fields.size());
  for (const Word& field : fields) {
    const HashText value = hash->find(field.text);
    reply_text_or_null(reply, value);
    if (!value || change == Change::kNone) continue;
    if (change == Change::kPersist && hash->member_ms(field.text) == kNoExpiry) continue;
    if (change == Change::kDelete) {
      hash->erase(field.text);
    } else {
      hash.set_member_time(field.text, change == Change::kEnd ? moment : kNoExpiry);
    }
    changed.push_back(field.text);
  }
  if (changed.empty()) return;
  switch (change) {
    case Change::kNone:
      return;
    case Change::kEnd:
      hash.mark_changed("hexpire", changed.size());
      return tell_fields(ctx, {"HPEXPIREAT", key, Decimal(moment)}, changed);
    case Change::kPersist:
      hash.mark_changed("hpersist", changed.size());
      return tell_fields(ctx, {"HPERSIST", key}, changed);
    case Change::kDelete:
      hash.mark_changed("hdel", changed.size());
      ctx.count_expired_members(changed.size());
      return tell_deleted(ctx, key, changed);
  }
}

// HGETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]
//   FIELDS numfields field [field ...]
// Replies the values of fields and changes when they end.
Status hgetex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto hash = ctx.db().edit<Hash>(key);
  if (!hash) return hash.error();
  auto end = take_end(ctx, args);
  if (!end) return end.error();
  const bool persist = !*end && args.take("PERSIST");
  auto fields = read_fields(args);
  if (!fields) return fields.error();
  if (!*hash) {
    reply_nulls(fields->size(), reply);
    return ok;
  }
  Change change = persist ? Change::kPersist : Change::kNone;
  if (*end) change = is_over(ctx, end->moment) ? Change::kDelete : Change::kEnd;
  get_and_change(ctx, key, *hash, *fields, change, end->moment, reply);
  return ok;
}

constexpr std::string_view kTwoConditions =
    "ERR Only one of FXX or FNX arguments can be specified";
constexpr std::string_view kTwoEnds =
    "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";

// HSETEX's arguments behind the key.
struct SetRequest {
  bool if_none = false;  // FNX: only if none of the fields is there
  bool if_all = false;   // FXX: only if all of them are
  bool keep_time = false;
  EndOption end;
  std::span<const Word> pairs;

  Status read(const Context& ctx, Args& args);
  Status read_option(const Context& ctx, Args& args);
  Status read_pairs(const Context& ctx, Args& args);
  bool admits(const Hash* hash) const;
};

Status SetRequest::read_option(const Context& ctx, Args& args) {
  const bool conditional = if_none || if_all;
  if (args.take("FNX")) {
    if_none = true;
    if (conditional) args.fail(kTwoConditions);
  } else if (args.take("FXX")) {
    if_all = true;
    if (conditional) args.fail(kTwoConditions);
  } else if (args.take("KEEPTTL")) {
    if (end || keep_time) args.fail(kTwoEnds);
    keep_time = true;
  } else {
    auto taken = take_end(ctx, args, end || keep_time ? kTwoEnds : std::string_view());
    if (!taken) return taken.error();
    if (!*taken) return Error(Bytes("ERR unknown argument: ").append(c_text(args.next())));
    end = *taken;
  }
  return args.status();
}

// numfields field value [field value ...]
Status SetRequest::read_pairs(const Context& ctx, Args& args) {
  constexpr std::string_view kBadCount = "ERR invalid number of fields";
  if (args.left() < 3) return Error(CommandTable::arity_error(ctx.row(), ctx.words()));
  const std::int64_t count =
      args.integer_between(1, std::numeric_limits<std::int32_t>::max(), kBadCount);
  if (args.failed()) return Error(kBadCount);
  if (static_cast<std::size_t>(count) * 2 != args.left()) {
    return Error(CommandTable::arity_error(ctx.row(), ctx.words()));
  }
  pairs = args.rest();
  return ok;
}

Status SetRequest::read(const Context& ctx, Args& args) {
  while (args.more()) {
    if (args.take("FIELDS")) return read_pairs(ctx, args);
    if (Status taken = read_option(ctx, args); !taken) return taken;
  }
  return Error("ERR Mandatory argument FIELDS is missing or not at the right position");
}

bool SetRequest::admits(const Hash* hash) const {
  if (!if_none && !if_all) return true;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    if ((hash && hash->contains(pairs[i].text)) != if_all) return false;
  }
  return true;
}

// What follows the setting of fields that end: they get their time, or go at once.
Status settle_end(Context& ctx, ByteView key, const SetRequest& request) {
  const std::int64_t moment = request.end.moment;
  auto hash = ctx.db().edit<Hash>(key);
  if (!hash) return hash.error();
  const bool over = is_over(ctx, moment);
  std::vector<ByteView> deleted;
  for (std::size_t i = 0; i < request.pairs.size(); i += 2) {
    const ByteView field = request.pairs[i].text;
    if (!over) {
      hash->set_member_time(field, moment);
    } else if ((*hash)->erase(field)) {
      deleted.push_back(field);
    }
  }
  hash->mark_changed(over ? "hdel" : "hexpire", request.pairs.size() / 2);
  if (over) {
    ctx.count_expired_members(deleted.size());
    tell_deleted(ctx, key, deleted);
  } else if (request.end.relative) {
    const Decimal count(static_cast<std::int64_t>(request.pairs.size() / 2));
    const Decimal at(moment);
    std::vector<ByteView> words{"HSETEX", key, "PXAT", at, "FIELDS", count};
    for (const Word& word : request.pairs) words.push_back(word.text);
    ctx.effects().add(words);
  }
  return ok;
}

// HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-seconds |
//   PXAT unix-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]
// Replies whether the fields were set.
Status hsetex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  SetRequest request;
  if (Status read = request.read(ctx, args); !read) return read;
  auto hash = ctx.db().edit<Hash>(key, request.if_all ? IfMissing::kNone : IfMissing::kCreate);
  if (!hash) return hash.error();
  if (!*hash || !request.admits(&**hash)) {
    reply.integer(0);
    return ok;
  }
  const std::size_t count = request.pairs.size() / 2;
  (*hash)->prepare(count, ctx.limits());
  for (std::size_t i = 0; i < request.pairs.size(); i += 2) {
    const ByteView field = request.pairs[i].text;
    const Word& value = request.pairs[i + 1];
    if (request.keep_time) {
      (*hash)->set_keeping_time(field, value.text, ctx.limits(), value.owner);
    } else {
      (*hash)->set(field, value.text, ctx.limits(), value.owner);
    }
  }
  hash->mark_changed("hset", count);
  hash->close();
  reply.integer(1);
  return request.end ? settle_end(ctx, key, request) : Status(ok);
}

constexpr const char* kCost = "O(N) where N is the number of specified fields";

constexpr CommandSpec kRows[] = {
    {.name = "hgetdel",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = hgetdel,
     .group = Group::kHash,
     .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Replies the values of fields of a hash and deletes them.",
     .since = "8.0.0",
     .complexity = kCost},
    {.name = "hgetex",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = hgetex,
     .group = Group::kHash,
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
     .summary = "Replies the values of fields of a hash and changes when they end.",
     .since = "8.0.0",
     .complexity = kCost},
    {.name = "hsetex",
     .arity = at_least(6),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = hsetex,
     .group = Group::kHash,
     .syntax = "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
     .summary = "Sets fields of a hash and when they end.",
     .since = "8.0.0",
     .complexity = "O(N) where N is the number of fields being set."},
};

}  // namespace

std::span<const CommandSpec> hash_exchange_commands() { return kRows; }

}  // namespace memoir
