// What the journal's tests share: a sink that remembers, and a journal in memory that can be
// restarted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "persistence/file_journal.h"
#include "persistence/memory_file.h"
#include "persistence/recovery.h"
#include "src/base/log.h"

namespace memoir {

inline const Bytes kTestReplicationId(40, 'a');
inline const std::string kTestDirectory = "data/journal";

struct SeenRecord {
  Lsn first = 0;
  Lsn lsn = 0;
  std::int64_t time_us = 0;
  std::uint16_t db = 0;
  std::uint16_t flags = 0;
  Bytes user;  // of its session
  Bytes words;
  bool operator==(const SeenRecord&) const = default;
};

class RememberingSink final : public RecordSink {
 public:
  void on_session(const SessionView& session) override {
    if (users.size() <= session.id) users.resize(session.id + 1);
    users[session.id] = Bytes(session.user);
  }
  Status on_record(const RecordView& record) override {
    records.push_back({.first = record.first,
                       .lsn = record.lsn,
                       .time_us = record.time_us,
                       .db = record.db,
                       .flags = record.flags,
                       .user = record.session < users.size() ? users[record.session] : "",
                       .words = Bytes(record.words)});
    return ok;
  }
  Bytes stream() const {
    Bytes all;
    for (const SeenRecord& record : records) all += record.words;
    return all;
  }

  std::vector<Bytes> users;
  std::vector<SeenRecord> records;
};

inline Bytes request(std::initializer_list<Bytes> words) {
  Bytes out = fmt::format("*{}\r\n", words.size());
  for (const Bytes& word : words) out += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return out;
}
inline Bytes set_request(int n, std::size_t value_bytes = 8) {
  const Bytes value(value_bytes, static_cast<char>('a' + n % 26));
  return request({"SET", fmt::format("key:{}", n), value});
}

// Keeps the log quiet for a test's duration.
class QuietLog {
 public:
  QuietLog() : before_(log_level()) { set_log_level(LogLevel::kNothing); }
  ~QuietLog() { set_log_level(before_); }

 private:
  LogLevel before_;
};

inline FileJournalOptions simulated(SyncMode mode = SyncMode::kAlways,
                                    std::uint64_t segment_bytes = 1UL << 20) {
  FileJournalOptions options;
  options.mode = mode;
  options.threads = JournalThreads::kNone;
  options.segment_bytes = segment_bytes;
  options.replication_id = kTestReplicationId;
  return options;
}

struct Opened {
  RememberingSink sink;
  RecoveredJournal recovered;  // its lock has moved into the journal
  std::unique_ptr<FileJournal> journal;
  std::string error;
};

inline Opened open_journal(FileSystem& files, const Clock& clock, FileJournalOptions options,
                           Lsn from = 0) {
  Opened opened;
  const RecoveryOptions recovery{.from = from, .progress = {}};
  auto recovered = recover_journal(files, kTestDirectory, recovery, opened.sink);
  if (!recovered) {
    opened.error = recovered.peek_error().text();
    return opened;
  }
  auto journal = FileJournal::open(files, clock, *std::move(recovered), std::move(options));
  if (journal) {
    opened.journal = *std::move(journal);
  } else {
    opened.error = journal.peek_error().text();
  }
  return opened;
}

// What a recovery of these files delivers; `error` if it refuses.
inline RememberingSink recover_all(FileSystem& files, std::string* error = nullptr,
                                   RecoveredJournal* result = nullptr) {
  RememberingSink sink;
  auto recovered = recover_journal(files, kTestDirectory, {}, sink);
  if (error != nullptr) *error = recovered ? "" : recovered.peek_error().text();
  if (recovered && result != nullptr) *result = *std::move(recovered);
  return sink;
}

inline std::vector<std::string> segment_paths(const MemoryFileSystem& files) {
  std::vector<std::string> found;
  for (const std::string& path : files.paths()) {
    if (path.ends_with(".journal")) found.push_back(path);
  }
  return found;
}

}  // namespace memoir
