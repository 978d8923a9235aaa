// Replayer: reads records into the keyspace, through the dispatcher as everything else. For
// recovery at start and, later, a primary's stream.
#pragma once

#include <vector>

#include "persistence/record.h"
#include "src/command/dispatcher.h"

namespace memoir {

class Replayer final : public RecordSink {
 public:
  explicit Replayer(Dispatcher& dispatcher) : dispatcher_(dispatcher) {
    session_.identity.may_block = false;
  }

  // Applies all requests of a record. kCorrupt if one is unknown, malformed or refused: the journal
  // is then another program's, or memory no longer what it was when the record was written.
  Status on_record(const RecordView& record) override;

  std::uint64_t records() const { return records_; }

 private:
  Dispatcher& dispatcher_;
  Session session_;
  std::vector<ByteView> views_;
  std::vector<Word> words_;
  std::uint64_t records_{0};
};

}  // namespace memoir
