// BITFIELD and BITFIELD_RO: a string as integers of any width up to 64 bits.

#include <algorithm>
#include <vector>

#include "datatypes/bitmap/bits.h"
#include "datatypes/bitmap/rows.h"
#include "src/base/glob.h"

namespace memoir {
namespace {

enum class Overflow : std::uint8_t { kWrap, kSaturate, kFail };

struct FieldStep {
  enum class Kind : std::uint8_t { kGet, kSet, kIncrement };
  Kind kind = Kind::kGet;
  Overflow overflow = Overflow::kWrap;
  bool is_signed = false;
  unsigned bits = 0;
  std::uint64_t offset = 0;
  std::int64_t value = 0;

  std::uint64_t end() const { return offset + bits; }
};

// "i16", "u8". What follows a zero byte is not seen, as in Redis.
void read_encoding(Args& args, FieldStep& step) {
  constexpr std::string_view kBadType =
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
      "i64 is.";
  ByteView word = args.next();
  word = word.substr(0, word.find('\0'));
  if (word.empty() || (word[0] != 'i' && word[0] != 'u')) return args.fail(kBadType);
  step.is_signed = word[0] == 'i';
  const auto bits = parse_integer(word.substr(1));
  if (!bits || *bits < 1 || *bits > (step.is_signed ? 64 : 63)) return args.fail(kBadType);
  step.bits = static_cast<unsigned>(*bits);
}

// "100", or "#3": the third integer of this width, counted from 0.
void read_offset(Context& ctx, Args& args, FieldStep& step) {
  ByteView word = args.next();
  const bool counted = word.starts_with('#');
  if (counted) word.remove_prefix(1);
  const auto number = parse_integer(word);
  std::int64_t offset = number.value_or(-1);
  const bool too_far =
      counted && __builtin_mul_overflow(offset, static_cast<std::int64_t>(step.bits), &offset);
  if (!number || too_far || !is_bit_offset(ctx, offset)) return args.fail(kBadBitOffset);
  step.offset = static_cast<std::uint64_t>(offset);
}

void read_overflow(Args& args, Overflow& overflow) {
  if (args.take("wrap")) {
    overflow = Overflow::kWrap;
  } else if (args.take("sat")) {
    overflow = Overflow::kSaturate;
  } else if (args.take("fail")) {
    overflow = Overflow::kFail;
  } else {
    args.fail("ERR Invalid OVERFLOW type specified");
  }
}

struct FieldProgram {
  std::vector<FieldStep> steps;
  bool writes = false;
  std::uint64_t end = 0;  // of the farthest write, in bits

  void read(Context& ctx, Args& args);
};

void FieldProgram::read(Context& ctx, Args& args) {
  using Kind = FieldStep::Kind;
  Overflow overflow = Overflow::kWrap;
  while (args.more() && !args.failed()) {
    FieldStep step{.overflow = overflow};
    if (args.take("get", 2)) {
      step.kind = Kind::kGet;
    } else if (args.take("set", 3)) {
      step.kind = Kind::kSet;
    } else if (args.take("incrby", 3)) {
      step.kind = Kind::kIncrement;
    } else if (args.take("overflow", 1)) {
      read_overflow(args, overflow);
      continue;
    } else {
      return args.fail(kSyntaxError);
    }
    read_encoding(args, step);
    if (args.failed()) return;
    read_offset(ctx, args, step);
    if (args.failed()) return;
    if (step.kind != Kind::kGet) {
      step.value = args.integer();
      writes = true;
      end = std::max(end, step.end());
    }
    steps.push_back(step);
  }
}

std::int64_t sign_extended(std::uint64_t value, unsigned bits) {
  const unsigned unused = 64 - bits;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

// `from` + `by` as an integer of the step's form; `fits` says whether that is the true sum, and
// what it is otherwise depends on the step's rule.
std::uint64_t sum_within(const FieldStep& step, __int128 sum, bool& fits) {
  const __int128 one = 1;
  const __int128 max = (one << (step.bits - (step.is_signed ? 1 : 0))) - 1;
  const __int128 min = step.is_signed ? -max - 1 : 0;
  fits = sum >= min && sum <= max;
  if (fits || step.overflow != Overflow::kSaturate) return static_cast<std::uint64_t>(sum);
  return static_cast<std::uint64_t>(sum > max ? max : min);
}

std::int64_t as_reply(const FieldStep& step, std::uint64_t value) {
  if (step.is_signed) return sign_extended(value, step.bits);
  return static_cast<std::int64_t>(value & (~0ULL >> (64 - step.bits)));
}

enum class Written : std::uint8_t { kRefused, kSame, kChanged };

// Runs SET or INCRBY and replies.
Written write_field(const FieldStep& step, char* bytes, std::size_t size, ReplyWriter& reply) {
  const std::uint64_t stored = read_bits({bytes, size}, step.offset, step.bits);
  const std::int64_t old = as_reply(step, stored);
  const bool adds = step.kind == FieldStep::Kind::kIncrement;
  // An unsigned field takes the value of a SET as unsigned.
  const __int128 given = adds || step.is_signed ? static_cast<__int128>(step.value)
                                                : static_cast<std::uint64_t>(step.value);
  bool fits = false;
  const std::uint64_t fresh = sum_within(step, adds ? old + given : given, fits);
  if (!fits && step.overflow == Overflow::kFail) {
    reply.null();
    return Written::kRefused;
  }
  const std::int64_t written = as_reply(step, fresh);
  reply.integer(adds ? written : old);
  write_bits(bytes, step.offset, step.bits, fresh);
  return written != old ? Written::kChanged : Written::kSame;
}

Status reply_fields(Context& ctx, ByteView key, const FieldProgram& program, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const ByteView bytes = entry ? string_view_of(*entry, scratch) : ByteView();
  reply.array(program.steps.size());
  for (const FieldStep& step : program.steps) {
    reply.integer(as_reply(step, read_bits(bytes, step.offset, step.bits)));
  }
  return ok;
}

Status write_fields(Context& ctx, ByteView key, const FieldProgram& program, ReplyWriter& reply) {
  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  const std::size_t size_before = edit->size();
  const std::size_t size = std::max<std::size_t>(size_before, (program.end + 7) / 8);
  const bool grown = size != size_before || edit->created();
  char* const bytes = edit->grow_to(size);
  bool told = false;
  reply.array(program.steps.size());
  for (const FieldStep& step : program.steps) {
    if (step.kind == FieldStep::Kind::kGet) {
      reply.integer(as_reply(step, read_bits({bytes, size}, step.offset, step.bits)));
      continue;
    }
    const Written written = write_field(step, bytes, size, reply);
    told = told || written == Written::kChanged || (grown && written == Written::kSame);
  }
  // What only grew, since every step overflowed, is kept, but not told of.
  if (told || grown) edit->mark_changed(told ? "setbit" : nullptr);
  return ok;
}

enum class Mode : bool { kReadOnly, kAny };

Status run_fields(Context& ctx, Args args, Mode mode, ReplyWriter& reply) {
  const ByteView key = args.next();
  FieldProgram program;
  program.read(ctx, args);
  if (args.failed()) return args.status();
  if (!program.writes) return reply_fields(ctx, key, program, reply);
  if (mode == Mode::kReadOnly) return Error("ERR BITFIELD_RO only supports the GET subcommand");
  return write_fields(ctx, key, program, reply);
}

// BITFIELD key [steps ...]
Status bitfield(Context& ctx, Args args, ReplyWriter& reply) {
  return run_fields(ctx, args, Mode::kAny, reply);
}

// BITFIELD_RO key [GET encoding offset ...]
Status bitfield_ro(Context& ctx, Args args, ReplyWriter& reply) {
  return run_fields(ctx, args, Mode::kReadOnly, reply);
}

// BITFIELD changes nothing if all it has are GETs.
std::uint16_t bitfield_key_flags(std::span<const Word> words) {
  for (std::size_t i = 2; i < words.size();) {
    const std::size_t left = words.size() - i - 1;
    if (equals_ignoring_case(words[i].text, "GET") && left >= 2) {
      i += 3;
    } else if (equals_ignoring_case(words[i].text, "OVERFLOW") && left >= 1) {
      i += 2;
    } else {
      return kKeyRW | kKeyAccess | kKeyUpdate;
    }
  }
  return kKeyRO | kKeyAccess;
}

constexpr CommandSpec kRows[] = {
    {.name = "bitfield",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable),
     .key_flags = bitfield_key_flags,
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = bitfield,
     .group = Group::kBitmap,
     .syntax = "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] "
               "<SET encoding offset value:integer | INCRBY encoding offset increment>] ...",
     .summary = "Reads and changes integers of any width within a string.",
     .since = "3.2.0",
     .complexity = "O(1) for each subcommand specified"},
    {.name = "bitfield_ro",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = bitfield_ro,
     .group = Group::kBitmap,
     .syntax = "key [GET encoding offset]...",
     .summary = "Reads integers of any width within a string.",
     .since = "6.0.0",
     .complexity = "O(1) for each subcommand specified"},
};

}  // namespace

std::span<const CommandSpec> bitfield_commands() { return kRows; }

}  // namespace memoir
