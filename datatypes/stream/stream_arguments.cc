#include "datatypes/stream/stream_arguments.h"

#include <algorithm>

#include "src/base/c_text.h"

namespace memoir {

StreamId take_stream_id(Args& args) {
  const auto id = parse_stream_id(args.next());
  if (!id) args.fail(kInvalidStreamId);
  return id.value_or(StreamId());
}

std::vector<StreamId> take_stream_ids(Args& args) {
  std::vector<StreamId> ids;
  ids.reserve(args.left());
  while (args.more() && !args.failed()) ids.push_back(take_stream_id(args));
  return ids;
}

namespace {

struct Bound {
  StreamId id;
  bool exclusive;
};

Bound take_bound(Args& args, std::uint64_t missing_seq) {
  ByteView text = args.next();
  const bool exclusive = text.size() > 1 && text[0] == '(';
  if (exclusive) text.remove_prefix(1);
  const auto id = exclusive ? parse_stream_id(text, missing_seq)
                            : parse_stream_bound(text, missing_seq);
  if (!id) args.fail(kInvalidStreamId);
  return {id.value_or(StreamId()), exclusive};
}

}  // namespace

StreamId take_interval_start(Args& args) {
  Bound bound = take_bound(args, 0);
  if (bound.exclusive && !bound.id.increment()) {
    args.fail("ERR invalid start ID for the interval");
  }
  return bound.id;
}

StreamId take_interval_end(Args& args) {
  Bound bound = take_bound(args, StreamId::kPartMax);
  if (bound.exclusive && !bound.id.decrement()) args.fail("ERR invalid end ID for the interval");
  return bound.id;
}

Error no_such_key_or_group(ByteView key, ByteView group) {
  return Error("NOGROUP No such key '" + Bytes(c_text(key)) + "' or consumer group '" +
               Bytes(c_text(group)) + "'");
}

std::optional<StreamReferences> references_of(ByteView word) {
  if (equals_ignoring_case(word, "keepref")) return StreamReferences::kKeep;
  if (equals_ignoring_case(word, "delref")) return StreamReferences::kDrop;
  if (equals_ignoring_case(word, "acked")) return StreamReferences::kAcked;
  return std::nullopt;
}

namespace {

// MAXLEN [= | ~] threshold, MINID [= | ~] threshold: `i` is the first of these words.
void read_threshold(std::span<const Word> words, std::size_t& i, StreamTrim::By by,
                    StreamTrimOptions& options, Args& args) {
  StreamTrim& trim = options.trim;
  if (trim.by != StreamTrim::By::kNothing) {
    return args.fail(
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  }
  options.at = i++;
  const ByteView sign = words[i].text;
  trim.whole_nodes = sign == "~" && i + 1 < words.size();
  if ((sign == "~" || sign == "=") && i + 1 < words.size()) ++i;
  options.threshold = i;
  trim.by = by;
  const ByteView text = words[i++].text;
  if (by == StreamTrim::By::kId) {
    const auto id = parse_stream_id(text);
    if (!id) return args.fail(kInvalidStreamId);
    trim.first = *id;
    return;
  }
  const auto length = parse_integer(text);
  if (!length) return args.fail(kNotInteger);
  if (*length < 0) return args.fail("ERR The MAXLEN argument must be >= 0.");
  trim.length = static_cast<std::uint64_t>(*length);
}

}  // namespace

bool read_trim_option(std::span<const Word> words, std::size_t& i, StreamTrimOptions& options,
                      Args& args) {
  const ByteView word = words[i].text;
  const bool more = i + 1 < words.size();
  if (more && equals_ignoring_case(word, "maxlen")) {
    read_threshold(words, i, StreamTrim::By::kLength, options, args);
  } else if (more && equals_ignoring_case(word, "minid")) {
    read_threshold(words, i, StreamTrim::By::kId, options, args);
  } else if (more && equals_ignoring_case(word, "limit")) {
    const auto limit = parse_integer(words[i + 1].text);
    if (!limit) args.fail(kNotInteger);
    else if (*limit < 0) args.fail("ERR The LIMIT argument must be >= 0.");
    else options.trim.limit = static_cast<std::uint64_t>(*limit);
    options.limited = true;
    options.limit = i;
    i += 2;
  } else if (const auto references = references_of(word)) {
    options.trim.references = *references;
    ++i;
  } else {
    return false;
  }
  return true;
}

Status settle_trim_options(Context& ctx, StreamTrimOptions& options) {
  StreamTrim& trim = options.trim;
  if (trim.limit != 0 && trim.by == StreamTrim::By::kNothing) {
    return Error(
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  }
  if (ctx.replaying()) {
    // A record says exactly what was trimmed.
    trim.limit = 0;
    return ok;
  }
  if (options.limited) {
    if (!trim.whole_nodes) {
      return Error("ERR syntax error, LIMIT cannot be used without the special ~ option");
    }
    return ok;
  }
  if (!trim.whole_nodes) return ok;
  constexpr std::int64_t kNodes = 100;
  constexpr std::int64_t kEntriesMax = 1'000'000;
  const std::int64_t entries = ctx.limits().stream_node_entries;
  const std::int64_t limit = entries > 0 ? std::min(entries, kEntriesMax) * kNodes : 10'000;
  trim.limit = static_cast<std::uint64_t>(std::min(limit, kEntriesMax));
  return ok;
}

std::vector<ByteView> exact_trim_words(std::span<const Word> words,
                                       const StreamTrimOptions& options, ByteView threshold) {
  std::vector<ByteView> exact;
  exact.reserve(words.size() + 1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool inexact = options.trim.whole_nodes;
    if (inexact && options.limited && (i == options.limit || i == options.limit + 1)) continue;
    if (inexact && i == options.threshold - 1) exact.push_back("=");
    else if (inexact && i == options.threshold) exact.push_back(threshold);
    else exact.push_back(words[i].text);
  }
  return exact;
}

}  // namespace memoir
