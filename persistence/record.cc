#include "persistence/record.h"

#include <algorithm>
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
  constexpr std::size_t kDigitsMax = 19;
  if (in_.size() < 4 || in_[0] != type) return false;
  const std::size_t most = std::min(in_.size() - 2, kDigitsMax + 1);
  std::size_t at = 1;
  value = 0;
  for (; at <= most && in_[at] != '\r'; ++at) {
    const auto digit = static_cast<unsigned>(in_[at] - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  if (at == 1 || at > most || in_[at] != '\r' || in_[at + 1] != '\n') return false;
  in_.remove_prefix(at + 2);
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

namespace {

// What a line of the table tells, in its first byte; the upper half counts records that repeat it.
enum Told : std::uint8_t { kBytes = 1, kDelay = 2, kSession = 4, kDbAndFlags = 8 };
constexpr unsigned kRepeatShift = 4;
constexpr unsigned kRepeatsMax = 15;

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

void append_line(Bytes& out, const FrameEntry& before, const FrameEntry& entry, unsigned repeats) {
  unsigned told = repeats << kRepeatShift;
  if (entry.bytes != before.bytes) told |= kBytes;
  if (entry.delay_us != before.delay_us) told |= kDelay;
  if (entry.session != before.session) told |= kSession;
  if (entry.db != before.db || entry.flags != before.flags) told |= kDbAndFlags;
  out.push_back(static_cast<char>(told));
  if (told & kBytes) append_varint(out, entry.bytes);
  if (told & kDelay) {
    append_varint(out, zigzag(std::int64_t{entry.delay_us} - std::int64_t{before.delay_us}));
  }
  if (told & kSession) append_varint(out, entry.session);
  if (told & kDbAndFlags) {
    append_varint(out, entry.db);
    append_varint(out, entry.flags);
  }
}

}  // namespace

void append_table(Bytes& out, std::span<const FrameEntry> entries) {
  FrameEntry before;
  for (std::size_t i = 0; i < entries.size();) {
    unsigned repeats = 0;
    while (repeats < kRepeatsMax && i + 1 + repeats < entries.size() &&
           entries[i + 1 + repeats] == entries[i]) {
      ++repeats;
    }
    append_line(out, before, entries[i], repeats);
    before = entries[i];
    i += 1 + repeats;
  }
}

bool TableCursor::decode() {
  if (in_.empty()) return false;
  const unsigned told = in_.fixed<std::uint8_t>();
  repeats_ = told >> kRepeatShift;
  if (told & kBytes) entry_.bytes = static_cast<std::uint32_t>(in_.varint());
  if (told & kDelay) {
    entry_.delay_us = static_cast<std::int32_t>(static_cast<std::uint32_t>(entry_.delay_us) +
                                                static_cast<std::uint32_t>(unzigzag(in_.varint())));
  }
  if (told & kSession) entry_.session = static_cast<std::uint32_t>(in_.varint());
  if (told & kDbAndFlags) {
    entry_.db = static_cast<std::uint16_t>(in_.varint());
    entry_.flags = static_cast<std::uint16_t>(in_.varint());
  }
  return !in_.failed();
}

bool TableCursor::next(FrameEntry& entry) {
  if (repeats_ > 0) {
    --repeats_;
  } else if (!decode()) {
    return false;
  }
  entry = entry_;
  return true;
}

void seal_head(FrameHead& head, std::uint64_t salt) {
  head.hash = salt;
  head.hash = hash_on_disk(ByteView(reinterpret_cast<const char*>(&head), sizeof(head)));
}

namespace {
std::uint64_t body_hash(ByteView table, ByteView sessions, ByteView words) {
  std::uint64_t hash = hash_on_disk(table);
  if (!sessions.empty()) hash = hash_on_disk(sessions, hash);
  return hash_on_disk(words, hash);
}
}  // namespace

void seal_frame(FrameHead& head, std::uint64_t salt, ByteView table, ByteView sessions,
                ByteView words) {
  ASSERT(words.size() <= UINT32_MAX && sessions.size() <= UINT32_MAX &&
         table.size() <= UINT32_MAX);
  head.words_bytes = static_cast<std::uint32_t>(words.size());
  head.sessions_bytes = static_cast<std::uint32_t>(sessions.size());
  head.table_bytes = static_cast<std::uint32_t>(table.size());
  head.body_hash = body_hash(table, sessions, words);
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

// The table must tell of as many records and bytes as the head: all of it is covered by hashes, so
// a difference is a writer's mistake.
bool table_agrees(const FrameView& frame) {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  TableCursor cursor(frame.table);
  FrameEntry entry;
  for (; cursor.next(entry); ++count) sum += entry.bytes;
  return !cursor.failed() && count == frame.head.count && sum == frame.head.words_bytes;
}

}  // namespace

Status decode_frame(ByteView in, std::uint64_t salt, FrameView& frame) {
  FrameHead head;
  if (Status status = decode_head(in, salt, head); !status) return status;
  in.remove_prefix(kFrameHeadBytes);
  if (in.size() < head.body_bytes()) {
    return Error(ErrorCode::kTruncated, "the file ends in a frame");
  }
  frame = {.head = head,
           .table = in.substr(0, head.table_bytes),
           .sessions = in.substr(head.table_bytes, head.sessions_bytes),
           .words = in.substr(std::size_t{head.table_bytes} + head.sessions_bytes,
                              head.words_bytes)};
  if (body_hash(frame.table, frame.sessions, frame.words) != head.body_hash) {
    return Error(ErrorCode::kCorrupt, "wrong hash of a frame's body");
  }
  if (!table_agrees(frame)) {
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

namespace {

// Walks through the records of a frame.
class RecordCursor {
 public:
  explicit RecordCursor(const FrameView& frame)
      : table_(frame.table), time_us_(frame.head.time_us), words_(frame.words) {
    record_.lsn = frame.head.first_lsn;
  }
  bool next() {
    if (!table_.next(entry_)) return false;
    record_ = {.first = record_.lsn,
               .lsn = record_.lsn + entry_.bytes,
               .time_us = time_us_ + entry_.delay_us,
               .session = entry_.session,
               .db = entry_.db,
               .flags = entry_.flags,
               .words = words_.substr(0, entry_.bytes)};
    words_.remove_prefix(entry_.bytes);
    return true;
  }
  const RecordView& record() const { return record_; }

 private:
  TableCursor table_;
  FrameEntry entry_;
  std::int64_t time_us_;
  ByteView words_;
  RecordView record_;
};

}  // namespace

Status deliver_record(const FrameView& frame, Lsn first, RecordSink& sink) {
  RecordCursor cursor(frame);
  while (cursor.next()) {
    if (cursor.record().first == first) return sink.on_record(cursor.record());
  }
  return Error(ErrorCode::kNotFound, "no record begins there");
}

Status deliver_frame(const FrameView& frame, Lsn from, Lsn to, RecordSink& sink) {
  if (Status status = deliver_sessions(frame.sessions, sink); !status) return status;
  RecordCursor cursor(frame);
  while (cursor.next()) {
    if (cursor.record().lsn <= from) continue;
    if (cursor.record().lsn > to) break;
    if (Status status = sink.on_record(cursor.record()); !status) return status;
  }
  return ok;
}

}  // namespace memoir
