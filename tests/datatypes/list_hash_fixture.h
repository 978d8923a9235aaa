// A dispatcher over a keyspace with lists and hashes only: runs requests written as lines and
// keeps what came of them.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "datatypes/registry.h"
#include "persistence/journal.h"
#include "src/command/dispatcher.h"

namespace memoir {

class ListHashFixture final : public DispatchHost, public JournalListener {
 public:
  ListHashFixture() {
    journal_->set_listener(this);
    dispatcher.settings.events_wanted = ~std::uint32_t{0};
    first.identity.id = 1;
    second.identity.id = 2;
  }
  ~ListHashFixture() override = default;

  Keyspace keyspace{2};
  // What happened since the last clear(): the journal's words, "event key" and replies of parked
  // requests. Line ends are written as '|'.
  Bytes journaled;
  std::vector<Bytes> events;
  std::vector<Bytes> delivered;

  // The reply to a request, "(parked)" if it waits.
  Bytes run(ByteView line) { return run(first, line); }
  Bytes run(Session& session, ByteView line) {
    std::vector<Bytes> texts;
    ASSERT(split_line(line, texts));
    return run_words(session, texts);
  }
  Bytes run_words(Session& session, const std::vector<Bytes>& texts) {
    std::vector<Word> words;
    for (const Bytes& text : texts) words.push_back({text, {}});
    OutputBuffer out;
    ReplyWriter reply(out, session.identity.resp);
    const RunOutcome outcome = dispatcher.run(session, words, {}, reply);
    journal_->flush();
    return outcome.parked ? "(parked)" : one_line(out.flatten());
  }
  const Object* object(ByteView key) {
    const std::uint64_t hash = hash_in_memory(key);
    const LockedStripes locked(keyspace, StripeSet{{~0ULL, ~0ULL, ~0ULL, ~0ULL}});
    const auto place = locked.shard(0, hash).keys.find(key, hash);
    return place ? static_cast<const Entry*>(place.item().pointer)->object() : nullptr;
  }
  Bytes encoding(ByteView key) {
    const Object* found = object(key);
    return found ? found->encoding() : "none";
  }
  void clear() {
    journaled.clear();
    events.clear();
    delivered.clear();
  }

  static Bytes one_line(ByteView resp) {
    Bytes line;
    for (const char c : resp) {
      if (c != '\r') line.push_back(c == '\n' ? '|' : c);
    }
    return line;
  }

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent& event, Lsn) override {
    events.push_back(Bytes(event.name) + " " + event.key);
  }
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&& reply, Lsn) override {
    delivered.push_back(one_line(reply.flatten()));
  }
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }
  void on_progress(Lsn, Lsn) override {}
  void on_words(Lsn, ByteView words) override { journaled += one_line(words); }

 private:
  static const CommandTable& commands() {
    static const CommandTable table = [] {
      CommandTable made;
      made.add(list_commands());
      made.add(hash_commands());
      return made;
    }();
    return table;
  }

  ManualClock clock_;
  std::unique_ptr<Journal> journal_ = make_null_journal(Bytes(40, '0'), 0, Workers::kOne);

 public:
  Dispatcher dispatcher{keyspace, commands(), *journal_, clock_, *this, 20260711};
  Session first;
  Session second;
};

}  // namespace memoir
