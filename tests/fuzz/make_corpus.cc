// Writes the fuzzers' corpus: fuzz_corpus DIRECTORY
//
// Small sound inputs of every kind, from the samples that the unit tests use too. Run it after a
// form was added, and commit what it writes.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "datatypes/stream/stream_node.h"
#include "persistence/rdb_file.h"
#include "persistence/record.h"
#include "src/base/log.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

constexpr std::size_t kSampleBytesMax = 700;  // larger ones teach no more
constexpr std::size_t kFooterBytes = 10;

class Corpus {
 public:
  explicit Corpus(std::filesystem::path top) : top_(std::move(top)) {}
  void add(const char* fuzzer, Bytes name, ByteView content) {
    for (char& c : name) c = c == ' ' || c == ',' ? '_' : c;
    const std::filesystem::path folder = top_ / fuzzer;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name, std::ios::binary) << content;
  }

 private:
  std::filesystem::path top_;
};

class BytesSink final : public RdbSink {
 public:
  Status write(ByteView bytes) override {
    all.append(bytes);
    return ok;
  }
  Status rewrite(std::uint64_t offset, ByteView bytes) override {
    all.replace(offset, bytes.size(), bytes);
    return ok;
  }
  Bytes all;
};

// One value, and some of what may stand around it.
Bytes file_with(RdbType type, ByteView value, std::size_t number) {
  BytesSink sink;
  RdbFileWriter out(sink, RdbCompression::kNo);
  out.aux("redis-ver", "7.2.0");
  if (number % 4 == 0) out.function("#!lua name=lib");
  out.begin_database(static_cast<unsigned>(number % 3), 1, number % 2);
  RdbKey key{.name = "key", .type = type};
  if (number % 2 == 1) key.expire_ms = 1'900'000'000'123;
  if (number % 5 == 1) key.idle_seconds = 7000;
  if (number % 5 == 2) key.frequency = 200;
  out.begin_key(key);
  out.values().raw(value);
  return out.finish() ? sink.all : Bytes();
}

void add_values(Corpus& corpus) {
  std::size_t number = 0;
  for (const payloads::Sample& sample : payloads::all()) {
    const ByteView value = ByteView(sample.payload).substr(0, sample.payload.size() - kFooterBytes);
    if (value.size() > kSampleBytesMax) continue;
    corpus.add("dump_payload", sample.name, value);
    corpus.add("rdb_file", sample.name,
               file_with(static_cast<RdbType>(value[0]), value.substr(1), number++));
  }
  using namespace std::string_literals;
  corpus.add("rdb_file", "old_version", "REDIS0003\xfe\x02\xfd\x10\x00\x00\x00\x00\x01k\x01v\xff"s);
  corpus.add("rdb_file", "valkey",
             "VALKEY080\xf3\x03job\x01\x05\x09\x16\x01h\x01\x01f\x01v"s + Bytes(8, '\xff') +
                 "\xff"s + Bytes(8, '\0'));
  corpus.add("rdb_file", "module_data",
             "REDIS0009\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x01\x05\x03"
             "abcd\x04"
             "12345678\x05\x03xyz\x00\xf4\x01\x02\x03\x00\x01k\x01v\xff"s +
                 Bytes(8, '\0'));
}

void add_packs(Corpus& corpus) {
  const std::vector<Bytes> texts = {"a", "1", "bc", "-7000", Bytes(70, 'l'), "4000000000"};
  const auto form = [](char number, ByteView bytes) { return Bytes(1, number).append(bytes); };
  corpus.add("listpack", "listpack", form('\0', payloads::listpack_of(texts)));
  corpus.add("listpack", "ziplist", form('\1', payloads::ziplist(texts)));
  corpus.add("listpack", "zipmap", form('\2', payloads::zipmap(texts)));
  corpus.add("listpack", "intset", form('\3', payloads::intset_of({-70000, -1, 0, 3, 5})));
  Listpack node;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const Word pairs[] = {{i == 2 ? "other" : "field", {}}, {"value", {}}};
    append_stream_entry(node, {1, 1}, {1, i}, pairs, 0);
  }
  corpus.add("listpack", "stream_node", form('\4', node.bytes()));
}

Bytes frame(Lsn first, std::initializer_list<ByteView> records, ByteView sessions) {
  FrameHead head;
  Bytes words;
  std::vector<FrameEntry> entries;
  for (const ByteView record : records) {
    entries.push_back({.bytes = static_cast<std::uint32_t>(record.size()), .session = 1});
    words.append(record);
  }
  head.count = static_cast<std::uint32_t>(entries.size());
  head.first_lsn = head.synced_lsn = first;
  head.time_us = 1'700'000'000'000'000;
  Bytes table;
  append_table(table, entries);
  seal_frame(head, 42, table, sessions, words);
  Bytes bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  return bytes.append(table).append(sessions).append(words);
}

void add_journals(Corpus& corpus) {
  const ByteView set = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
  const ByteView ping = "*1\r\n$4\r\nPING\r\n";
  Bytes sessions;
  append_session(sessions, {.id = 1, .user = "default", .address = "a:1", .client_name = "n"});
  const Bytes first = frame(0, {set, ping}, sessions);
  const Bytes second = frame(set.size() + ping.size(), {set}, {});
  const auto input = [](bool mended, std::size_t split, ByteView bytes) {
    Bytes made(1, mended ? '\1' : '\0');
    append_fixed(made, static_cast<std::uint16_t>(split));
    return made.append(bytes);
  };
  corpus.add("journal", "one", input(false, 65535, first + second));
  corpus.add("journal", "two", input(true, first.size(), first + second));
  corpus.add("journal", "torn", input(false, 65535, first + second.substr(0, 70)));
  corpus.add("journal", "blank", input(false, 65535, first + Bytes(64, '\0')));
}

void add_append_only_files(Corpus& corpus) {
  const Bytes requests =
      "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1700000000\r\n"
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$5\r\nMULTI\r\n"
      "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n";
  corpus.add("aof", "requests", requests);
  corpus.add("aof", "torn", requests.substr(0, requests.size() - 20));
  corpus.add("aof", "behind_rdb", file_with(RdbType::kString, "\x01v", 1) + requests);
}

}  // namespace
}  // namespace memoir

int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "usage: fuzz_corpus DIRECTORY\n");
    return 2;
  }
  memoir::Corpus corpus(words[1]);
  memoir::add_values(corpus);
  memoir::add_packs(corpus);
  memoir::add_journals(corpus);
  memoir::add_append_only_files(corpus);
  return 0;
}
