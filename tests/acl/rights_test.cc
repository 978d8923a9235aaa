// What rules allow: commands, keys, channels, selectors.
#include "src/acl/password.h"
#include "tests/acl/rights_fixture.h"

namespace memoir {
namespace {

TEST_CASE_METHOD(RightsFixture, "a new user may do nothing, the default one anything", "[acl]") {
  REQUIRE(set("ann", "").empty());
  CHECK(user("ann")->describe() == "off sanitize-payload resetchannels -@all");
  CHECK_FALSE(may("ann", "get k"));
  CHECK_FALSE(user("ann")->unrestricted());
  CHECK(user("default")->describe() == "on nopass sanitize-payload ~* &* +@all");
  CHECK(user("default")->unrestricted());
  CHECK(may("default", "config set a b"));
}

TEST_CASE_METHOD(RightsFixture, "commands by name, container, category and first argument",
                 "[acl]") {
  set("ann", "allkeys +get +config|get +select|0 +@pubsub allchannels");
  CHECK(may("ann", "get k"));
  CHECK_FALSE(may("ann", "set k v"));
  CHECK(may("ann", "config get x"));
  CHECK_FALSE(may("ann", "config set x y"));
  CHECK(may("ann", "select 0"));
  CHECK_FALSE(may("ann", "select 1"));
  CHECK(may("ann", "publish c m"));
  CHECK(may("ann", "auth x"));  // needs no right
  set("ann", "+config -config|set");
  CHECK(may("ann", "config get x"));
  CHECK_FALSE(may("ann", "config set x y"));
  set("ann", "+@all -@string");
  CHECK_FALSE(may("ann", "get k"));
  CHECK(may("ann", "exists k"));
}

TEST_CASE_METHOD(RightsFixture, "rules are kept in the shortest form that says the same", "[acl]") {
  set("ann", "+GET +get -set +set");
  CHECK(commands("ann") == "-@all +get +set");
  set("ann", "+config|get -config|set +CONFIG");
  CHECK(commands("ann") == "-@all +get +set +config");
  set("ann", "+@Read -@hash +@read");
  CHECK(commands("ann") == "-@all +get +set +config -@hash +@read");
  set("ann", "+@all -get");
  CHECK(commands("ann") == "+@all -get");
  set("ann", "nocommands");
  CHECK(commands("ann") == "-@all");
}

TEST_CASE_METHOD(RightsFixture, "keys to read and keys to write", "[acl]") {
  set("ann", "+@all %R~r* %W~w* ~rw*");
  CHECK(may("ann", "get r1"));
  CHECK_FALSE(may("ann", "set r1 v"));
  CHECK(may("ann", "set w1 v"));
  CHECK(may("ann", "exists r1 w1"));  // existence needs either
  CHECK(may("ann", "copy r1 w1"));
  CHECK_FALSE(may("ann", "copy w1 r1"));
  const Verdict refused = check("ann", "exists rw1 x y");
  CHECK(refused.denial == Denial::kKey);
  CHECK(refused.word == 2);
  set("ann", "%W~r*");
  CHECK(user("ann")->selectors().front().describe_keys() == "~r* %W~w* ~rw*");
}

TEST_CASE_METHOD(RightsFixture, "channels are matched, patterns are compared", "[acl]") {
  set("ann", "+@all &news.*");
  CHECK(may("ann", "publish news.a m"));
  CHECK(check("ann", "publish other m").denial == Denial::kChannel);
  CHECK(may("ann", "psubscribe news.*"));
  CHECK_FALSE(may("ann", "psubscribe news.a*"));
}

TEST_CASE_METHOD(RightsFixture, "one selector must allow all of a request", "[acl]") {
  set("ann", "(+@write ~w*) (+@read %R~r*)");
  CHECK(may("ann", "set w1 v"));
  CHECK(may("ann", "get r1"));
  CHECK_FALSE(may("ann", "copy r1 w1"));
  // The key that goes furthest is to blame, not the command.
  CHECK(check("ann", "copy w1 x").word == 2);
  CHECK(user("ann")->describe() ==
        "off sanitize-payload resetchannels -@all (~w* resetchannels -@all +@write) "
        "(%R~r* resetchannels -@all +@read)");
  set("ann", "clearselectors");
  CHECK_FALSE(may("ann", "get r1"));
}

TEST_CASE_METHOD(RightsFixture, "a request and all keys", "[acl]") {
  set("ann", "(+get ~list ~w*)");
  check("ann", "get list");
  const CommandTable::Row& row = *table.find("get");
  CHECK_FALSE(user("ann")->check_with_all_keys(row, words, kKeyAccess));
  set("ann", "(+get ~list %W~*)");
  CHECK_FALSE(user("ann")->check_with_all_keys(row, words, kKeyAccess));
  set("ann", "(+get ~list %R~*)");
  CHECK(user("ann")->check_with_all_keys(row, words, kKeyAccess));
}

TEST_CASE_METHOD(RightsFixture, "a renamed command has the rights of its own name", "[acl]") {
  CommandSpec renamed = *table.find("get")->spec;
  renamed.name = "fetch";
  CommandTable running;
  running.add({&renamed, 1});
  ids.bind(running, [&](const CommandSpec&) { return table.find("get")->spec; });
  set("ann", "+get ~*");
  const Word request[] = {{"fetch", {}}, {"k", {}}};
  const CommandTable::Row& row = *running.find("fetch");
  CHECK(user("ann")->check(row, request).denial == Denial::kNone);
  set("ann", "-get");
  const Verdict verdict = user("ann")->check(row, request);
  CHECK(user("ann")->refusal(row, request, verdict, User::Detail::kDiscreet) ==
        "User ann has no permissions to run the 'get' command");
  CHECK_FALSE(set("ann", "+fetch").empty());
}

TEST_CASE_METHOD(RightsFixture, "passwords open the door of enabled users", "[acl]") {
  set("ann", ">one >two");
  CHECK_FALSE(user("ann")->admits("one"));
  set("ann", "on");
  CHECK(user("ann")->admits("one"));
  CHECK(user("ann")->admits("two"));
  CHECK_FALSE(user("ann")->admits("three"));
  set("ann", "<one !" + password_hash("two"));
  CHECK_FALSE(user("ann")->admits("two"));
  set("ann", "nopass");
  CHECK(user("ann")->admits("anything"));
  CHECK(password_hash("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE_METHOD(RightsFixture, "a wrong rule changes nothing and is named", "[acl]") {
  set("ann", "+get");
  const Bytes before = user("ann")->describe();
  const std::uint64_t version = users.version();
  const auto wrong = [&](ByteView rules) { return set("ann", rules).substr(sizeof("ERR")); };
  CHECK(wrong("on +nosuch") == "Error in ACL SETUSER modifier '+nosuch': Unknown command or "
                               "category name in ACL");
  CHECK(wrong("+config|get|x").ends_with("Allowing first-arg of a subcommand is not supported"));
  CHECK(wrong("+config|nosuch").ends_with("Unknown command or category name in ACL"));
  CHECK(wrong("%~a").ends_with("Syntax error"));
  CHECK(wrong("(+get").starts_with("Unmatched parenthesis in acl selector starting at '(+get'"));
  CHECK(wrong("(+get junk)").starts_with("Error in ACL SETUSER modifier '(+get junk)': Syntax"));
  CHECK(wrong("#123").find("exactly 64 characters") != Bytes::npos);
  CHECK(wrong("<nopass").find("does not exist") != Bytes::npos);
  CHECK(wrong("~* ~a").find("after the * pattern") != Bytes::npos);
  CHECK(wrong("&* &a").find("'allchannels' flag") != Bytes::npos);
  CHECK(user("ann")->describe() == before);
  CHECK(users.version() == version);
}

}  // namespace
}  // namespace memoir
