// Commands on single bits and whole bitmaps: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. And the list
// of all rows of this folder.

#include <algorithm>
#include <vector>

#include "datatypes/bitmap/bit_operation.h"
#include "datatypes/bitmap/bits.h"
#include "datatypes/bitmap/rows.h"
#include "datatypes/registry.h"

namespace memoir {
namespace {

// SETBIT key offset value
Status setbit(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::string_view kBadBit = "ERR bit is not an integer or out of range";
  const ByteView key = args.next();
  const std::int64_t signed_offset = args.integer(kBadBitOffset);
  if (!is_bit_offset(ctx, signed_offset)) args.fail(kBadBitOffset);
  const bool bit = args.integer_between(0, 1, kBadBit) == 1;
  if (args.failed()) return args.status();
  const auto offset = static_cast<std::uint64_t>(signed_offset);

  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  const std::size_t size_before = edit->size();
  const std::size_t size = std::max<std::size_t>(size_before, offset / 8 + 1);
  char& byte = edit->grow_to(size)[offset / 8];
  const auto mask = static_cast<unsigned char>(0x80U >> (offset % 8));
  const bool before = (static_cast<unsigned char>(byte) & mask) != 0;
  if (bit != before) byte = static_cast<char>(byte ^ static_cast<char>(mask));
  if (bit != before || size != size_before || edit->created()) edit->mark_changed("setbit");
  reply.integer(before);
  return ok;
}

// GETBIT key offset
Status getbit(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t offset = args.integer(kBadBitOffset);
  if (!is_bit_offset(ctx, offset)) args.fail(kBadBitOffset);
  if (args.failed()) return args.status();
  const Entry* entry = ctx.db().lookup(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const ByteView bytes = entry ? string_view_of(*entry, scratch) : ByteView();
  reply.integer(test_bit(bytes, static_cast<std::uint64_t>(offset)));
  return ok;
}

enum class Unit : std::uint8_t { kByte, kBit };

Unit read_unit(Args& args) {
  if (args.take("bit")) return Unit::kBit;
  if (!args.take("byte")) args.fail(kSyntaxError);
  return Unit::kByte;
}

// The bits from `start` to `end`, both included and counted from the end if negative, of a string
// of `size` bytes.
BitRange resolve(std::int64_t start, std::int64_t end, Unit unit, std::size_t size) {
  const auto width = static_cast<std::int64_t>(unit == Unit::kBit ? 1 : 8);
  const auto total = static_cast<std::int64_t>(size) * (8 / width);
  if (start < 0) start = std::max<std::int64_t>(start + total, 0);
  if (end < 0) end = std::max<std::int64_t>(end + total, 0);
  end = std::min(end, total - 1);
  if (start > end) return {};
  return {static_cast<std::uint64_t>(start * width), static_cast<std::uint64_t>((end + 1) * width)};
}

// BITCOUNT key [start end [BYTE | BIT]]
// A missing key counts 0 whatever else is said.
Status bitcount(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (!entry) {
    reply.integer(0);
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const ByteView bytes = string_view_of(*entry, scratch);
  if (!args.more()) {
    reply.integer(static_cast<std::int64_t>(count_bits(bytes)));
    return ok;
  }
  if (args.left() != 2 && args.left() != 3) return Error(kSyntaxError);
  const std::int64_t start = args.integer();
  const std::int64_t end = args.integer();
  if (args.failed()) return args.status();
  if (start < 0 && end < 0 && start > end) {
    reply.integer(0);
    return ok;
  }
  const Unit unit = args.more() ? read_unit(args) : Unit::kByte;
  if (args.failed()) return args.status();
  const BitRange range = resolve(start, end, unit, bytes.size());
  reply.integer(static_cast<std::int64_t>(count_bits(bytes, range)));
  return ok;
}

struct PositionRange {
  BitRange bits;
  bool end_given = false;
};

// [start [end [BYTE | BIT]]]
PositionRange read_position_range(Args& args, std::size_t size) {
  if (!args.more()) return {.bits = resolve(0, -1, Unit::kByte, size)};
  if (args.left() > 3) args.fail(kSyntaxError);
  const std::int64_t start = args.integer();
  Unit unit = Unit::kByte;
  if (args.left() == 2) {  // a bad unit is reported before a bad end
    Args ahead = args;
    ahead.skip();
    unit = read_unit(ahead);
    if (ahead.failed()) args.fail(kSyntaxError);
  }
  const bool end_given = args.more();
  const std::int64_t end = end_given ? args.integer() : -1;
  return {.bits = resolve(start, end, unit, size), .end_given = end_given};
}

// BITPOS key bit [start [end [BYTE | BIT]]]
// Without an end a string counts as followed by zeros.
Status bitpos(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t bit = args.integer();
  if (bit != 0 && bit != 1) args.fail("ERR The bit argument must be 1 or 0.");
  if (args.failed()) return args.status();
  const Entry* entry = ctx.db().lookup(key);
  if (!entry) {
    reply.integer(bit ? -1 : 0);
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const ByteView bytes = string_view_of(*entry, scratch);
  const PositionRange range = read_position_range(args, bytes.size());
  if (args.failed()) return args.status();
  std::int64_t place = find_bit(bytes, range.bits, bit == 1);
  if (place < 0 && bit == 0 && !range.end_given && range.bits.first < range.bits.end) {
    place = static_cast<std::int64_t>(range.bits.end);
  }
  reply.integer(place);
  return ok;
}

Status check_sources(BitOperation operation, ByteView word, std::size_t count) {
  if (operation == BitOperation::kNot && count != 1) {
    return Error("ERR BITOP NOT must be called with a single source key.");
  }
  const bool wants_two = operation == BitOperation::kDiff || operation == BitOperation::kDiff1 ||
                         operation == BitOperation::kAndOr;
  if (!wants_two || count >= 2) return ok;
  Bytes text = "ERR BITOP ";
  for (const char c : word) text += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return Error(text += " must be called with at least two source keys.");
}

// The strings that BITOP combines. Integers are written out beside them.
struct BitSources {
  struct Digits {
    char text[kIntegerCharsMax];
  };
  std::vector<ByteView> bytes;
  std::vector<Digits> digits;
  std::size_t size = 0;  // of the longest

  Status read(Context& ctx, Args args) {
    digits.resize(args.left());
    bytes.reserve(args.left());
    for (Digits& scratch : digits) {
      const Entry* entry = ctx.db().lookup(args.next());
      if (entry && !entry->is_string()) return Error(kWrongType);
      bytes.push_back(entry ? string_view_of(*entry, scratch.text) : ByteView());
      size = std::max(size, bytes.back().size());
    }
    return ok;
  }
};

// BITOP operation destkey key [key ...]
// Replies the length of the result.
Status bitop(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView word = args.next();
  const auto operation = parse_bit_operation(word);
  if (!operation) return Error(kSyntaxError);
  const ByteView target = args.next();
  if (Status sound = check_sources(*operation, word, args.left()); !sound) return sound;
  BitSources sources;
  if (Status read = sources.read(ctx, args); !read) return read;
  if (sources.size == 0) {
    ctx.db().remove(target);
  } else {
    SharedBytes result = SharedBytes::with_size(sources.size);
    combine_bits(*operation, sources.bytes, result.data(), sources.size);
    ctx.db().set_raw(target, std::move(result), "set");
  }
  reply.integer(static_cast<std::int64_t>(sources.size));
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "setbit",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = setbit,
     .group = Group::kBitmap,
     .syntax = "key offset value:integer",
     .summary = "Sets or clears a bit of a string, creating or lengthening it if needed.",
     .since = "2.2.0",
     .complexity = "O(1)"},
    {.name = "getbit",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = getbit,
     .group = Group::kBitmap,
     .syntax = "key offset",
     .summary = "Replies a bit of a string.",
     .since = "2.2.0",
     .complexity = "O(1)"},
    {.name = "bitcount",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = bitcount,
     .group = Group::kBitmap,
     .syntax = "key [start end [BYTE | BIT]]",
     .summary = "Counts the bits of a string that are set.",
     .since = "2.6.0",
     .complexity = "O(N)"},
    {.name = "bitpos",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = bitpos,
     .group = Group::kBitmap,
     .syntax = "key bit [start [end [BYTE | BIT]]]",
     .summary = "Finds the first bit of a string that is set, or clear.",
     .since = "2.8.7",
     .complexity = "O(N)"},
    {.name = "bitop",
     .arity = at_least(4),
     .keys = {key_range(2, 2, 1, kKeyOW | kKeyUpdate), key_range(3, -1, 1, kKeyRO | kKeyAccess)},
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = bitop,
     .group = Group::kBitmap,
     .syntax = "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
     .summary = "Combines the bits of several strings and stores the result.",
     .since = "2.6.0",
     .complexity = "O(N)"},
};

}  // namespace

std::span<const CommandSpec> bit_commands() { return kRows; }

std::span<const CommandSpec> bitmap_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {bit_commands(), bitfield_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
