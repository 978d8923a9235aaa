#include <catch2/catch.hpp>

#include <set>

#include "datatypes/registry.h"
#include "src/command/command_keys.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

// What a record touches, as "db:key" and "whole scope db".
class Told final : public KeySink {
 public:
  void key(std::uint16_t db, ByteView key) override {
    all.insert(std::to_string(db) + ":" + std::string(key));
  }
  void whole(WholeScope scope, std::uint16_t db) override {
    const char* const scopes[] = {"database ", "all ", "server "};
    all.insert(scopes[static_cast<int>(scope)] + std::to_string(db));
  }
  std::set<std::string> all;
};

std::set<std::string> told_of(std::uint16_t db, const Bytes& words) {
  static const CommandTable commands = [] {
    CommandTable table;
    for (const CommandList list : data_type_commands()) table.add(list());
    return table;
  }();
  CommandKeys keys(commands);
  Bytes stream;
  append_record_words(stream, db, words);
  Told told;
  keys.keys_of({.db = db, .words = stream}, told);
  return told.all;
}

using Set = std::set<std::string>;

}  // namespace

TEST_CASE("a record's keys are those of its commands", "[command]") {
  CHECK(told_of(0, request({"SET", "k", "v"})) == Set{"0:k"});
  CHECK(told_of(7, request({"set", "k", "v"})) == Set{"7:k"});
  CHECK(told_of(0, request({"DEL", "a", "b", "a"})) == Set{"0:a", "0:b"});
  CHECK(told_of(0, request({"MSET", "a", "1", "b", "2"})) == Set{"0:a", "0:b"});
  CHECK(told_of(0, request({"RENAME", "a", "b"})) == Set{"0:a", "0:b"});
  CHECK(told_of(3, request({"SMOVE", "a", "b", "m"})) == Set{"3:a", "3:b"});
  CHECK(told_of(0, request({"ZUNIONSTORE", "to", "2", "a", "b"})) == Set{"0:to", "0:a", "0:b"});
  CHECK(told_of(0, request({"XGROUP", "CREATE", "s", "g", "$"})) == Set{"0:s"});
  CHECK(told_of(0, request({"SORT", "a", "STORE", "b"})) == Set{"0:a", "0:b"});
  const Bytes transaction = request({"MULTI"}) + request({"SET", "a", "1"}) +
                            request({"HSET", "b", "f", "v"}) + request({"EXEC"});
  CHECK(told_of(0, transaction) == Set{"0:a", "0:b"});
  CHECK(told_of(2, transaction) == Set{"2:a", "2:b"});
  const Bytes moving = request({"MULTI"}) + request({"SET", "a", "1"}) + request({"SELECT", "4"}) +
                       request({"SET", "b", "1"}) + request({"EXEC"});
  CHECK(told_of(1, moving) == Set{"1:a", "4:b"});
}

TEST_CASE("a record that moves a key between databases touches both", "[command]") {
  CHECK(told_of(1, request({"MOVE", "k", "5"})) == Set{"1:k", "5:k"});
  CHECK(told_of(0, request({"COPY", "a", "b"})) == Set{"0:a", "0:b"});
  CHECK(told_of(0, request({"COPY", "1", "2", "REPLACE"})) == Set{"0:1", "0:2"});
  const auto both = told_of(0, request({"COPY", "a", "b", "db", "9", "REPLACE"}));
  CHECK(both.contains("0:a"));
  CHECK(both.contains("9:b"));
}

TEST_CASE("a record that concerns more than keys says so", "[command]") {
  CHECK(told_of(0, request({"FLUSHALL"})) == Set{"all 0"});
  CHECK(told_of(4, request({"FLUSHDB", "ASYNC"})) == Set{"database 4"});
  CHECK(told_of(0, request({"SWAPDB", "2", "6"})) == Set{"database 2", "database 6"});
}

}  // namespace memoir
