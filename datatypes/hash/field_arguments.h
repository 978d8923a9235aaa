// What commands about the times of fields have in common in their arguments: a moment, and the
// fields behind the word FIELDS.
#pragma once

#include <limits>
#include <span>

#include "src/command/context.h"

namespace memoir {

enum class Origin : bool { kNow, kEpoch };

// Takes an amount of units of `unit_ms` and returns the moment, in Unix milliseconds, that lies so
// long after now or the epoch.
inline Result<std::int64_t> read_field_moment(const Context& ctx, Args& args, std::int64_t unit_ms,
                                              Origin from) {
  const std::int64_t amount = args.integer();
  if (args.failed()) return args.status().error();
  if (amount < 0) return Error("ERR invalid expire time, must be >= 0");
  const std::int64_t origin = from == Origin::kNow ? ctx.now_ms() : 0;
  if (amount > (kMemberMomentMax - 1 - origin) / unit_ms) {
    return Error(Bytes("ERR invalid expire time in '") + ctx.command().name + "' command");
  }
  return amount * unit_ms + origin;
}

inline constexpr std::string_view kFieldCountError =
    "ERR Number of fields must be a positive integer";

// Takes FIELDS numfields field [field ...], which must be all that is left.
inline Result<std::span<const Word>> read_fields(Args& args,
                                                 std::string_view error = kFieldCountError) {
  if (!args.take("FIELDS")) {
    return Error("ERR Mandatory argument FIELDS is missing or not at the right position");
  }
  const std::int64_t count =
      args.integer_between(1, std::numeric_limits<std::int64_t>::max(), error);
  if (args.failed()) return Error(error);
  if (static_cast<std::size_t>(count) != args.left()) {
    return Error("ERR The `numfields` parameter must match the number of arguments");
  }
  return args.rest();
}

// Whether what ends at this moment is to go at once. Elsewhere than on a primary it stays: others
// decide.
inline bool is_over(const Context& ctx, std::int64_t moment) {
  return moment <= ctx.now_ms() && ctx.expires_here();
}

// Tells what happened to fields as a command of Redis: `head` (its name, key and options), FIELDS,
// their number and names. Nothing if there are none.
inline void tell_fields(Context& ctx, std::initializer_list<ByteView> head,
                        std::span<const ByteView> fields) {
  if (fields.empty()) return;
  const Decimal count(static_cast<std::int64_t>(fields.size()));
  std::vector<ByteView> words(head);
  words.insert(words.end(), {"FIELDS", count});
  words.insert(words.end(), fields.begin(), fields.end());
  ctx.effects().add(words);
}

// The same for fields that were deleted.
inline void tell_deleted(Context& ctx, ByteView key, std::span<const ByteView> fields) {
  if (fields.empty()) return;
  std::vector<ByteView> words{"HDEL", key};
  words.insert(words.end(), fields.begin(), fields.end());
  ctx.effects().add(words);
}

}  // namespace memoir
