#include <algorithm>
#include <limits>

#include "datatypes/string/lcs.h"
#include "datatypes/string/rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

struct LcsOptions {
  bool length = false;
  bool indexes = false;
  bool match_lengths = false;
  std::int64_t match_length_min = 0;
};

Result<LcsOptions> lcs_options(Args& args) {
  LcsOptions options;
  while (args.more()) {
    if (args.take("IDX")) {
      options.indexes = true;
    } else if (args.take("LEN")) {
      options.length = true;
    } else if (args.take("WITHMATCHLEN")) {
      options.match_lengths = true;
    } else if (args.take("MINMATCHLEN", 1)) {
      options.match_length_min = std::max<std::int64_t>(args.integer(), 0);
    } else {
      args.fail(kSyntaxError);
    }
    if (args.failed()) return args.status().error();
  }
  if (options.indexes && options.length) {
    return Error("ERR If you want both the length and indexes, please just use IDX.");
  }
  return options;
}

void reply_range(ReplyWriter& reply, std::size_t begin, std::size_t size) {
  reply.array(2);
  reply.integer(static_cast<std::int64_t>(begin));
  reply.integer(static_cast<std::int64_t>(begin + size - 1));
}

void reply_indexes(ReplyWriter& reply, const Lcs& lcs, const LcsOptions& options) {
  reply.map(2);
  reply.bulk("matches");
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t count = 0;
  lcs.walk_back([&](const Lcs::Match& match) {
    const auto size = static_cast<std::int64_t>(match.size);
    if (size < options.match_length_min) return;
    ++count;
    reply.array(options.match_lengths ? 3 : 2);
    reply_range(reply, match.a_begin, match.size);
    reply_range(reply, match.b_begin, match.size);
    if (options.match_lengths) reply.integer(size);
  });
  reply.end_array(mark, count);
  reply.bulk("len");
  reply.integer(static_cast<std::int64_t>(lcs.length()));
}

// LCS key1 key2 [options]
Status lcs(Context& ctx, Args args, ReplyWriter& reply) {
  char scratch[2][kIntegerCharsMax];
  ByteView texts[2];
  for (int i = 0; i < 2; ++i) {
    const Entry* entry = ctx.db().lookup(args.next());
    if (!entry) continue;
    if (!entry->is_string()) return Error("ERR The specified keys must contain string values");
    texts[i] = string_view_of(*entry, scratch[i]);
  }
  const ByteView a = texts[0];
  const ByteView b = texts[1];
  auto options = lcs_options(args);
  if (!options) return options.error();
  constexpr std::size_t kSizeMax = std::numeric_limits<std::uint32_t>::max() - 1;
  if (a.size() >= kSizeMax || b.size() >= kSizeMax) return Error("ERR String too long for LCS");
  // The limit bounds the time as well, so it holds even where the rows are not kept.
  if (Lcs::rows_bytes(a, b) > ctx.environment().string_bytes_max) {
    return Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }

  const Lcs common(a, b, options->length ? LcsKeep::kLength : LcsKeep::kRows);
  if (options->length) {
    reply.integer(static_cast<std::int64_t>(common.length()));
  } else if (options->indexes) {
    reply_indexes(reply, common, *options);
  } else {
    Bytes text(common.length(), '\0');
    std::size_t at = text.size();
    common.walk_back([&](const Lcs::Match& match) {
      at -= match.size;
      a.copy(text.data() + at, match.size, match.a_begin);
    });
    reply.bulk(text);
  }
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "lcs",
     .arity = at_least(3),
     .keys = {key_range(1, 2, 1, kKeyRO | kKeyAccess)},
     .access = Access::kRead,
     .run = lcs,
     .group = Group::kString,
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary = "Finds the longest common subsequence of two strings.",
     .since = "7.0.0",
     .complexity = "O(N*M) where N and M are the lengths of the strings."},
};

}  // namespace

std::span<const CommandSpec> lcs_commands() { return kRows; }

}  // namespace memoir
