// An engine without a server, for transcripts: keyspace, commands and dispatcher, a clock that is
// moved by hand, and a journal in memory from which it can be built again.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "datatypes/registry.h"
#include "persistence/journal.h"
#include "src/base/clock.h"
#include "src/command/replayer.h"
#include "src/command/transaction.h"
#include "src/scripting/scripting_rows.h"

namespace memoir {

// Keeps the records in a vector.
class MemoryJournal final : public Journal {
 public:
  struct Kept {
    Bytes words;
    unsigned db;
    std::int64_t time_us;
  };
  std::vector<Kept> records;

  Status writable(std::size_t) override { return ok; }
  Lsn append(const Record& record) override {
    Kept kept{Bytes(record.words), record.db, record.time_us};
    for (const ByteView part : record.more) kept.words += part;
    position_ += record_bytes(record);
    written_ = synced_ = position_.load();
    records.push_back(std::move(kept));
    return position_;
  }
  void flush() override {}
  void set_mode(SyncMode mode) override { mode_ = mode; }
  Status sync_now() override { return ok; }
  Status close() override { return ok; }
  Status start_timeline(ByteView, Lsn) override { return ok; }
  Status change_replication_id(ByteView) override { return ok; }
  Bytes replication_id() const override { return Bytes(40, '0'); }
  JournalStats stats() const override { return {}; }

 protected:
  std::uint32_t register_session(SessionInfo) override { return 1; }
  void close_session(std::uint32_t) override {}
};

class TestEngine final : public DispatchHost {
 public:
  static constexpr unsigned kDatabases = 16;

  TestEngine(const ManualClock& clock, MemoryJournal& journal)
      : clock_(clock), journal_(journal), keyspace(kDatabases) {
    for (const auto list : data_type_commands()) commands_.add(list());
    commands_.add(transaction_commands());
    for (const auto rows : {eval_commands(), script_commands(), function_commands()}) {
      commands_.add(rows);
    }
    dispatcher = std::make_unique<Dispatcher>(keyspace, commands_, journal_, clock_, *this, 1);
  }

  // Applies all records of the journal.
  Status replay() {
    Replayer replayer(*dispatcher);
    Lsn lsn = 0;
    for (const MemoryJournal::Kept& kept : journal_.records) {
      Bytes words;
      append_record_words(words, static_cast<std::uint16_t>(kept.db), kept.words);
      const RecordView record{
          .first = lsn, .lsn = lsn + words.size(), .time_us = kept.time_us, .words = words};
      if (Status status = replayer.on_record(record); !status) return status;
      lsn = record.lsn;
    }
    return ok;
  }

  // Runs a request in the name of a client. Its reply is then in replies(client), unless it waits.
  void run(const Bytes& client, std::span<const Bytes> texts) {
    std::vector<Word> words;
    std::vector<ByteView> views(texts.begin(), texts.end());
    for (const Bytes& text : texts) {
      const bool large = text.size() >= RequestParser::kLargeBulkBytes;
      SharedBytes owner = large ? SharedBytes::copy_of(text) : SharedBytes();
      const ByteView view = large ? owner.view() : ByteView(text);
      words.push_back({view, std::move(owner)});
    }
    Bytes raw;
    append_request(raw, views);
    Client& from = client_of(client);
    OutputBuffer out;
    ReplyWriter reply(out, from.session.identity.resp);
    if (!dispatcher->run(from.session, words, raw, reply).parked) {
      from.replies.push_back(out.flatten());
    }
  }

  // The oldest reply a client has got and not taken; empty if there is none.
  Bytes take_reply(const Bytes& client) {
    std::deque<Bytes>& replies = client_of(client).replies;
    if (replies.empty()) return {};
    Bytes reply = std::move(replies.front());
    replies.pop_front();
    return reply;
  }
  Session& session(const Bytes& client) { return client_of(client).session; }

  // Answers the requests whose time to wait is over.
  void time_out() {
    for (const auto& parked : std::vector(parked_)) {
      const bool over = parked->deadline_ms != 0 && parked->deadline_ms <= clock_.now_ms();
      if (!over || !dispatcher->withdraw(parked)) continue;
      OutputBuffer out;
      ReplyWriter reply(out, parked->identity.resp);
      write_timeout_reply(parked->on_timeout, reply);
      deliver(parked, std::move(out), 0);
    }
  }

  std::vector<KeyEvent> events;

 private:
  struct Client {
    Session session;
    std::deque<Bytes> replies;
  };

  Client& client_of(const Bytes& name) {
    auto& client = clients_[name];
    if (!client) {
      client = std::make_unique<Client>();
      client->session.identity.id = clients_.size();
    }
    return *client;
  }

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  ScriptEngine* script_engine() override { return &scripts_; }
  void notify(const KeyEvent& event, Lsn) override { events.push_back(event); }
  void parked(Session&, const std::shared_ptr<Parked>& parked) override {
    parked_.push_back(parked);
  }
  void deliver(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn) override {
    std::erase(parked_, parked);
    for (auto& [name, client] : clients_) {
      if (client->session.identity.id == parked->identity.id) {
        client->replies.push_back(reply.flatten());
      }
    }
  }
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }

  const ManualClock& clock_;
  MemoryJournal& journal_;
  CommandTable commands_;
  Scripting scripting_{"7.2.4"};
  ScriptEngine scripts_{scripting_};
  std::map<Bytes, std::unique_ptr<Client>> clients_;
  std::vector<std::shared_ptr<Parked>> parked_;

 public:
  Keyspace keyspace;
  std::unique_ptr<Dispatcher> dispatcher;
};

// All keys that live at `now_ms` with what they hold, in a form to be compared.
std::map<Bytes, Bytes> contents_of(Keyspace& keyspace, std::int64_t now_ms);

}  // namespace memoir
