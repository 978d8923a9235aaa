#include "datatypes/stream/stream_claims.h"

namespace memoir {

void StreamClaims::add(StreamId id, std::int64_t time_ms, std::uint64_t count) {
  constexpr std::size_t kIdsMax = 256;
  if (!ids_.empty() && (time_ms != time_ms_ || count != count_ || ids_.size() == kIdsMax)) flush();
  any_ = true;
  time_ms_ = time_ms;
  count_ = count;
  ids_.push_back(id);
}

void StreamClaims::flush() {
  if (ids_.empty()) return;
  const std::vector<StreamIdText> texts(ids_.begin(), ids_.end());
  const Decimal time(time_ms_);
  const Decimal count(static_cast<std::int64_t>(count_));
  const StreamIdText last(group_.last_id);
  std::vector<ByteView> words{"XCLAIM", key_, group_.name, consumer_.name, "0"};
  words.insert(words.end(), texts.begin(), texts.end());
  for (const ByteView word : {ByteView("TIME"), ByteView(time), ByteView("RETRYCOUNT"),
                              ByteView(count), ByteView("JUSTID")}) {
    words.push_back(word);
  }
  if (why_ == Why::kDelivered) {
    for (const ByteView word : {ByteView("FORCE"), ByteView("LASTID"), ByteView(last)}) {
      words.push_back(word);
    }
  }
  ctx_.effects().add(words);
  ids_.clear();
}

void journal_group_position(Context& ctx, ByteView key, const StreamGroup& group) {
  const StreamIdText last(group.last_id);
  const Decimal read(group.entries_read);
  ctx.effects().add({"XGROUP", "SETID", key, group.name, last, "ENTRIESREAD", read});
}

}  // namespace memoir
