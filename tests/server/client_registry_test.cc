// Goal: clients are found, listed by id, and counted against the limit; CLIENT LIST's line is
// Redis's; the slow log keeps what it should.
#include <catch2/catch.hpp>

#include "src/server/client_line.h"
#include "src/server/client_registry.h"
#include "src/server/command_log.h"

namespace memoir {
namespace {

TEST_CASE("clients are listed by ascending id", "[client]") {
  ClientRegistry clients;
  for (int i = 0; i < 3; ++i) {
    auto status = std::make_shared<ClientStatus>();
    status->id = clients.next_id();
    clients.add(std::move(status));
  }
  std::vector<std::uint64_t> ids;
  clients.each([&](const ClientStatus& status) { ids.push_back(status.id); });
  CHECK(ids == std::vector<std::uint64_t>{1, 2, 3});
  clients.remove(2);
  CHECK(clients.find(2) == nullptr);
  CHECK(clients.find(3)->id == 3);
}

TEST_CASE("connections are admitted up to the limit", "[client]") {
  ClientRegistry clients;
  CHECK(clients.admit(2));
  CHECK(clients.admit(2));
  CHECK_FALSE(clients.admit(2));
  clients.left();
  CHECK(clients.admit(2));
  CHECK(clients.connected() == 2);
}

TEST_CASE("a client's line has the fields of Redis", "[client]") {
  ClientStatus status;
  status.id = 3;
  status.fd = 8;
  status.peer = "127.0.0.1:50000";
  status.local = "127.0.0.1:6379";
  status.name = "me";
  status.connected_us = 1'000'000;
  status.active_us = 4'000'000;
  status.queued = -1;
  status.resp = 2;
  Bytes line;
  append_client_line(line, status, 6'500'000);
  CHECK(line ==
        "id=3 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=8 name=me age=5 idle=2 flags=N db=0 "
        "sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 "
        "oll=0 omem=0 tot-mem=0 events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver=");
  status.flags = kClientSubscriber | kClientBlocked;
  line.clear();
  append_client_line(line, status, 6'500'000);
  CHECK(line.find(" flags=Pb ") != Bytes::npos);
}

TEST_CASE("the slow log keeps the newest, shortened", "[client]") {
  CommandLog log;
  std::vector<Bytes> texts(40, "w");
  texts[1] = Bytes(200, 'x');
  std::vector<Word> words;
  for (const Bytes& text : texts) words.push_back({text, {}});
  for (int i = 0; i < 5; ++i) log.add(words, i, "addr", "name", 2'000'000, 3);
  const auto entries = log.newest(10);
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].id == 4);
  CHECK(entries[0].time_s == 2);
  CHECK(entries[0].words.size() == CommandLog::kWordsMax);
  CHECK(entries[0].words[1] == Bytes(128, 'x') + "... (72 more bytes)");
  CHECK(entries[0].words.back() == "... (9 more arguments)");
  CHECK(log.newest(1).size() == 1);
  log.clear();
  CHECK(log.size() == 0);
}

}  // namespace
}  // namespace memoir
