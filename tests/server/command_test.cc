#include <catch2/catch.hpp>

#include "src/acl/acl_categories.h"
#include "src/server/admin_rows.h"
#include "src/server/command_docs.h"
#include "src/server/command_reply.h"

namespace memoir {
namespace {

std::vector<Argument> arguments(const char* syntax, KeySpecs keys = first_is_key(kKeyRO)) {
  CommandSpec spec;
  spec.name = "x";
  spec.syntax = syntax;
  spec.keys = keys;
  return parse_syntax(spec);
}

// "name:type" with '?' optional, '*' multiple, "=TOKEN" and parts in brackets.
Bytes shape(const std::vector<Argument>& all) {
  Bytes text;
  for (const Argument& each : all) {
    if (!text.empty()) text += ' ';
    text.append(each.parts.empty() ? each.name : Bytes()).append(":");
    text += argument_type_name(each.type);
    if (!each.token.empty()) text += "=" + each.token;
    if (each.optional) text += '?';
    if (each.multiple) text += '*';
    if (each.multiple_token) text += '+';
    if (!each.parts.empty()) text += "(" + shape(each.parts) + ")";
  }
  return text;
}

TEST_CASE("syntax in redis.io's notation becomes arguments", "[server][command]") {
  CHECK(shape(arguments("key value [NX | XX] [GET] [EX seconds | KEEPTTL]")) ==
        "key:key value:string :oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET? "
        ":oneof?(seconds:integer=EX keepttl:pure-token=KEEPTTL)");
  CHECK(shape(arguments("key [key ...]")) == "key:key*");
  CHECK(shape(arguments("key value [key value ...]")) == ":block*(key:key value:string)");
  CHECK(shape(arguments("numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")) ==
        "numkeys:integer key:key* :oneof(left:pure-token=LEFT right:pure-token=RIGHT) "
        "count:integer=COUNT?");
  CHECK(shape(arguments("key [LIMIT offset count]")) ==
        "key:key :block=LIMIT?(offset:integer count:integer)");
  CHECK(shape(arguments("key [GET pattern [GET pattern ...]]")) ==
        "key:key pattern:pattern=GET?*+");
  CHECK(shape(arguments("key <field value>...")) == "key:key :block*(field:string value:string)");
  CHECK(shape(arguments("[section [section ...]]", kNoKeys)) == "section:string?*");
  CHECK(shape(arguments("STREAMS key [key ...] id [id ...]")) == "key:key=STREAMS* id:string*");
  CHECK(shape(arguments("")).empty());
}

TEST_CASE("keys know their specs", "[server][command]") {
  const auto all = arguments("destination numkeys key [key ...]",
                             {key_range(1, 1, 1, kKeyOW), key_count(2, kKeyRO)});
  REQUIRE(all.size() == 3);
  CHECK(all[0].key_spec == 0);
  CHECK(all[1].key_spec == -1);
  CHECK(all[2].key_spec == 1);
}

TEST_CASE("first key, last key and step come from the specs", "[server][command]") {
  const auto range = [](KeySpecs keys) {
    CommandSpec spec;
    spec.name = "x";
    spec.keys = keys;
    const LegacyRange r = legacy_range(spec);
    return std::vector<int>{r.first, r.last, r.step, r.movable};
  };
  CHECK(range(kNoKeys) == std::vector<int>{0, 0, 0, 0});
  CHECK(range(first_is_key(kKeyRO)) == std::vector<int>{1, 1, 1, 0});
  CHECK(range({key_range(1, -1, 2, kKeyOW)}) == std::vector<int>{1, -1, 2, 0});
  CHECK(range(two_keys(kKeyRO, kKeyOW)) == std::vector<int>{1, 2, 1, 0});
  CHECK(range({key_range(1, 1, 1, kKeyOW), key_count(2, kKeyRO)}) == std::vector<int>{1, 1, 1, 1});
  CHECK(range({key_count(1, kKeyRO)}) == std::vector<int>{0, 0, 0, 1});
}

TEST_CASE("ACL categories come from group, access and flags", "[server][command]") {
  CommandSpec get;
  get.name = "get";
  get.group = Group::kString;
  get.access = Access::kRead;
  get.flags = kFast;
  CHECK(acl_categories(get) == (kAclString | kAclRead | kAclFast));
  CommandSpec eval;
  eval.name = "eval_ro";
  eval.group = Group::kScripting;
  eval.access = Access::kRead;
  CHECK(acl_categories(eval) == (kAclScripting | kAclSlow));
  CommandSpec config;
  config.name = "config";
  config.group = Group::kServer;
  config.flags = kAdmin;
  CHECK(acl_categories(config) == (kAclAdmin | kAclDangerous | kAclSlow));
  CHECK(acl_category("SortedSet") == kAclSortedSet);
  CHECK(acl_category("nonsense") == 0);
}

TEST_CASE("COMMAND INFO has Redis's shape", "[server][command]") {
  CommandTable table;
  table.add(config_commands());
  OutputBuffer out;
  ReplyWriter reply(out, Resp::kV2);
  Word words[] = {{"config", {}}, {"get", {}}};
  write_command_info(table, *table.resolve(words), reply);
  CHECK(out.flatten() ==
        "*10\r\n$10\r\nconfig|get\r\n:-3\r\n*4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n"
        ":0\r\n:0\r\n:0\r\n*3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n");
}

}  // namespace
}  // namespace memoir
