// The set of users: versions, accounts, the ACL file, the security log.
#include "src/acl/acl_file.h"
#include "src/acl/security_log.h"
#include "tests/acl/rights_fixture.h"

namespace memoir {
namespace {

TEST_CASE_METHOD(RightsFixture, "a user keeps its account, another of its name has another",
                 "[acl]") {
  set("ann", "+get");
  const UserPointer first = user("ann");
  set("ann", "+set");
  REQUIRE(users.current(*first));
  CHECK(users.current(*first)->describe() != first->describe());
  CHECK(users.remove("ann")->name() == "ann");
  CHECK_FALSE(users.current(*first));
  set("ann", "+get");
  CHECK_FALSE(users.current(*first));
  CHECK_FALSE(users.remove("bob"));
}

TEST_CASE_METHOD(RightsFixture, "requirepass is the default user's password", "[acl]") {
  const std::uint64_t before = users.version();
  users.set_default_password("secret");
  CHECK(users.version() != before);
  CHECK(users.default_user()->admits("secret"));
  CHECK_FALSE(users.default_user()->admits("x"));
  users.set_default_password("");
  CHECK(users.default_user()->needs_no_password());
}

TEST_CASE_METHOD(RightsFixture, "who loses channels is found", "[acl]") {
  set("ann", "&a &b");
  const UserPointer before = user("ann");
  set("ann", "resetchannels &a &b &c");
  CHECK(user("ann")->keeps_channels_of(*before));
  set("ann", "resetchannels &a");
  CHECK_FALSE(user("ann")->keeps_channels_of(*before));
  set("ann", "allchannels");
  CHECK(user("ann")->keeps_channels_of(*before));
  const UserPointer all = user("ann");
  set("ann", "resetchannels &*x");
  CHECK_FALSE(user("ann")->keeps_channels_of(*all));
}

TEST_CASE_METHOD(RightsFixture, "the ACL file reads back what it shows", "[acl]") {
  set("ann", "on >pw +@all -config|set ~a %R~b &c (+get ~x) (-@all +set %W~y &z)");
  set("bob", "off nopass skip-sanitize-payload +select|0");
  const Bytes text = acl_file_text(users.all());
  auto loaded = parse_acl_file(text, "users.acl", users, false);
  REQUIRE(loaded);
  set("eve", "&*");
  const auto replaced = users.replace(*std::move(loaded));
  REQUIRE(replaced.gone.size() == 1);
  CHECK(replaced.gone[0]->name() == "eve");
  CHECK(replaced.narrowed.empty());
  CHECK(acl_file_text(users.all()) == text);
  CHECK(users.default_user()->account() == 0);
}

TEST_CASE_METHOD(RightsFixture, "a user that is loaded again is still the same", "[acl]") {
  set("ann", "on nopass &a &b");
  const UserPointer before = user("ann");
  auto loaded = parse_acl_file("user ann on nopass resetchannels &a\n", "f", users, false);
  REQUIRE(loaded);
  const auto replaced = users.replace(*std::move(loaded));
  CHECK(replaced.gone.empty());
  REQUIRE(replaced.narrowed.size() == 1);
  REQUIRE(users.current(*before));
  CHECK_FALSE(users.current(*before)->keeps_channels_of(*before));
}

TEST_CASE_METHOD(RightsFixture, "all mistakes of an ACL file are told", "[acl]") {
  const auto problem = [&](ByteView text) {
    auto loaded = parse_acl_file(text, "f", users, false);
    return loaded ? Bytes() : Bytes(loaded.peek_error().text());
  };
  CHECK(problem("\n  \nuser ann on\n").empty());
  CHECK(problem("nonsense").starts_with("f:1 should start with user keyword"));
  CHECK(problem("user ann on\nuser ann off").find("Duplicate user 'ann' found on line 2.") !=
        Bytes::npos);
  const Bytes both = problem("user ann +nosuch junk ~* ~a\nuser bob (+get");
  CHECK(both.find("f:1: Error in applying operation '+nosuch': Unknown command") != Bytes::npos);
  CHECK(both.find("f:1: Syntax error. ") != Bytes::npos);
  CHECK(both.find("after the *") == Bytes::npos);  // only the first of such
  CHECK(both.find("f:2: Unmatched parenthesis") != Bytes::npos);
  CHECK(both.ends_with("no change to the previously active ACL rules was performed"));
}

SecurityLog::Entry entry(const char* object, std::int64_t time_ms) {
  SecurityLog::Entry made;
  made.object = object;
  made.user = "ann";
  made.time_ms = time_ms;
  return made;
}

TEST_CASE("what is refused again within a minute is one entry", "[acl]") {
  SecurityLog log;
  log.add(entry("get", 1000), 3);
  log.add(entry("set", 2000), 3);
  log.add(entry("get", 61'000), 3);
  auto newest = log.newest(10);
  REQUIRE(newest.size() == 2);
  CHECK(newest[0].object == "get");
  CHECK(newest[0].count == 2);
  CHECK(newest[0].created_ms == 1000);
  CHECK(newest[0].time_ms == 61'000);
  CHECK(newest[0].id == 0);
  log.add(entry("get", 130'000), 3);
  newest = log.newest(1);
  CHECK(newest[0].count == 1);
  CHECK(newest[0].id == 2);
  log.add(entry("del", 130'000), 3);
  CHECK(log.newest(10).size() == 3);
  CHECK(log.count(Denial::kCommand) == 5);
  log.clear();
  CHECK(log.newest(10).empty());
}

}  // namespace
}  // namespace memoir
