#include "persistence/frame_merger.h"

namespace memoir {

void FrameMerger::on_session(const SessionView& session) {
  // The number is used anew: records before and behind cannot share a frame.
  if (declared_.contains(session.id) && flushed_) flushed_ = finish();
  Bytes& bytes = known_[session.id];
  bytes.clear();
  append_session(bytes, session);
}

bool FrameMerger::fits(const RecordView& record) const {
  const std::int64_t delay = record.time_us - time_us_;
  return words_.size() < words_bytes_ &&
         (words_.empty() || record.words.size() < kFrameWordsBytes) && delay >= INT32_MIN &&
         delay <= INT32_MAX;
}

Status FrameMerger::on_record(const RecordView& record) {
  if (!flushed_) return std::move(flushed_);
  if (!entries_.empty() && !fits(record)) {
    if (Status done = finish(); !done) return done;
  }
  if (entries_.empty()) {
    first_lsn_ = record.first;
    time_us_ = record.time_us;
  }
  const auto known = known_.find(record.session);
  if (known != known_.end() && declared_.insert(record.session).second) {
    sessions_.append(known->second);
  }
  entries_.push_back({.bytes = static_cast<std::uint32_t>(record.words.size()),
                      .delay_us = static_cast<std::int32_t>(record.time_us - time_us_),
                      .session = record.session,
                      .db = record.db,
                      .flags = record.flags});
  words_.append(record.words);
  return ok;
}

Status FrameMerger::finish() {
  if (!flushed_) return std::move(flushed_);
  if (entries_.empty()) return ok;
  table_.clear();
  append_table(table_, entries_);
  FrameHead head;
  head.count = static_cast<std::uint32_t>(entries_.size());
  head.first_lsn = first_lsn_;
  head.synced_lsn = first_lsn_;
  head.time_us = time_us_;
  seal_frame(head, salt_, table_, sessions_, words_);
  frame_.clear();
  frame_.reserve(kFrameHeadBytes + head.body_bytes());
  frame_.append(reinterpret_cast<const char*>(&head), sizeof(head));
  frame_.append(table_).append(sessions_).append(words_);
  entries_.clear();
  sessions_.clear();
  words_.clear();
  declared_.clear();
  return sink_.on_frame(frame_, first_lsn_, time_us_);
}

}  // namespace memoir
