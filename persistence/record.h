// Record: one change, as the journal and a replica see it; and the frame, one group commit of
// records.
//
// An LSN is a byte position in the replication stream: the RESP bytes of all records back to back.
// A record is known by the LSN of its end, so 0 means "before everything". Records for a database
// other than 0 carry SELECT n and SELECT 0 around their words, so that every record stands alone
// in the stream; a record taken over from a foreign primary (kForeign) keeps its bytes, whatever
// they select.
//
// FORMAT.md has the grammar. Nothing here does I/O or knows a file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/result.h"

namespace memoir {

using Lsn = std::uint64_t;
// Buckets of tables keep positions in 56 bits.
inline constexpr Lsn kLsnMax = (Lsn{1} << 56) - 1;

// The longest record: its length and that of a frame are 32 bits wide on disk.
inline constexpr std::size_t kRecordBytesMax = 0xFFFF'0000;
// Frames are cut at the first record boundary behind this many bytes of words.
inline constexpr std::size_t kFrameWordsBytes = 8UL << 20;

// Bits of Record::flags, as on disk.
enum RecordFlags : std::uint16_t {
  kNoRecordFlags = 0,
  // The bytes are a foreign primary's: no SELECT is added; they run in `db`.
  kForeign = 1,
};

// What a worker gives to Journal::append(). The views need to live during the call only.
struct Record {
  ByteView words;                      // RESP requests, one or more ("*3\r\n$3\r\nSET\r\n...")
  std::span<const ByteView> more = {};  // bytes that follow `words`, for a request in pieces
  std::int64_t time_us = 0;            // the clock the command saw, since the Unix epoch
  std::uint32_t session = 0;           // Journal::Session::id(), or 0: the server itself
  std::uint16_t db = 0;
  std::uint16_t flags = kNoRecordFlags;
};

// A record read back. Views live as long as the call that passes it.
struct RecordView {
  Lsn first = 0;  // where its words begin in the stream
  Lsn lsn = 0;    // where they end: the record's name
  std::int64_t time_us = 0;
  std::uint32_t session = 0;
  std::uint16_t db = 0;
  std::uint16_t flags = 0;
  ByteView words;  // as a replica receives them, SELECTs included
};

// Who is behind a session number. A later declaration of the same number replaces the earlier.
struct SessionView {
  std::uint32_t id = 0;
  ByteView user;
  ByteView address;  // "ip:port" or a socket's path
  ByteView client_name;
};

// Receives the records of a journal in LSN order, on one thread.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void on_session(const SessionView& session) { (void)session; }
  // An error stops the reading; it is returned to whoever started it.
  virtual Status on_record(const RecordView& record) = 0;
};

// Appends the bytes of a record as they stand in the stream: `words` alone for db 0, else between
// SELECT `db` and SELECT 0.
void append_record_words(Bytes& out, std::uint16_t db, ByteView words);
// "*2\r\n$6\r\nSELECT\r\n$<digits>\r\n<db>\r\n" into `out` (kSelectBytesMax of room); returns its
// length.
inline constexpr std::size_t kSelectBytesMax = 32;
std::size_t format_select(std::uint16_t db, char* out);

// Splits the words of a record into its requests: a cursor that allocates nothing of its own.
class RequestCursor {
 public:
  explicit RequestCursor(ByteView words) : in_(words) {}
  // The next request's words, views into the record; false at the end or at bytes that are no
  // request.
  bool next(std::vector<ByteView>& words);
  // Whether the end was not the end: the bytes are no RESP requests.
  bool failed() const { return failed_; }

 private:
  bool length(char type, std::size_t& value);
  ByteView in_;
  bool failed_ = false;
};

// ---- frames ------------------------------------------------------------------------------------

inline constexpr std::uint32_t kFrameMagic = 0x4652'4D4A;  // "JMRF" on disk
inline constexpr std::size_t kFrameHeadBytes = 64;
// The most that one record takes in a frame's record table.
inline constexpr std::size_t kFrameEntryBytesMax = 24;

// The first 64 bytes of a frame, as on disk. `hash` is XXH3 over these 64 bytes with the segment's
// salt in its own place, so a head is trusted before its body is read and a frame of another
// segment is never taken for one of this.
struct FrameHead {
  std::uint32_t magic = kFrameMagic;
  std::uint32_t count = 0;  // records; 0 in the frame that closes a journal in good order
  std::uint64_t hash = 0;
  Lsn first_lsn = 0;
  Lsn synced_lsn = 0;  // on disk for sure when this was written: damage below is no torn tail
  std::int64_t time_us = 0;
  std::uint32_t words_bytes = 0;
  std::uint32_t sessions_bytes = 0;
  std::uint32_t table_bytes = 0;
  std::uint32_t reserved = 0;
  std::uint64_t body_hash = 0;  // XXH3 of table, sessions, words, each seeded with the one before

  Lsn end_lsn() const { return first_lsn + words_bytes; }
  std::uint64_t body_bytes() const {
    return std::uint64_t{table_bytes} + sessions_bytes + words_bytes;
  }
};
static_assert(sizeof(FrameHead) == kFrameHeadBytes);

// One line of a frame's record table. On disk it is told by its difference from the line before.
struct FrameEntry {
  std::uint32_t bytes = 0;
  std::int32_t delay_us = 0;  // after the frame's time_us; either sign, workers' clocks differ
  std::uint32_t session = 0;
  std::uint16_t db = 0;
  std::uint16_t flags = 0;
  bool operator==(const FrameEntry&) const = default;
};

// Appends the record table to `out`.
void append_table(Bytes& out, std::span<const FrameEntry> entries);

// Reads a record table from front to back.
class TableCursor {
 public:
  explicit TableCursor(ByteView table) : in_(table) {}
  // The next record's line; false at the end, and at bytes that are no table.
  bool next(FrameEntry& entry);
  bool failed() const { return in_.failed(); }

 private:
  bool decode();

  Reader in_;
  FrameEntry entry_;
  unsigned repeats_ = 0;  // further records with the same line
};

// A frame in memory that has been checked.
struct FrameView {
  FrameHead head;
  ByteView table;     // for TableCursor
  ByteView sessions;
  ByteView words;
};

// Fills in the hashes and lengths of `head` (count, first_lsn, synced_lsn and time_us are the
// caller's), so that head, table, sessions and words written back to back are a frame of the
// segment with `salt`.
void seal_frame(FrameHead& head, std::uint64_t salt, ByteView table, ByteView sessions,
                ByteView words);
// Computes only the head's own hash: for a frame that moves to another segment.
void seal_head(FrameHead& head, std::uint64_t salt);

// Whether the first kFrameHeadBytes of `in` are a head of the segment with `salt`; if so, fills in
// `head`. kTruncated if there are too few bytes, kCorrupt if they are something else.
Status decode_head(ByteView in, std::uint64_t salt, FrameHead& head);
// Checks the whole frame at the front of `in` and splits it. kTruncated, kCorrupt.
Status decode_frame(ByteView in, std::uint64_t salt, FrameView& frame);

// Appends one session declaration:  id:u32  user:string  address:string  client_name:string
void append_session(Bytes& out, const SessionView& session);
// Gives a frame's session declarations, then its records whose lsn is in (from, to], to `sink`.
Status deliver_frame(const FrameView& frame, Lsn from, Lsn to, RecordSink& sink);
// Gives one record alone, that which begins at `first`. kNotFound if none does.
Status deliver_record(const FrameView& frame, Lsn first, RecordSink& sink);
// The session declarations alone.
Status deliver_sessions(ByteView sessions, RecordSink& sink);

}  // namespace memoir
