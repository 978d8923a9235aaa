// Exports: what an append-only file made of a journal says when it is read again, what is
// translated, and what is refused.
#include <map>

#include "datatypes/registry.h"
#include "persistence/aof_export.h"
#include "persistence/aof_manifest.h"
#include "persistence/aof_translation.h"
#include "persistence/journal_position.h"
#include "persistence/json_lines.h"
#include "persistence/json_text.h"
#include "persistence/timeline_reader.h"
#include "tests/persistence/exported_journal.h"

namespace memoir {
namespace {

using Lines = std::vector<Bytes>;

Lines exported(WrittenJournal& journal, const Timeline& timeline, Lsn to = UINT64_MAX) {
  auto done = export_append_only(journal.files, timeline,
                                 {.data_directory = "data", .to = to, .output = "out"});
  INFO((done ? "" : done.peek_error().text()));
  REQUIRE(done);
  ToldOfAof told;
  auto read = read_append_only(journal.files, {.directory = "out"}, {}, told);
  INFO((read ? "" : read.peek_error().text()));
  REQUIRE(read);
  return told.lines;
}

Lines read_requests(const Bytes& text) {
  Lines lines;
  RequestCursor cursor(text);
  for (std::vector<ByteView> words; cursor.next(words);) {
    Bytes& line = lines.emplace_back();
    for (const ByteView word : words) line.append(line.empty() ? "" : " ").append(word);
  }
  REQUIRE(!cursor.failed());
  return lines;
}

TEST_CASE("an export says what the journal says", "[persistence][aof]") {
  WrittenJournal journal;
  journal.add({"SET", "a", "1"});
  journal.add({"SET", "b", "2"}, 3);
  journal.add_words(request({"MULTI"}) + request({"INCR", "a"}) + request({"DEL", "a"}) +
                    request({"EXEC"}));
  journal.add({"SET", "c", "3"}, 3);
  const Timeline timeline = journal.close();
  REQUIRE(exported(journal, timeline) == Lines{"0@1000 SET a 1", "3@1001 SET b 2",
                                               "0@1002 tx INCR a", "0@1002 tx DEL a",
                                               "3@1003 SET c 3"});
  // There is an AOF now.
  auto again = export_append_only(journal.files, timeline,
                                  {.data_directory = "data", .output = "out"});
  REQUIRE(!again);
  REQUIRE(again.peek_error().text().find("holds an append-only file already") != Bytes::npos);
}

TEST_CASE("an export begins with the newest snapshot that is sound and not too late",
          "[persistence][aof]") {
  WrittenJournal journal;
  journal.add({"SET", "a", "1"});
  journal.add({"SET", "b", "1"});
  journal.add({"SET", "c", "1"});
  const std::vector<Lsn>& lsns = journal.lsns;
  journal.snapshot(lsns[0], "first");
  journal.snapshot(lsns[1], "second");
  const Timeline timeline = journal.close();
  SECTION("all of it") {
    REQUIRE(exported(journal, timeline) == Lines{"db 0", "key snapped=second", "0@1002 SET c 1"});
  }
  SECTION("up to a moment") {
    REQUIRE(exported(journal, timeline, lsns[1] - 1) == Lines{"db 0", "key snapped=first"});
  }
  SECTION("before any") {
    REQUIRE(exported(journal, timeline, lsns[0] - 1).empty());
  }
  SECTION("the newest is damaged") {
    const std::string path = "data/" + snapshot_name(lsns[1]);
    Bytes bytes = journal.files.contents(path);
    bytes[bytes.size() / 2] ^= 1;
    journal.files.set_contents(path, bytes);
    REQUIRE(exported(journal, timeline) ==
            Lines{"db 0", "key snapped=first", "0@1001 SET b 1", "0@1002 SET c 1"});
  }
  SECTION("one that belongs elsewhere") {
    journal.files.set_contents("data/" + snapshot_name(lsns[2]), small_rdb("snapped", "strange"));
    REQUIRE(exported(journal, timeline).size() == 3);
  }
}

TEST_CASE("a record without counterpart ends the export with a way out", "[persistence][aof]") {
  WrittenJournal journal;
  journal.add({"SET", "a", "1"});
  journal.add({"BITOP", "DIFF", "d", "a", "b"});
  const Timeline timeline = journal.close();
  const AofExportOptions options{.data_directory = "data", .output = "out"};
  auto done = export_append_only(journal.files, timeline, options);
  REQUIRE(!done);
  REQUIRE(done.peek_error().code() == ErrorCode::kUnsupported);
  const Bytes& text = done.peek_error().text();
  REQUIRE(text.find("BITOP DIFF has no counterpart in Redis 7.0") != Bytes::npos);
  REQUIRE(text.find("BGSAVE") != Bytes::npos);
  REQUIRE_FALSE(journal.files.exists("out/appendonlydir/appendonly.aof.manifest"));
  // A snapshot behind it is such a way.
  journal.snapshot(journal.lsns[1], "whole");
  REQUIRE(exported(journal, timeline) == Lines{"db 0", "key snapped=whole"});
}

TEST_CASE("requests in words of Redis 7.0", "[persistence][aof]") {
  using Case = std::pair<std::vector<ByteView>, Lines>;
  const std::vector<Case> cases = {
      {{"set", "k", "v", "KEEPTTL"}, {"set k v KEEPTTL"}},
      {{"HSETEX", "k", "KEEPTTL", "FIELDS", "1", "f", "v"}, {"HSET k f v"}},
      {{"HSETEX", "k", "FNX", "PXAT", "99", "FIELDS", "1", "fields", "v"}, {"HSET k fields v"}},
      {{"HPEXPIREAT", "k", "9", "FIELDS", "2", "f", "g"}, {}},
      {{"PEXPIREMEMBERAT", "k", "m", "9"}, {}},
      {{"HPERSIST", "k", "FIELDS", "1", "f"}, {}},
      {{"XADD", "k", "KEEPREF", "MAXLEN", "=", "3", "1-1", "keepref", "v"},
       {"XADD k MAXLEN = 3 1-1 keepref v"}},
      {{"XADD", "k", "NOMKSTREAM", "MINID", "3", "LIMIT", "5", "1-1", "f", "v"},
       {"XADD k NOMKSTREAM MINID 3 LIMIT 5 1-1 f v"}},
      {{"XTRIM", "k", "MAXLEN", "5", "KEEPREF"}, {"XTRIM k MAXLEN 5"}},
      {{"XDELEX", "k", "KEEPREF", "IDS", "2", "1-1", "2-2"}, {"XDEL k 1-1 2-2"}},
      {{"BITOP", "AND", "d", "a"}, {"BITOP AND d a"}},
      {{"GEOSEARCHSTORE", "d", "s", "FROMMEMBER", "bypolygon", "BYRADIUS", "1", "m"},
       {"GEOSEARCHSTORE d s FROMMEMBER bypolygon BYRADIUS 1 m"}},
      {{"FUNCTION", "LOAD", "REPLACE", "text"}, {"FUNCTION LOAD REPLACE text"}},
  };
  AofTranslator translator;
  for (const auto& [words, expected] : cases) {
    CAPTURE(words);
    Bytes out;
    REQUIRE(translator.translate(words, out));
    REQUIRE(read_requests(out) == expected);
  }
  REQUIRE(translator.times_left_out() == 4);  // 1 by HSETEX, 2 by HPEXPIREAT, 1 of a member
  const Bytes long_name(100, 'X');
  const std::vector<std::vector<ByteView>> refused = {
      {"XADD", "k", "DELREF", "MAXLEN", "3", "1-1", "f", "v"},
      {"XTRIM", "k", "MAXLEN", "3", "ACKED"},
      {"XDELEX", "k", "ACKED", "IDS", "1", "1-1"}, {"XACKDEL", "k", "g", "IDS", "1", "1-1"},
      {"BITOP", "one", "d", "a"}, {"NEVERHEARD", "k"}, {long_name, "k"},
      {"GEOSEARCHSTORE", "d", "s", "BYPOLYGON", "3"}, {"RESTORE", "k", "0", "rubbish"},
  };
  for (const auto& words : refused) {
    CAPTURE(words);
    Bytes out;
    const Status done = translator.translate(words, out);
    REQUIRE(!done);
    REQUIRE(done.error().code() == ErrorCode::kUnsupported);
  }
}

// Whoever adds a command that writes decides here what becomes of it.
TEST_CASE("every command that writes has its form in an append-only file", "[persistence][aof]") {
  for (const CommandList rows : data_type_commands()) {
    for (const CommandSpec& row : rows()) {
      if (row.access != Access::kWrite) continue;
      CAPTURE(row.name);
      CHECK(aof_form_of(row.name) != AofForm::kUnknown);
    }
  }
}

TEST_CASE("a moment is found in a journal of many segments", "[persistence]") {
  WrittenJournal journal(1UL << 20);
  const Bytes large(100'000, 'x');
  for (int i = 0; i < 60; ++i) journal.add({"SET", "k" + std::to_string(i), large});
  const std::vector<Lsn> lsns = journal.lsns;
  const Timeline timeline = journal.close();
  REQUIRE(timeline.segments.size() >= 4);
  const auto find = [&](const Moment& moment) {
    auto found = find_position(journal.files, timeline, moment);
    REQUIRE(found);
    return *found;
  };
  for (std::size_t i = 0; i < lsns.size(); ++i) {
    CAPTURE(i);
    const std::int64_t time_us = (1000 + static_cast<std::int64_t>(i)) * 1'000'000;
    REQUIRE(find(Moment::at_time_us(time_us)).lsn == lsns[i]);
    REQUIRE(find(Moment::at_time_us(time_us + 999'999)).lsn == lsns[i]);
    REQUIRE(find(Moment::at_lsn(lsns[i])).lsn == lsns[i]);
    REQUIRE(find(Moment::at_lsn(lsns[i] + 1)).lsn == lsns[i]);
    REQUIRE(find(Moment::at_lsn(lsns[i])).time_us == time_us);
  }
  REQUIRE(find(Moment::at_time_us(999'999'999)).lsn == 0);
  REQUIRE(find(Moment::at_lsn(0)).lsn == 0);
  REQUIRE(find(Moment::at_time_us(INT64_MAX)).at_end);
  // What retention has taken cannot be asked for.
  Timeline rest = timeline;
  rest.segments.erase(rest.segments.begin(), rest.segments.begin() + 2);
  auto before = find_position(journal.files, rest, Moment::at_time_us(1'000'000'000));
  REQUIRE(!before);
  REQUIRE(before.peek_error().code() == ErrorCode::kNotFound);
}

TEST_CASE("records as JSON lines", "[persistence]") {
  WrittenJournal journal;
  journal.add({"SET", "a\"\n", "\xC3\xA9"});
  journal.add({"SET", "b", "\xFF\x01"}, 2);
  const Timeline timeline = journal.close();
  Bytes out;
  JsonLines lines([&](ByteView text) -> Status {
    out.append(text);
    return ok;
  });
  std::string error;
  TimelineReader reader(journal.files, timeline, 0);
  for (FrameView frame; *reader.next(frame);) {
    REQUIRE(deliver_frame(frame, 0, UINT64_MAX, lines));
  }
  REQUIRE(lines.finish());
  const Bytes session =
      ",\"user\":\"ada\",\"address\":\"10.0.0.1:1\",\"client\":\"one\",\"command\":[";
  REQUIRE(out == fmt::format("{{\"lsn\":{},\"time\":\"1970-01-01T00:16:40.000000Z\",\"db\":0{}"
                             "\"SET\",\"a\\\"\\n\",\"\xC3\xA9\"]}}\n"
                             "{{\"lsn\":{},\"time\":\"1970-01-01T00:16:41.000000Z\",\"db\":2{}"
                             "\"SET\",\"b\",{{\"base64\":\"/wE=\"}}]}}\n",
                             journal.lsns[0], session, journal.lsns[1], session));
}

TEST_CASE("what is UTF-8 and what is not", "[persistence]") {
  for (const ByteView text : {"", "plain", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                              "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(is_utf8(text));
  }
  for (const ByteView text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xEF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xC3"}) {
    CHECK_FALSE(is_utf8(text));
  }
  CHECK(base64("") == "");
  CHECK(base64("a") == "YQ==");
  CHECK(base64("ab") == "YWI=");
  CHECK(base64("abc") == "YWJj");
  Bytes out;
  append_json_text(out, ByteView("\x01\x7F\\", 3));
  CHECK(out == "\"\\u0001\\u007f\\\\\"");
}

}  // namespace
}  // namespace memoir
