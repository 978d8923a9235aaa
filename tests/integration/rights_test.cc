// Users and rights, over real connections on one and on several workers.
#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  std::string word;
  for (std::istringstream in(text); in >> word;) all.push_back(word);
  return all;
}

std::string ask(Client& client, const std::string& text) { return client.ask(words(text)); }

// A connection logged in as a user without a password.
Client as(const ServerProcess& server, const std::string& user) {
  Client client(server.port());
  REQUIRE(client.ask({"AUTH", user, "x"}) == "OK");
  return client;
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    path = (std::filesystem::temp_directory_path() / "memoir-acl-XXXXXX").string();
    ::close(::mkstemp(path.data()));
    append(text);
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  void append(const std::string& text) const { std::ofstream(path, std::ios::app) << text; }

  std::string path;
};

}  // namespace

TEST_CASE("a change of rights binds every connection at once", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client admin(server.port());
  REQUIRE(ask(admin, "ACL SETUSER ann on nopass ~a* +get +set") == "OK");
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(as(server, "ann"));
  for (Client& client : clients) {
    REQUIRE(ask(client, "SET a1 v") == "OK");
    REQUIRE(ask(client, "SET b1 v") == "NOPERM No permissions to access a key");
    REQUIRE(ask(client, "DEL a1") == "NOPERM User ann has no permissions to run the 'del' command");
  }
  REQUIRE(ask(admin, "ACL SETUSER ann -set +del") == "OK");
  for (Client& client : clients) {
    REQUIRE(ask(client, "SET a1 v") ==
            "NOPERM User ann has no permissions to run the 'set' command");
    REQUIRE(ask(client, "GET a1") == "v");
  }
  REQUIRE(ask(clients[0], "DEL a1") == "1");
  REQUIRE(admin.info("acl_access_denied_cmd") == 16);
  REQUIRE(admin.info("acl_access_denied_key") == 8);
}

TEST_CASE("transactions ask when they queue and again at EXEC", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client admin(server.port());
  ask(admin, "ACL SETUSER ann on nopass ~* +@all -del");
  Client client = as(server, "ann");
  REQUIRE(ask(client, "MULTI") == "OK");
  REQUIRE(client.call({"DEL", "k"}).is_error());
  REQUIRE(ask(client, "EXEC") == "EXECABORT Transaction discarded because of previous errors.");

  REQUIRE(ask(client, "MULTI") == "OK");
  REQUIRE(ask(client, "SET k 1") == "QUEUED");
  REQUIRE(ask(client, "INCR k") == "QUEUED");
  REQUIRE(ask(admin, "ACL SETUSER ann -incr") == "OK");
  const Reply done = client.call({"EXEC"});
  REQUIRE(done[0].text() == "OK");
  REQUIRE(done[1].text().find("no permission to execute the command") != std::string::npos);
  REQUIRE(ask(admin, "GET k") == "1");
  const Reply entry = admin.call({"ACL", "LOG"})[0];
  REQUIRE(entry[5].text() == "multi");
  REQUIRE(entry[7].text() == "incr");
  REQUIRE(entry[13].text().find("cmd=exec user=ann") != std::string::npos);
}

TEST_CASE("a blocked client that has lost its right is told so", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client admin(server.port());
  ask(admin, "ACL SETUSER ann on nopass ~* +@all");
  std::vector<Client> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(as(server, "ann"));
    waiting.back().send({"BLPOP", "list", "0"});
    waiting.back().flush();
  }
  REQUIRE(eventually([&] { return admin.info("blocked_clients") == 4; }));
  ask(admin, "ACL SETUSER ann resetkeys");
  REQUIRE(ask(admin, "RPUSH list v") == "1");
  for (Client& client : waiting) {
    REQUIRE(client.receive().text() == "NOPERM No permissions to access a key");
  }
  REQUIRE(ask(admin, "LLEN list") == "1");
}

TEST_CASE("deleted users and lost channels end connections", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client admin(server.port());
  ask(admin, "ACL SETUSER ann on nopass +@all");
  ask(admin, "ACL SETUSER bob on nopass +@all &a &b*");
  std::vector<Client> of_ann;
  for (int i = 0; i < 4; ++i) of_ann.push_back(as(server, "ann"));
  Client keeps = as(server, "bob");
  Client loses = as(server, "bob");
  keeps.call({"SUBSCRIBE", "a"});
  loses.call({"PSUBSCRIBE", "b*"});
  // Who deletes its own user gets the reply and is then disconnected.
  REQUIRE(ask(of_ann[0], "ACL DELUSER ann nobody") == "1");
  for (Client& client : of_ann) REQUIRE(client.closed_by_server());
  REQUIRE(ask(admin, "ACL SETUSER bob resetchannels &a") == "OK");
  REQUIRE(loses.closed_by_server());
  REQUIRE(ask(admin, "PUBLISH a m") == "1");
  REQUIRE(keeps.receive()[2].text() == "m");
}

TEST_CASE("requirepass is the password of the default user", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client admin(server.port());
  ask(admin, "CONFIG SET requirepass secret");
  REQUIRE(ask(admin, "PING") == "PONG");  // stays logged in
  Client client(server.port());
  REQUIRE(ask(client, "PING") == "NOAUTH Authentication required.");
  REQUIRE(ask(client, "AUTH wrong").starts_with("WRONGPASS"));
  REQUIRE(admin.call({"ACL", "LOG"})[0][3].text() == "auth");
  REQUIRE(ask(client, "AUTH secret") == "OK");
  Client other(server.port());
  admin.call({"CONFIG", "SET", "requirepass", ""});
  REQUIRE(ask(other, "PING") == "PONG");
  REQUIRE(ask(admin, "ACL SETUSER default off") == "OK");
  Client late(server.port());
  REQUIRE(ask(late, "PING") == "NOAUTH Authentication required.");
}

TEST_CASE("the ACL file is read at start, saved and loaded again", "[integration]") {
  const int threads = GENERATE(from_range(thread_counts()));
  const TemporaryFile file("user ann on nopass ~* &* +@all\nuser default on nopass ~* &* +@all\n");
  ServerProcess server(threads, {"--aclfile", file.path});
  Client admin(server.port());
  std::vector<Client> of_ann;
  for (int i = 0; i < 3; ++i) of_ann.push_back(as(server, "ann"));
  REQUIRE(ask(admin, "ACL SETUSER bob on >pw +get ~x (+set ~y)") == "OK");
  const auto users = admin.call({"ACL", "LIST"}).texts();
  REQUIRE(ask(admin, "ACL SAVE") == "OK");
  REQUIRE(ask(admin, "ACL DELUSER bob") == "1");
  REQUIRE(ask(admin, "ACL SETUSER eve on nopass ~* &* +@all") == "OK");
  std::vector<Client> of_eve;
  for (int i = 0; i < 3; ++i) of_eve.push_back(as(server, "eve"));
  REQUIRE(ask(admin, "ACL LOAD") == "OK");
  REQUIRE(admin.call({"ACL", "LIST"}).texts() == users);
  for (Client& client : of_eve) REQUIRE(client.closed_by_server());
  for (Client& client : of_ann) REQUIRE(ask(client, "ACL WHOAMI") == "ann");
  file.append("user ann off\n");
  REQUIRE(ask(admin, "ACL LOAD").find("Duplicate user 'ann' found on line 4.") !=
          std::string::npos);
  REQUIRE(admin.call({"ACL", "LIST"}).texts() == users);
}

TEST_CASE("the journal knows which user wrote", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--appendonly", "yes", "--journal-segment-size", "1mb"});
  Client client(server.port());
  ask(client, "ACL SETUSER ann-of-the-journal on nopass ~* +@all");
  REQUIRE(ask(client, "SET k v") == "OK");
  const auto journal = [&] {
    std::string bytes;
    for (const auto& each : std::filesystem::recursive_directory_iterator(server.folder())) {
      if (!each.is_regular_file()) continue;
      std::ifstream in(each.path(), std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(in), {});
    }
    return bytes;
  };
  REQUIRE(journal().find("ann-of-the-journal") == std::string::npos);
  REQUIRE(client.ask({"AUTH", "ann-of-the-journal", "x"}) == "OK");
  REQUIRE(ask(client, "SET k v") == "OK");
  REQUIRE(journal().find("ann-of-the-journal") != std::string::npos);
}

}  // namespace memoir::testing
