// A dispatcher with the data types' commands and scripts, a host whose behaviour beside a long
// script the test decides, and a journal in memory.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "datatypes/registry.h"
#include "src/command/transaction.h"
#include "src/scripting/scripting_rows.h"
#include "tests/transcripts/engine.h"

namespace memoir {

class ScriptHost final : public DispatchHost {
 public:
  explicit ScriptHost(Scripting& scripting) : scripts(scripting) {}

  std::function<void()> meanwhile = [] {};
  bool stops = false;
  std::vector<Bytes> errors;
  std::vector<Bytes> monitored;

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent&, Lsn) override {}
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&&, Lsn) override {}
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }
  void failed(ByteView error) override { errors.emplace_back(error); }
  void monitor(Session&, std::span<const Word> words, Origin origin) override {
    Bytes line = origin == Origin::kScript ? "lua" : "client";
    for (const Word& word : words) line.append(" ").append(word.text);
    monitored.push_back(line);
  }
  ScriptEngine* script_engine() override { return &scripts; }
  void serve_meanwhile() override { meanwhile(); }
  bool stopping() const override { return stops; }

  ScriptEngine scripts;
};

class ScriptRig {
 public:
  explicit ScriptRig(Scripting& shared, Keyspace& keyspace, MemoryJournal& journal)
      : host(shared), keyspace_(keyspace) {
    for (const auto list : data_type_commands()) commands_.add(list());
    for (const auto rows :
         {transaction_commands(), eval_commands(), script_commands(), function_commands()}) {
      commands_.add(rows);
    }
    dispatcher = std::make_unique<Dispatcher>(keyspace_, commands_, journal, clock_, host, 1);
  }

  // The reply, as Reply::to_string() without line ends.
  Bytes run(std::initializer_list<ByteView> texts) {
    std::vector<Word> words;
    for (const ByteView text : texts) words.push_back({text, {}});
    OutputBuffer out;
    ReplyWriter reply(out, session.identity.resp);
    dispatcher->run(session, words, {}, reply);
    return out.flatten();
  }
  Bytes eval(ByteView script) { return run({"EVAL", script, "0"}); }
  const CommandStats& stats(ByteView name) {
    return dispatcher->command_stats()[commands_.find(name)->index];
  }

  ScriptHost host;
  Session session;
  std::unique_ptr<Dispatcher> dispatcher;

 private:
  ManualClock clock_{1'700'000'000'000'000};
  Keyspace& keyspace_;
  CommandTable commands_;
};

// One of everything.
struct OneScriptRig {
  Scripting shared{"7.2.4"};
  Keyspace keyspace{16};
  MemoryJournal journal;
  ScriptRig rig{shared, keyspace, journal};
};

}  // namespace memoir
