// What the requests of several stream commands have in common: ids, intervals, trimming options.
#pragma once

#include <vector>

#include "datatypes/stream/stream.h"
#include "src/command/args.h"
#include "src/command/context.h"

namespace memoir {

// The next word as an id. Fails with "ERR Invalid stream ID ...".
StreamId take_stream_id(Args& args);
// All words left as ids.
std::vector<StreamId> take_stream_ids(Args& args);

// Two words as the ends of a range: ids, incomplete ones, "-", "+", "(" for exclusive ends.
struct StreamInterval {
  StreamId first;
  StreamId last;
};
StreamId take_interval_start(Args& args);
StreamId take_interval_end(Args& args);

// The options of XADD and XTRIM that say what to trim, and where they stand.
struct StreamTrimOptions {
  StreamTrim trim;
  std::size_t at = 0;         // the word MAXLEN or MINID
  std::size_t threshold = 0;  // its value; the word before it may be ~ or =
  std::size_t limit = 0;      // the word LIMIT; 0: none
  bool limited = false;
};

// Reads one option at word `i` of the request; false if it is none. Moves `i` behind it. Errors
// are left in `args`.
bool read_trim_option(std::span<const Word> words, std::size_t& i, StreamTrimOptions& options,
                      Args& args);
// To be called at the end: judges the options as a whole and sets the default limit.
Status settle_trim_options(Context& ctx, StreamTrimOptions& options);

// The request's words as they give the same result at any time: trimming up to a node's end or to
// a limit becomes trimming to where it led. Words of an interest to XADD are changed by it.
std::vector<ByteView> exact_trim_words(std::span<const Word> words,
                                       const StreamTrimOptions& options, ByteView threshold);

// NOGROUP, for commands on a group's pending entries.
Error no_such_key_or_group(ByteView key, ByteView group);

// "KEEPREF", "DELREF" or "ACKED" in any case.
std::optional<StreamReferences> references_of(ByteView word);

}  // namespace memoir
