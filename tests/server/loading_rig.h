// A keyspace with all commands that the journal may hold, and files in memory to load into it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "datatypes/registry.h"
#include "persistence/memory_file.h"
#include "src/command/transaction.h"
#include "src/scripting/scripting_rows.h"
#include "src/server/start.h"
#include "tests/persistence/journal_fixture.h"
#include "tests/server/snapshot_fixture.h"

namespace memoir {

class LoadingRig {
 public:
  explicit LoadingRig(unsigned threads = 3) : threads_(threads) {
    for (const auto list : data_type_commands()) commands.add(list());
    for (const auto rows :
         {transaction_commands(), eval_commands(), script_commands(), function_commands()}) {
      commands.add(rows);
    }
  }

  LoadTarget target(FileSystem& files) {
    return {.files = files,
            .keyspace = keyspace,
            .commands = commands,
            .scripting = scripting,
            .journal = *idle,
            .clock = clock,
            .figures = figures,
            .stop = stop,
            .delay_us = delay_us};
  }
  StartSettings settings() const {
    StartSettings settings;
    settings.directory = "data";
    settings.load.threads = threads_;
    settings.journal = simulated(SyncMode::kEverySecond);
    settings.snapshot.compression = RdbCompression::kNo;
    return settings;
  }
  // Runs a command as a record would.
  void apply(FileSystem& files, std::initializer_list<ByteView> words, unsigned db = 0) {
    DataLoader loader(target(files), {});
    const std::vector<ByteView> views(words);
    const Status status = loader.apply(views, db, clock.now_us());
    INFO((status ? "" : status.error().text()));
    REQUIRE(status);
  }
  Bytes digest() { return digest_of(keyspace); }

  ManualClock clock{1'700'000'000'000'000};
  Keyspace keyspace{16};
  CommandTable commands;
  Scripting scripting{"7.2.4"};
  std::unique_ptr<Journal> idle = make_null_journal(Bytes(40, '0'), 0, Workers::kSeveral);
  LoadFigures figures;
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> delay_us{0};

 private:
  const unsigned threads_;
};

}  // namespace memoir
