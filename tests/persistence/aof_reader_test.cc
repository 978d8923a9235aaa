// Append-only files: every rule of the manifest, what files are read and how; files that end
// anywhere, lie about lengths or hold something else.
#include <map>

#include <catch2/catch.hpp>

#include "persistence/aof_input.h"
#include "persistence/aof_manifest.h"
#include "persistence/aof_reader.h"
#include "persistence/memory_file.h"
#include "src/base/alloc.h"
#include "src/base/log.h"
#include "tests/persistence/exported_journal.h"

namespace memoir {
namespace {

// A directory "/d" and what is read of it.
struct Directory {
  void file(const Bytes& name, ByteView contents) {
    files.set_contents("/d/appendonlydir/" + name, contents);
  }
  void manifest(ByteView text) { file("appendonly.aof.manifest", text); }
  Result<AofSummary> read() {
    told = ToldOfAof();
    return read_append_only(files, {.directory = "/d"}, options, told);
  }
  // The error's text, which there must be.
  Bytes error() {
    auto done = read();
    REQUIRE(!done);
    return done.peek_error().text();
  }

  QuietLog quiet;
  MemoryFileSystem files;
  AofOptions options{.time_us = 5'000'000};
  ToldOfAof told;
};

using Lines = std::vector<Bytes>;

bool mentions(const Bytes& text, ByteView part) { return text.find(part) != Bytes::npos; }

TEST_CASE("a manifest reads back what it was written from", "[persistence][aof]") {
  AofManifest manifest;
  manifest.base = AofFile{.name = "a.2.base.rdb", .sequence = 2};
  manifest.history.push_back({.name = "a 1\n\xff\"x", .sequence = 1});
  manifest.increments.push_back({.name = "a.4.incr.aof", .sequence = 4});
  manifest.increments.push_back({.name = "a.9.incr.aof", .sequence = 9});
  auto read = parse_aof_manifest(format_aof_manifest(manifest));
  REQUIRE(read);
  REQUIRE(read->base->name == "a.2.base.rdb");
  REQUIRE(read->base->sequence == 2);
  REQUIRE(read->history.at(0).name == "a 1\n\xff\"x");
  REQUIRE(read->increments.size() == 2);
  REQUIRE(read->increments[1].sequence == 9);
}

TEST_CASE("a manifest's lines: comments, order of pairs, quotes, pairs to come",
          "[persistence][aof]") {
  auto read = parse_aof_manifest(
      "# a comment\n"
      "  TYPE base SEQ 7 FILE 'it\\'s'  \r\n"
      "file \"\\x41\\t.aof\" seq 12abc type incr later whatever\n");
  REQUIRE(read);
  REQUIRE(read->base->name == "it's");
  REQUIRE(read->base->sequence == 7);
  REQUIRE(read->increments.at(0).name == "A\t.aof");
  REQUIRE(read->increments[0].sequence == 12);
  REQUIRE(parse_aof_manifest("# only this\n")->empty());
}

TEST_CASE("a manifest that breaks a rule is refused with the rule", "[persistence][aof]") {
  const std::map<Bytes, Bytes> cases = {
      {"", "Found an empty AOF manifest"},
      {"\n", "Invalid AOF manifest file format"},
      {"file a seq 1\n", "Invalid AOF manifest file format"},
      {"file a seq 1 type b odd\n", "Invalid AOF manifest file format"},
      {"file a seq 1 typo b\n", "Invalid AOF manifest file format"},
      {"file a seq zero type b\n", "Invalid AOF manifest file format"},
      {"file a seq 1 type \"\"\n", "Invalid AOF manifest file format"},
      {"file \"a seq 1 type b\n", "Invalid AOF manifest file format"},
      {"file \"a\"b seq 1 type b\n", "Invalid AOF manifest file format"},
      {"file a/b seq 1 type b\n", "File can't be a path, just a filename"},
      {"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"},
      {"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"},
      {"file a seq -1 type i\n", "Found a non-monotonic sequence number"},
      {"file a seq 1 type x\n", "Unknown AOF file type"},
      {"file a seq 1 type b", "The AOF manifest file contains too long line"},
      {"file " + Bytes(1100, 'a') + " seq 1 type b\n",
       "The AOF manifest file contains too long line"},
  };
  for (const auto& [text, wrong] : cases) {
    CAPTURE(text);
    auto read = parse_aof_manifest(text);
    REQUIRE(!read);
    REQUIRE(read.peek_error().code() == ErrorCode::kCorrupt);
    REQUIRE(mentions(read.peek_error().text(), wrong));
  }
  // The line is named.
  REQUIRE(mentions(parse_aof_manifest("file a seq 1 type b\nfile c\n").peek_error().text(),
                   "line 2, 'file c'"));
}

TEST_CASE("base and increments are read in order, history is not", "[persistence][aof]") {
  Directory d;
  d.manifest("file base seq 3 type b\nfile old seq 1 type h\n"
             "file one seq 1 type i\nfile two seq 2 type i\n");
  d.file("base", small_rdb("k", "v") + "#TS:77\r\n" + request({"SET", "x", "1"}));
  d.file("old", "rubbish");
  d.file("one", "");
  d.file("two", request({"select", "3"}) + request({"SET", "y", "2"}) + "#TS:99\r\n# remark\n" +
                    request({"MULTI"}) + request({"SET", "z", "3"}) + request({"SELECT", "1"}) +
                    request({"DEL", "z"}) + request({"EXEC"}) + request({"INCR", "c"}));
  auto done = d.read();
  REQUIRE(done);
  REQUIRE(done->found);
  REQUIRE(done->files == 3);
  REQUIRE(done->requests == 5);
  REQUIRE(done->time_us == 99'000'000);
  REQUIRE(d.told.lines == Lines{"db 0", "key k=v", "0@77 SET x 1", "3@77 SET y 2",
                                "3@99 tx SET z 3", "1@99 tx DEL z", "1@99 INCR c"});
}

TEST_CASE("each file begins in database 0; times before the first annotation are the caller's",
          "[persistence][aof]") {
  Directory d;
  d.manifest("file one seq 1 type i\nfile two seq 2 type i\n");
  d.file("one", request({"SELECT", "9"}) + request({"SET", "a", "1"}));
  d.file("two", request({"SET", "b", "2"}));
  REQUIRE(d.read());
  REQUIRE(d.told.lines == Lines{"9@5 SET a 1", "0@5 SET b 2"});
}

TEST_CASE("which AOF counts", "[persistence][aof]") {
  Directory d;
  const AofLocation where{.directory = "/d"};
  REQUIRE_FALSE(*append_only_exists(d.files, where));
  REQUIRE_FALSE(d.read()->found);
  d.files.set_contents("/d/appendonly.aof", small_rdb("k", "v") + request({"SET", "old", "1"}));

  SECTION("the single file of a Redis before 7") {
    REQUIRE(*append_only_exists(d.files, where));
    REQUIRE(d.read());
    REQUIRE(d.told.lines == Lines{"db 0", "key k=v", "0@5 SET old 1"});
  }
  SECTION("a manifest without files counts as none") {
    d.manifest("# nothing yet\nfile h seq 1 type h\n");
    REQUIRE(d.read());
    REQUIRE(d.told.lines.size() == 3);
  }
  SECTION("a manifest goes before it") {
    d.manifest("file one seq 1 type i\n");
    d.file("one", request({"SET", "new", "1"}));
    REQUIRE(d.read());
    REQUIRE(d.told.lines == Lines{"0@5 SET new 1"});
  }
  SECTION("a manifest that names just that file, which has not been moved yet") {
    d.manifest("file appendonly.aof seq 1 type b\n");
    REQUIRE(d.read());
    REQUIRE(d.told.lines.size() == 3);
    d.file("appendonly.aof", request({"SET", "moved", "1"}));
    REQUIRE(d.read());
    REQUIRE(d.told.lines == Lines{"0@5 SET moved 1"});
  }
  SECTION("other names") {
    d.files.set_contents("/d/dir/name.manifest", "file n seq 1 type b\n");
    d.files.set_contents("/d/dir/n", request({"SET", "n", "1"}));
    ToldOfAof told;
    REQUIRE(read_append_only(d.files,
                             {.directory = "/d", .append_directory = "dir", .file_name = "name"},
                             {}, told));
    REQUIRE(told.lines == Lines{"0@0 SET n 1"});
  }
}

TEST_CASE("a file that the manifest lists must be there; empty ones say nothing",
          "[persistence][aof]") {
  Directory d;
  d.manifest("file base seq 1 type b\nfile one seq 1 type i\n");
  d.file("base", "");
  REQUIRE(mentions(d.error(), "The append log file one doesn't exist"));
  d.file("one", "");
  auto done = d.read();
  REQUIRE(done);
  REQUIRE(done->found);
  REQUIRE(done->bytes == 0);
  d.manifest("file base\n");
  REQUIRE(mentions(d.error(), "appendonly.aof.manifest, line 1, 'file base'"));
}

// What Redis does with a file that ends at each byte: requests that are whole stay, the rest is cut
// off and kept beside; a transaction without its EXEC goes as a whole.
TEST_CASE("an append-only file cut anywhere reads as a prefix", "[persistence][aof]") {
  const std::vector<Bytes> steps = {request({"SET", "a", "1"}), request({"SET", "b", "two\r\n2"}),
                                    request({"MULTI"}) + request({"INCR", "a"}) +
                                        request({"INCR", "a"}) + request({"EXEC"}),
                                    "#TS:1700000000\r\n", request({"DEL", "b"})};
  const std::vector<std::size_t> lines_after = {1, 2, 4, 4, 5};
  Bytes whole;
  std::vector<std::size_t> ends;
  for (const Bytes& step : steps) {
    whole += step;
    ends.push_back(whole.size());
  }
  const bool load_truncated = GENERATE(true, false);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CAPTURE(load_truncated, cut);
    Directory d;
    d.options.load_truncated = load_truncated;
    d.options.buffer_bytes = cut % 3 == 0 ? 1 : 1UL << 16;
    d.manifest("file one seq 1 type i\nfile two seq 2 type i\n");
    d.file("one", request({"SET", "first", "1"}));
    d.file("two", whole.substr(0, cut));
    std::size_t step = 0;
    while (step < ends.size() && ends[step] <= cut) ++step;
    const std::size_t end = step == 0 ? 0 : ends[step - 1];
    // Half an annotation is no request.
    const bool torn = end != cut && step != 3;
    auto done = d.read();
    if (torn && !load_truncated) {
      REQUIRE(!done);
      REQUIRE(done.peek_error().code() == ErrorCode::kTruncated);
      REQUIRE(mentions(done.peek_error().text(), "file two at offset " + std::to_string(end)));
      REQUIRE(mentions(done.peek_error().text(), "redis-check-aof --fix"));
      REQUIRE(d.files.contents("/d/appendonlydir/two") == whole.substr(0, cut));
      continue;
    }
    REQUIRE(done);
    REQUIRE(d.told.lines.size() == 1 + (step == 0 ? 0 : lines_after[step - 1]));
    REQUIRE(done->cut_bytes == (torn ? cut - end : 0));
    if (!torn) continue;
    REQUIRE(d.files.contents("/d/appendonlydir/two") == whole.substr(0, end));
    REQUIRE(d.files.contents("/d/appendonlydir/two.torn") == whole.substr(end, cut - end));
    // The second start finds it in order.
    REQUIRE(d.read());
    REQUIRE(d.told.lines.size() == 1 + (step == 0 ? 0 : lines_after[step - 1]));
  }
}

TEST_CASE("only the last file may end within a request", "[persistence][aof]") {
  Directory d;
  d.manifest("file one seq 1 type i\nfile two seq 2 type i\n");
  const Bytes torn = request({"SET", "a", "1"}) + "*2\r\n$3\r\nDE";
  d.file("one", torn);
  d.file("two", request({"SET", "b", "2"}));
  REQUIRE(mentions(d.error(), "the truncated file is not the last file"));
  REQUIRE(d.files.contents("/d/appendonlydir/one") == torn);
  d.file("one", request({"MULTI"}) + request({"SET", "a", "1"}));
  REQUIRE(mentions(d.error(), "the truncated file is not the last file"));
}

TEST_CASE("a torn end behind an RDB is cut behind the RDB", "[persistence][aof]") {
  Directory d;
  const Bytes rdb = small_rdb("k", "v");
  d.files.set_contents("/d/appendonly.aof", rdb + "*1\r\n$");
  auto done = d.read();
  REQUIRE(done);
  REQUIRE(done->cut_bytes == 5);
  REQUIRE(d.files.contents("/d/appendonly.aof") == rdb);
}

TEST_CASE("a damaged RDB in front is an error that says so", "[persistence][aof]") {
  Directory d;
  const Bytes rdb = small_rdb("k", "v");
  d.files.set_contents("/d/appendonly.aof", rdb.substr(0, rdb.size() - 3));
  REQUIRE(mentions(d.error(), "Error reading the RDB preamble of the AOF file appendonly.aof"));
  d.manifest("file base seq 1 type b\n");
  d.file("base", rdb.substr(0, 20));
  REQUIRE(mentions(d.error(), "Error reading the RDB base file base, AOF loading aborted"));
}

TEST_CASE("what is no request is an error that names the tool", "[persistence][aof]") {
  const Bytes good = request({"SET", "a", "1"});
  const std::vector<Bytes> bad = {
      "x", "\r\n", "SET a 1\r\n", "*0\r\n", "*-1\r\n", "*abc\r\n", "*2147483648\r\n",
      "*99999999999999999999999\r\n", "*1\r\n:3\r\n", "*1\r\n$-1\r\n", "*1\r\n$x\r\n",
      "*1\r\n$99999999999999999999999\r\n", "*1\r\n$99999999999\r\nabc\r\n", "*1\r\n$3\r\nabcd\r\n",
      "*1" + Bytes(1100, '1') + "\r\n", "#" + Bytes(1100, 'x') + "\r\n", Bytes(64, '\0'),
      request({"MULTI"}) + "rubbish\r\n" + request({"EXEC"})};
  for (const Bytes& tail : bad) {
    CAPTURE(tail);
    Directory d;
    d.manifest("file one seq 1 type i\n");
    d.file("one", good + tail);
    const Bytes text = d.error();
    REQUIRE(mentions(text, "Bad file format reading the append only file one at offset "));
    REQUIRE(mentions(text, "redis-check-aof --fix"));
    REQUIRE(d.files.contents("/d/appendonlydir/one") == good + tail);
  }
}

TEST_CASE("lengths that lie take no memory", "[persistence][aof]") {
  MemoryFileSystem files;
  for (const ByteView tail : {"*2147483647\r\n", "*2\r\n$4000000000\r\nabc\r\n",
                              "*2\r\n$3\r\nabc\r\n$4294901000\r\n"}) {
    CAPTURE(tail);
    const Bytes whole = request({"SET", "a", "1"}) + Bytes(tail);
    files.set_contents("/f", whole);
    auto file = files.open("/f", OpenMode::kRead);
    REQUIRE(file);
    const std::size_t before = allocated_bytes();
    AofInput in(**file, whole.size(), 0, 1);
    REQUIRE(in.next() == AofInput::Item::kRequest);
    REQUIRE(in.next() == AofInput::Item::kTorn);
    REQUIRE(in.offset() == 27);
    REQUIRE(allocated_bytes() < before + (64UL << 10));
  }
}

TEST_CASE("requests longer than the buffer arrive whole", "[persistence][aof]") {
  Directory d;
  d.options.buffer_bytes = 1;
  d.manifest("file one seq 1 type i\n");
  const Bytes large(1'000'000, 'v');
  Bytes many = "*30001\r\n$5\r\nRPUSH\r\n";
  for (int i = 0; i < 30'000; ++i) many += "$3\r\nabc\r\n";
  d.file("one", request({"SET", "a", large}) + request({"MULTI"}) + request({"SET", "b", large}) +
                    request({"SET", "c", large}) + request({"EXEC"}) + many);
  REQUIRE(d.read());
  REQUIRE(d.told.lines.size() == 4);
  REQUIRE(d.told.lines[2] == "0@5 tx SET c " + large);
  REQUIRE(d.told.lines[3].size() == Bytes("0@5 RPUSH").size() + 30'000 * 4);
}

TEST_CASE("the sink's refusal ends the reading and is told with the place", "[persistence][aof]") {
  Directory d;
  d.manifest("file one seq 1 type i\n");
  d.file("one", request({"SET", "a", "1"}) + request({"BAD", "a"}) + request({"SET", "b", "1"}));
  REQUIRE(d.error() == "Unknown command 'BAD', reading the append only file one at offset 27");
  REQUIRE(d.told.lines.size() == 1);
  d.file("one", request({"SELECT", "-1"}));
  REQUIRE(mentions(d.error(), "invalid DB index"));
}

TEST_CASE("progress of an import never goes back and ends at the size", "[persistence][aof]") {
  Directory d;
  std::vector<std::uint64_t> seen;
  d.options.progress_bytes = 1;
  d.options.progress = [&](const AofProgress& progress) {
    if (!seen.empty()) REQUIRE(progress.bytes_read >= seen.back());
    seen.push_back(progress.bytes_read);
  };
  d.manifest("file base seq 1 type b\nfile one seq 1 type i\n");
  d.file("base", small_rdb("k", "v"));
  d.file("one", request({"SET", "a", "1"}) + request({"SET", "b", "1"}));
  auto done = d.read();
  REQUIRE(done);
  REQUIRE(seen.back() == done->bytes);
}

}  // namespace
}  // namespace memoir
