// Replayer: applies the records of a journal to a keyspace, each by the handler that made it.
//
// There are no clients meanwhile: nobody is told, nothing is journaled. An error names the record.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "persistence/record.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/command/dispatcher.h"
#include "src/scripting/script_engine.h"

namespace memoir {

// The dispatcher's host while records are applied: there are no clients.
class ReplayHost final : public DispatchHost {
 public:
  explicit ReplayHost(Scripting& scripting) : scripts_(scripting) {}

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent&, Lsn) override {}
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&&, Lsn) override {}
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }
  ScriptEngine* script_engine() override { return &scripts_; }

 private:
  ScriptEngine scripts_;
};

class Replayer final : public RecordSink {
 public:
  // Stops with an error once `stop` is true. `delay_us`: key-load-delay.
  Replayer(Keyspace& keyspace, const CommandTable& commands, Journal& journal, const Clock& clock,
           Scripting& scripting, const std::atomic<bool>& stop,
           const std::atomic<std::int64_t>& delay_us)
      : keyspace_(keyspace),
        stop_(stop),
        delay_us_(delay_us),
        host_(scripting),
        dispatcher_(keyspace, commands, journal, clock, host_, system_random()) {
    session_.identity.may_block = false;
  }

  // One request that is no record: what empties the server before DEBUG RELOAD.
  Status apply(std::span<const Word> words, std::int64_t time_us) {
    session_.identity.db = 0;
    return dispatcher_.replay(session_, words, time_us);
  }

  Status on_record(const RecordView& record) override {
    if (stop_.load(std::memory_order_relaxed)) return failed(record, "the server is stopping");
    session_.identity.db = record.flags & kForeign ? record.db : 0;
    // Versions are stamped with the end of the record that makes them.
    keyspace_.advance_position(record.lsn);
    RequestCursor requests(record.words);
    while (requests.next(views_)) {
      words_.clear();
      for (const ByteView view : views_) words_.push_back({view, {}});
      Status applied = dispatcher_.replay(session_, words_, record.time_us);
      if (!applied) return failed(record, applied.error().text());
    }
    if (requests.failed()) return failed(record, "not a request");
    if (delay_us_.load(std::memory_order_relaxed) != 0) [[unlikely]] rest();
    return ok;
  }

 private:
  static Error failed(const RecordView& record, const std::string& why) {
    return {ErrorCode::kCorrupt,
            fmt::format("the record that ends at {} cannot be applied: {}", record.lsn, why)};
  }

  void rest() {
    const std::int64_t delay_us = delay_us_.load(std::memory_order_relaxed);
    if (delay_us > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
    } else if (delay_us < 0 && ++unrested_ >= -delay_us) {
      unrested_ = 0;
      std::this_thread::sleep_for(std::chrono::microseconds(1));
    }
  }

  Keyspace& keyspace_;
  const std::atomic<bool>& stop_;
  const std::atomic<std::int64_t>& delay_us_;
  std::int64_t unrested_{0};  // records since the last rest
  ReplayHost host_;
  Dispatcher dispatcher_;
  Session session_;
  std::vector<ByteView> views_;
  std::vector<Word> words_;
};

}  // namespace memoir
