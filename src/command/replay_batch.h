// A batch of records taken apart: what ParallelReplayer's threads share of them.
//
//   record  := one of the journal, with 0 or more requests
//   run     := neighbouring records, either applied by parts side by side or alone, one by one
//
// Filled by one thread, taken apart by one, read by all.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "persistence/record.h"
#include "src/command/dispatcher.h"

namespace memoir {

class ReplayBatch {
 public:
  static constexpr std::uint8_t kAlone = 255;  // a record's part, if it has none

  struct Request {
    const CommandTable::Row* row;
    std::uint32_t first_word, words;
    std::uint32_t first_key, keys;
  };
  struct Record {
    Lsn first = 0;
    Lsn lsn = 0;
    std::int64_t time_us = 0;
    std::size_t offset = 0;  // of its words
    std::uint32_t bytes = 0;
    std::uint16_t db = 0;
    bool foreign = false;
    std::uint8_t part = kAlone;
    std::uint32_t first_request = 0, requests = 0;
  };
  struct Run {
    bool alone = false;
    std::uint32_t first = 0, last = 0;  // records [first, last), for one that is applied alone
    std::vector<std::uint32_t> begins;  // else, by part: where its records begin in order()
  };

  void add(const RecordView& record);
  bool empty() const { return records_.empty(); }
  std::size_t bytes() const { return bytes_.size(); }
  std::size_t size() const { return records_.size(); }
  void clear();

  // Finds requests, rows, keys and parts. kCorrupt names the record that is no request or whose
  // command is unknown.
  Status take_apart(const CommandTable& commands, unsigned parts);

  std::span<const Run> runs() const { return runs_; }
  // The records of a part in a run that is not applied alone.
  std::span<const std::uint32_t> records_of(const Run& run, unsigned part) const {
    return std::span(order_).subspan(run.begins[part], run.begins[part + 1] - run.begins[part]);
  }
  const Record& record(std::size_t index) const { return records_[index]; }
  std::span<const Request> requests(const Record& record) const {
    return std::span(requests_).subspan(record.first_request, record.requests);
  }
  std::span<const Word> words(const Request& request) const {
    return std::span(words_).subspan(request.first_word, request.words);
  }
  std::span<const HashedKey> keys(const Request& request) const {
    return std::span(keys_).subspan(request.first_key, request.keys);
  }

 private:
  Status take_apart(const CommandTable& commands, unsigned parts, Record& record);
  void note_part(const Request& request, unsigned parts, std::uint8_t& part);
  void make_runs(unsigned parts);
  void add_run(std::size_t first, std::size_t last, bool alone, unsigned parts);

  Bytes bytes_;
  std::vector<Record> records_;
  std::vector<Request> requests_;
  std::vector<Word> words_;
  std::vector<HashedKey> keys_;
  std::vector<Run> runs_;
  std::vector<std::uint32_t> order_;
  std::vector<ByteView> views_;
  const CommandTable::Row* last_row_ = nullptr;
  Bytes last_name_;
};

}  // namespace memoir
