#include <catch2/catch.hpp>

#include <filesystem>
#include <set>

#include "persistence/file.h"
#include "protocol/request_parser.h"
#include "src/base/log.h"
#include "src/base/glob.h"
#include "src/server/config_file.h"
#include "src/server/command_line.h"
#include "src/server/config_special.h"
#include "src/server/config_store.h"
#include "src/store/changes.h"

namespace memoir {
namespace {

bool knows_command(ByteView name) { return name == "get" || name == "set"; }

Result<LoadedConfig> load(Bytes text, Bytes options = {}) {
  ConfigSource source;
  source.stdin_text = std::move(text);
  source.options = std::move(options);
  return load_config(posix_file_system(), source, {.knows_command = knows_command});
}

Bytes load_error(Bytes text) {
  auto loaded = load(std::move(text));
  REQUIRE_FALSE(loaded);
  return loaded.error().text();
}

Bytes value_of(const Config& config, ByteView name) {
  const ConfigRow* row = find_config_row(name);
  REQUIRE(row != nullptr);
  return row->get(*row, config);
}

Bytes set_error(ConfigStore& store, std::vector<ConfigStore::Pair> pairs) {
  const Status done = store.set(pairs, {});
  return done ? Bytes() : done.error().text();
}

TEST_CASE("every directive reads back its own default", "[server][config]") {
  for (const ConfigRow* row : config_rows()) {
    CAPTURE(row->name);
    if (ByteView(row->name) == "dir") continue;  // becomes absolute
    Config config;
    const Bytes text = config_default(*row);
    std::vector<Bytes> words;
    if (row->has(kMultiWord)) {
      REQUIRE(split_line(text, words));
      if (text.empty()) words = {""};
    } else {
      words = {text};
    }
    if (ByteView(row->name) == "replicaof") words = {"no", "one"};
    const Status read = row->set(*row, config, words);
    REQUIRE(read);
    CHECK(row->get(*row, config) == text);
    CHECK(row->summary[0] != '\0');
  }
}

TEST_CASE("names and aliases of directives are unique and found in any case", "[server][config]") {
  std::set<Bytes> names;
  for (const ConfigRow* row : config_rows()) {
    CHECK(names.insert(row->name).second);
    if (row->alias) CHECK(names.insert(row->alias).second);
    CHECK(find_config_row(to_upper(row->name)) == row);
  }
  CHECK(find_config_row("slaveof") == find_config_row("replicaof"));
  CHECK(find_config_row("nonsense") == nullptr);
}

TEST_CASE("a configuration file is read like Redis's", "[server][config]") {
  auto loaded = load(
      "# comment\n\n  PORT 7000\r\nmaxmemory 100mb\n"
      "save 900 1\nsave \"300 10 60 10000\"\n"
      "client-output-buffer-limit replica 1mb 2mb 3\n"
      "requirepass \"a b\\x41\"\nbind 127.0.0.1 -::1\nhz 1000\nactiverehashing no\n"
      "slave-priority 7\nlist-max-ziplist-entries 5\nuser alice on >p ~*\n"
      "rename-command get fetch\nrename-command fetch take\nrename-command set \"\"\n"
      "unixsocketperm 770\nmaxmemory-clients 5%\nshutdown-on-sigterm nosave now\n",
      "port 7001\n--");
  REQUIRE_FALSE(loaded);  // the options end with nonsense
  loaded = load(
      "# comment\n\n  PORT 7000\r\nmaxmemory 100mb\n"
      "save 900 1\nsave \"300 10 60 10000\"\n"
      "client-output-buffer-limit replica 1mb 2mb 3\n"
      "requirepass \"a b\\x41\"\nbind 127.0.0.1 -::1\nhz 1000\nactiverehashing no\n"
      "slave-priority 7\nlist-max-ziplist-entries 5\nuser alice on >p ~*\n"
      "rename-command get fetch\nrename-command fetch take\nrename-command set \"\"\n"
      "unixsocketperm 770\nmaxmemory-clients 5%\nshutdown-on-sigterm nosave now\n",
      "port 7001");
  REQUIRE(loaded);
  const Config& config = loaded->config;
  CHECK(config.port == 7001);
  CHECK(config.maxmemory == 100U << 20);
  CHECK(value_of(config, "save") == "900 1 300 10 60 10000");
  CHECK(value_of(config, "client-output-buffer-limit") ==
        "normal 0 0 0 slave 1048576 2097152 3 pubsub 33554432 8388608 60");
  CHECK(config.requirepass == "a bA");
  CHECK(config.bind == std::vector<Bytes>{"127.0.0.1", "-::1"});
  CHECK(config.hz == 500);
  CHECK(value_of(config, "activerehashing") == "no");
  CHECK(config.replica_priority == 7);
  CHECK(config.users == std::vector<std::vector<Bytes>>{{"alice", "on", ">p", "~*"}});
  REQUIRE(config.renamed_commands.size() == 2);
  CHECK(config.renamed_commands[0].new_name == "take");
  CHECK(config.renamed_commands[1].new_name.empty());
  CHECK(config.unixsocketperm == 0770);
  CHECK(value_of(config, "unixsocketperm") == "770");
  CHECK(value_of(config, "maxmemory-clients") == "5%");
  CHECK(config.shutdown_on_sigterm == (kShutdownNoSave | kShutdownNow));
  CHECK(value_of(config, "shutdown-on-sigterm") == "nosave now");
  CHECK(loaded->notes.size() == 3);
  CHECK(config.dir.front() == '/');
}

TEST_CASE("a mistake in the file names line and text", "[server][config]") {
  CHECK(load_error("port 1\n  nonsense 1 2\n") ==
        "\n*** FATAL CONFIG FILE ERROR (Memoir 0.1.0) ***\n"
        "Reading the configuration file, at line 2\n>>> 'nonsense 1 2'\n"
        "Bad directive or wrong number of arguments\n");
  const auto ends_with = [](const Bytes& text, ByteView tail) { return text.ends_with(tail); };
  CHECK(ends_with(load_error("port 1 2"), "wrong number of arguments\n"));
  CHECK(ends_with(load_error("port x"), "argument couldn't be parsed into an integer\n"));
  CHECK(ends_with(load_error("port 65536"), "argument must be between 0 and 65535 inclusive\n"));
  CHECK(ends_with(load_error("requirepass \"x"), "Unbalanced quotes in configuration line\n"));
  CHECK(ends_with(load_error("save 1"), "Invalid save parameters\n"));
  CHECK(ends_with(load_error("appendfsync sometimes"),
                  "argument(s) must be one of the following: everysec, always, no\n"));
  CHECK(ends_with(load_error("rename-command nosuch x"), "No such command in rename-command\n"));
  CHECK(ends_with(load_error("rename-command get set"), "Target command name already exists\n"));
  CHECK(ends_with(load_error("shutdown-on-sigint save nosave"),
                  "shutdown options SAVE and NOSAVE can't be used simultaneously\n"));
  CHECK(load_error("include /nonexistent/file") ==
        "Fatal error, can't open config file '/nonexistent/file': No such file or directory\n");
  CHECK(load("include /nonexistent/*.conf"));
}

TEST_CASE("CONFIG SET changes all or nothing", "[server][config]") {
  ConfigStore store{Config{}};
  std::vector<std::int64_t> seen;
  store.on_change({"timeout", "hz"}, [&](const Config&, const Config& to) {
    seen.push_back(to.timeout);
    return Status(ok);
  });
  store.on_change({"port"}, [](const Config&, const Config& to) {
    return to.port == 1 ? Status(Error("Unable to listen on this port. Check server logs."))
                        : Status(ok);
  });
  const auto version = store.version();
  CHECK(set_error(store, {{"timeout", "5"}, {"maxmemory", "1gb"}}).empty());
  CHECK(store.version() == version + 1);
  CHECK(store.current()->timeout == 5);
  CHECK(store.current()->maxmemory == 1U << 30);
  CHECK(seen == std::vector<std::int64_t>{5});

  CHECK(set_error(store, {{"timeout", "5"}}).empty());  // the same value: no hook
  CHECK(seen.size() == 1);

  CHECK(set_error(store, {{"timeout", "6"}, {"port", "1"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'port') - "
        "Unable to listen on this port. Check server logs.");
  CHECK(store.current()->timeout == 5);
  CHECK(seen == std::vector<std::int64_t>{5, 6, 5});

  CHECK(set_error(store, {{"timeout", "7"}, {"nosuch", "1"}}) ==
        "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
  CHECK(set_error(store, {{"databases", "1"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'databases') - "
        "can't set immutable config");
  CHECK(set_error(store, {{"dir", "/"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config");
  CHECK(set_error(store, {{"hz", "1"}, {"HZ", "2"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter");
  CHECK(set_error(store, {{"maxmemory", "-1"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
        "argument must be a memory value");
  CHECK(store.current()->timeout == 5);
}

TEST_CASE("classes of notifications are read and written", "[server][config]") {
  CHECK(format_event_classes(*parse_event_classes("KEA")) == "AKE");
  CHECK(format_event_classes(*parse_event_classes("Kg$lshzxetd")) == "AK");
  CHECK(format_event_classes(*parse_event_classes("mnEx")) == "xnEm");
  CHECK_FALSE(parse_event_classes("Kq"));
}

TEST_CASE("rewriting keeps comments and order", "[server][config]") {
  Config config;
  config.port = 7000;
  config.maxmemory = 100U << 20;
  config.save = {{900, 1}};
  config.requirepass = "a\"b";
  config.dir = "/data";
  config.users = {{"alice", "on"}};
  const Bytes old_text =
      "# top\nport 6379\n\n\n# memory\nmaxmemory 5\nsave 1 2\nsave 3 4\nhz 10\n"
      "user alice off\nwhat is this\n";
  const Bytes once = rewritten_config(old_text, config);
  CHECK(once ==
        "# top\nport 7000\n\n# memory\nmaxmemory 100mb\nsave 900 1\n\nhz 10\n"
        "user alice on\n# ??? what is this\n# Generated by CONFIG REWRITE\n"
        "requirepass \"a\\\"b\"\ndir \"/data\"\n");
  CHECK(rewritten_config(once, config) == once);
}

TEST_CASE("what is rewritten reads back the same", "[server][config]") {
  auto loaded = load("bind 127.0.0.1\nclient-output-buffer-limit pubsub 1 2 3\nsave \"\"\n"
                     "notify-keyspace-events KEA\nmaxmemory-clients 10%\ntls-port 0\n"
                     "latency-tracking-info-percentiles 50 90\noom-score-adj-values 1 2 3\n");
  REQUIRE(loaded);
  auto again = load(rewritten_config("", loaded->config, Rewrite::kEverything));
  REQUIRE(again);
  for (const ConfigRow* row : config_rows()) {
    CAPTURE(row->name);
    CHECK(row->get(*row, loaded->config) == row->get(*row, again->config));
  }
}

TEST_CASE("the command line becomes lines of a file", "[server][config]") {
  const auto lines = [](std::vector<const char*> arguments) {
    return parse_command_line(arguments).source.options;
  };
  CHECK(lines({"--port", "7777", "--bind", "a", "b"}) == "port \"7777\" \nbind \"a\" \"b\" ");
  CHECK(lines({"--port 7777"}) == "port 7777 ");
  CHECK(lines({"--save", "--port", "1"}) == "save \"\"\nport \"1\" ");
  CHECK(lines({"--save"}) == "save \"\"");
  CHECK(lines({"--requirepass", "--secret", "--hz", "5"}) ==
        "requirepass \"--secret\" \nhz \"5\" ");
  const CommandLine line = parse_command_line(std::vector<const char*>{"/etc/m.conf",
      "--hz", "5", "-"});
  CHECK(line.source.file == "/etc/m.conf");
  CHECK(line.source.has_stdin);
  const CommandLine version = parse_command_line(std::vector<const char*>{"-v"});
  CHECK(version.action == CommandLineAction::kShowVersion);
}

TEST_CASE("templates of the process's title", "[server][config]") {
  Config config;
  config.bind = {"127.0.0.1"};
  const ProcTitle title{"memoir", "/m.conf"};
  CHECK(expand_proc_title("{title} {listen-addr} {server-mode}", config, title) ==
        "memoir 127.0.0.1:6379");
  CHECK(expand_proc_title("{{x {port} {config-file}", config, title) == "{x 6379 /m.conf");
  CHECK_FALSE(expand_proc_title("{nosuch}", config, title));
  CHECK_FALSE(expand_proc_title("{title", config, title));
}

TEST_CASE("users are read from a file and written back", "[server]") {
  auto loaded = load("user ann on +@all (+get ~x)\nhz 20\nuser bob off\n");
  REQUIRE(loaded);
  Config& config = loaded->config;
  REQUIRE(config.users.size() == 2);
  CHECK(config.users[0] == std::vector<Bytes>{"ann", "on", "+@all", "(+get", "~x)"});
  // As the running server describes its users.
  config.users = {{"ann", "off -@all"}, {"cid", "on +@all"}, {"default", "on"}};
  const Bytes text = rewritten_config("user ann on\nhz 20\nuser bob off\n", config);
  CHECK(text.starts_with("user ann off -@all\nhz 20\nuser cid on +@all\n"));
  CHECK(text.find("\nuser default on\n") != Bytes::npos);
  CHECK(text.find("bob") == Bytes::npos);
  config.users.clear();
  CHECK(rewritten_config(text, config).find("user") == Bytes::npos);

  auto twice = load("user ann on\nuser ann off\n");
  REQUIRE_FALSE(twice);
  CHECK(twice.peek_error().text().find("Duplicate user found") != Bytes::npos);
}

// Goal: conf/memoir.conf says what the rows say. Method: load it and compare every directive with
// its default; look for the name of each in the text.
TEST_CASE("memoir.conf has every directive with its default", "[server][config]") {
  // The compiler's path of this file may be relative to where the build ran: go up from here, too.
  const Bytes here = __FILE__;
  Bytes path = here.substr(0, here.rfind("tests/")) + "conf/memoir.conf";
  for (Bytes up; !std::filesystem::exists(path) && up.size() < 30; up += "../") {
    path = up + "conf/memoir.conf";
  }
  auto text = read_file(posix_file_system(), path);
  REQUIRE(text);
  auto loaded = load(*text);
  REQUIRE(loaded);
  for (const ConfigRow* row : config_rows()) {
    CAPTURE(row->name);
    if (row->has(kHidden)) continue;
    const bool active = text->find(fmt::format("\n{} ", row->name)) != Bytes::npos;
    const bool shown = text->find(fmt::format("\n# {} ", row->name)) != Bytes::npos;
    CHECK((active || shown));
    if (ByteView(row->name) == "dir") continue;  // absolute by now
    CHECK(row->get(*row, loaded->config) == config_default(*row));
  }
}

}  // namespace
}  // namespace memoir
