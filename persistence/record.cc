#include "persistence/record.h"

#include <charconv>

#include "src/base/coding.h"
#include "src/base/hash.h"

namespace memoir {

namespace {
constexpr ByteView kSelectZero = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
}

std::size_t format_select(std::uint16_t db, char* out) {
  static constexpr ByteView kFront = "*2\r\n$6\r\nSELECT\r\n$";
  char digits[8];
  const auto count = static_cast<std::size_t>(
      std::to_chars(digits, digits + sizeof(digits), db).ptr - digits);
  char* to = out;
  std::memcpy(to, kFront.data(), kFront.size());
  to += kFront.size();
  *to++ = static_cast<char>('0' + count);
  *to++ = '\r';
  *to++ = '\n';
  std::memcpy(to, digits, count);
  to += count;
  *to++ = '\r';
  *to++ = '\n';
  return static_cast<std::size_t>(to - out);
}

void append_record_words(Bytes& out, std::uint16_t db, ByteView words) {
  if (db == 0) {
    out.append(words);
    return;
  }
  char select[kSelectBytesMax];
  out.append(select, format_select(db, select));
  out.append(words);
  out.append(kSelectZero);
}

bool RequestCursor::length(char type, std::size_t& value) {
  const std::size_t end = in_.find("\r\n");
  if (end == ByteView::npos || end < 2 || in_[0] != type) return false;
  const char* last = in_.data() + end;
  const auto [stop, error] = std::from_chars(in_.data() + 1, last, value);
  if (error != std::errc() || stop != last) return false;
  in_.remove_prefix(end + 2);
  return true;
}

bool RequestCursor::next(std::vector<ByteView>& words) {
  words.clear();
  if (in_.empty() || failed_) return false;
  std::size_t count = 0;
  failed_ = !length('*', count);
  while (!failed_ && count-- > 0) {
    std::size_t bytes = 0;
    if (!length('$', bytes) || in_.size() < 2 || bytes > in_.size() - 2 ||
        in_.substr(bytes, 2) != "\r\n") {
      failed_ = true;
      break;
    }
    words.push_back(in_.substr(0, bytes));
    in_.remove_prefix(bytes + 2);
  }
  return !failed_;
}

FrameEntry FrameView::entry(std::size_t index) const {
  DEBUG_ASSERT(index < head.count);
  return load<FrameEntry>(table.data() + index * kFrameEntryBytes);
}

void seal_head(FrameHead& head, std::uint64_t salt) {
  head.hash = salt;
  head.hash = hash_on_disk(ByteView(reinterpret_cast<const char*>(&head), sizeof(head)));
}

void seal_frame(FrameHead& head, std::uint64_t salt, std::span<const FrameEntry> entries,
                ByteView sessions, ByteView words) {
  ASSERT(words.size() <= UINT32_MAX && sessions.size() <= UINT32_MAX);
  const ByteView table(reinterpret_cast<const char*>(entries.data()), entries.size_bytes());
  head.words_bytes = static_cast<std::uint32_t>(words.size());
  head.sessions_bytes = static_cast<std::uint32_t>(sessions.size());
  head.words_hash = hash_on_disk(words);
  if (sessions.empty()) {
    head.table_hash = hash_on_disk(table);
  } else {
    Bytes both;
    both.reserve(table.size() + sessions.size());
    both.append(table).append(sessions);
    head.table_hash = hash_on_disk(both);
  }
  seal_head(head, salt);
}

Status decode_head(ByteView in, std::uint64_t salt, FrameHead& head) {
  if (in.size() < kFrameHeadBytes) return Error(ErrorCode::kTruncated, "the file ends in a frame");
  FrameHead found = load<FrameHead>(in.data());
  if (found.magic != kFrameMagic) return Error(ErrorCode::kCorrupt, "no frame begins here");
  const std::uint64_t hash = found.hash;
  seal_head(found, salt);
  if (found.hash != hash) return Error(ErrorCode::kCorrupt, "wrong hash of a frame's head");
  if (found.first_lsn > kLsnMax - found.words_bytes) {
    return Error(ErrorCode::kCorrupt, "a frame's LSN is out of range");
  }
  head = found;
  return ok;
}

namespace {

// The lengths of the table must add up: all of it is covered by hashes, so a difference is a
// writer's mistake.
bool lengths_agree(const FrameView& frame) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < frame.head.count; ++i) sum += frame.entry(i).bytes;
  return sum == frame.head.words_bytes;
}

}  // namespace

Status decode_frame(ByteView in, std::uint64_t salt, FrameView& frame) {
  FrameHead head;
  if (Status status = decode_head(in, salt, head); !status) return status;
  in.remove_prefix(kFrameHeadBytes);
  if (in.size() < head.body_bytes()) {
    return Error(ErrorCode::kTruncated, "the file ends in a frame");
  }
  const std::size_t table_bytes = std::size_t{head.count} * kFrameEntryBytes;
  const ByteView front = in.substr(0, table_bytes + head.sessions_bytes);
  const ByteView words = in.substr(front.size(), head.words_bytes);
  if (hash_on_disk(front) != head.table_hash) {
    return Error(ErrorCode::kCorrupt, "wrong hash of a frame's record table");
  }
  if (hash_on_disk(words) != head.words_hash) {
    return Error(ErrorCode::kCorrupt, "wrong hash of a frame's words");
  }
  frame = {.head = head,
           .table = front.substr(0, table_bytes),
           .sessions = front.substr(table_bytes),
           .words = words};
  if (!lengths_agree(frame)) {
    return Error(ErrorCode::kCorrupt, "a frame's record table does not fit its words");
  }
  return ok;
}

void append_session(Bytes& out, const SessionView& session) {
  append_fixed(out, session.id);
  append_string(out, session.user);
  append_string(out, session.address);
  append_string(out, session.client_name);
}

Status deliver_sessions(ByteView sessions, RecordSink& sink) {
  Reader in(sessions);
  while (!in.empty()) {
    SessionView session;
    session.id = in.fixed<std::uint32_t>();
    session.user = in.string();
    session.address = in.string();
    session.client_name = in.string();
    if (in.failed()) return Error(ErrorCode::kCorrupt, "a session declaration is cut short");
    sink.on_session(session);
  }
  return ok;
}

Status deliver_frame(const FrameView& frame, Lsn from, Lsn to, RecordSink& sink) {
  if (Status status = deliver_sessions(frame.sessions, sink); !status) return status;
  Lsn lsn = frame.head.first_lsn;
  ByteView words = frame.words;
  for (std::size_t i = 0; i < frame.head.count; ++i) {
    const FrameEntry entry = frame.entry(i);
    const RecordView record{.first = lsn,
                            .lsn = lsn + entry.bytes,
                            .time_us = frame.head.time_us + entry.delay_us,
                            .session = entry.session,
                            .db = entry.db,
                            .flags = entry.flags,
                            .words = words.substr(0, entry.bytes)};
    words.remove_prefix(entry.bytes);
    lsn = record.lsn;
    if (record.lsn <= from) continue;
    if (record.lsn > to) break;
    if (Status status = sink.on_record(record); !status) return status;
  }
  return ok;
}

}  // namespace memoir
