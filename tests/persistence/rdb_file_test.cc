// Whole RDB files: what is written reads back, with everything that stands around the values; and
// damage is noticed.
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "persistence/memory_file.h"
#include "persistence/rdb_file.h"
#include "src/base/log.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

// Writes down all it is told.
class Told final : public RdbFileEvents {
 public:
  Status aux(ByteView name, ByteView value) override {
    log += "aux " + Bytes(name) + "=" + Bytes(value) + "\n";
    return ok;
  }
  Status function(ByteView source) override {
    log += "function " + Bytes(source) + "\n";
    return ok;
  }
  Status database(std::uint64_t index) override {
    log += "db " + std::to_string(index) + "\n";
    return ok;
  }
  void sizes(std::uint64_t keys, std::uint64_t expiring) override {
    log += "sizes " + std::to_string(keys) + " " + std::to_string(expiring) + "\n";
  }
  Status key(const RdbKey& key, RdbReader& in) override {
    const EntryOwner entry = load_value(in, key.type, key.name, key.expire_ms, {});
    if (!entry) return in.status();
    if (!entry->is_string()) REQUIRE(entry->object()->verify());
    log += "key " + key.name + " " + std::to_string(key.expire_ms);
    if (key.idle_seconds) log += " idle " + std::to_string(*key.idle_seconds);
    if (key.frequency) log += " freq " + std::to_string(*key.frequency);
    log += "\n";
    values[key.name] = dump_payload(*entry, RdbCompression::kNo);
    return ok;
  }

  Bytes log;
  std::map<Bytes, Bytes> values;
};

EntryOwner value_of(const payloads::Sample& sample) {
  auto entry = load_payload(sample.payload, sample.name, kNoExpiry, {});
  REQUIRE(entry);
  return std::move(*entry);
}

void write_key(RdbFileWriter& out, const Entry& entry, RdbKey key) {
  key.name = entry.key();
  key.type = rdb_type_of(entry);
  out.begin_key(key);
  save_value(entry, out.values());
}

Status write_sample(RdbSink& sink, Told& expected, RdbChecksum checksum) {
  RdbFileWriter out(sink, RdbCompression::kYes);
  out.aux("redis-ver", "7.2.0");
  out.aux("used-mem", 1'000'000);
  out.function("#!lua name=lib");
  expected.log = "aux redis-ver=7.2.0\naux used-mem=1000000\nfunction #!lua name=lib\n";
  int number = 0;
  for (const payloads::Sample& sample : payloads::all()) {
    const EntryOwner entry = value_of(sample);
    if (number % 8 == 0) {
      out.begin_database(static_cast<unsigned>(number / 8), 8, 1);
      expected.log += "db " + std::to_string(number / 8) + "\nsizes 8 1\n";
    }
    RdbKey key;
    expected.log += "key " + Bytes(sample.name);
    if (number % 8 == 1) key.expire_ms = 1'900'000'000'123;
    expected.log += " " + std::to_string(key.expire_ms);
    if (number % 8 == 2) key.idle_seconds = 77'000;
    if (number % 8 == 2) expected.log += " idle 77000";
    if (number % 8 == 3) key.frequency = 200;
    if (number % 8 == 3) expected.log += " freq 200";
    expected.log += "\n";
    write_key(out, *entry, std::move(key));
    expected.values[sample.name] = dump_payload(*entry, RdbCompression::kNo);
    ++number;
  }
  return out.finish(checksum);
}

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
// Takes back nothing.
class OneWaySink final : public RdbSink {
 public:
  Status write(ByteView) override { return ok; }
};

Status read_bytes(ByteView bytes, Told& told, RdbChecksum checksum = RdbChecksum::kYes) {
  RdbReader in(bytes);
  return read_rdb_file(in, checksum, told);
}

}  // namespace

TEST_CASE("an RDB file reads back as it was written", "[rdb]") {
  for (const auto checksum : {RdbChecksum::kYes, RdbChecksum::kNo}) {
    MemoryFileSystem files;
    Told expected;
    {
      auto file = files.open("/dump.rdb", OpenMode::kCreate);
      REQUIRE(file);
      RdbFileSink sink(**file);
      REQUIRE(write_sample(sink, expected, checksum));
    }
    auto file = files.open("/dump.rdb", OpenMode::kRead);
    REQUIRE(file);
    RdbFileSource source(**file, *(*file)->size());
    RdbReader in(source);
    Told told;
    REQUIRE(read_rdb_file(in, RdbChecksum::kYes, told));
    CHECK(told.log == expected.log);
    CHECK(told.values == expected.values);
    CHECK(in.at_end());
  }
}

TEST_CASE("what stands behind an RDB file is left alone", "[rdb]") {
  BytesSink sink;
  Told expected;
  REQUIRE(write_sample(sink, expected, RdbChecksum::kYes));
  const Bytes both = sink.all + "*1\r\n$4\r\nPING\r\n";
  RdbReader in(both);
  Told told;
  REQUIRE(read_rdb_file(in, RdbChecksum::kYes, told));
  CHECK(in.position() == sink.all.size());
  CHECK(in.raw(4) == "*1\r\n");
}

TEST_CASE("damage to an RDB file is noticed", "[rdb]") {
  BytesSink sink;
  Told expected;
  REQUIRE(write_sample(sink, expected, RdbChecksum::kYes));
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 200; ++round) {
    Bytes damaged = sink.all;
    // The checksum itself may become 0, which says that there is none.
    char& byte = damaged[random() % (damaged.size() - 8)];
    byte = static_cast<char>(byte ^ (1 << random() % 8));
    Told told;
    CHECK_FALSE(read_bytes(damaged, told));
    Told again;
    (void)read_bytes(damaged, again, RdbChecksum::kNo);  // anything, but no crash
  }
  for (std::size_t cut = 0; cut < sink.all.size(); cut += 1 + random() % 97) {
    Told told;
    const Status status = read_bytes(ByteView(sink.all).substr(0, cut), told);
    REQUIRE_FALSE(status);
    CHECK(status.error().text().starts_with("at byte "));
  }
}

TEST_CASE("heads and rare items of RDB files", "[rdb]") {
  using namespace std::string_literals;
  const auto outcome = [](const Bytes& bytes) {
    Told told;
    const Status status = read_bytes(bytes, told);
    return status ? told.log : Bytes("!") + status.error().text();
  };
  CHECK(outcome("RADIS0011\xff"s + Bytes(8, '\0')).find("Wrong signature") != Bytes::npos);
  CHECK(outcome("REDIS0013\xff"s + Bytes(8, '\0')).find("Can't handle RDB format") != Bytes::npos);
  CHECK(outcome("REDIS00x1\xff"s + Bytes(8, '\0')).find("Can't handle RDB format") != Bytes::npos);
  CHECK(outcome("REDIS0012\xff"s + Bytes(8, '\0')).empty());
  CHECK(outcome("REDIS0003\xff"s).empty());  // no checksum yet
  CHECK(outcome("REDIS0003\xfe\x02\xfd\x10\x00\x00\x00\x00\x01k\x01v\xff"s) ==
        "db 2\nkey k 16000\n");
  for (int version = 1; version <= 4; ++version) {
    CHECK(outcome("REDIS000" + std::to_string(version) + "\x00\x01k\x01v\xff"s) == "key k -1\n");
  }
  for (int version = 5; version <= 12; ++version) {
    const Bytes head = fmt::format("REDIS{:04}", version);
    CHECK(outcome(head + "\x00\x01k\x01v\xff"s).find("unexpected end") != Bytes::npos);
    CHECK(outcome(head + "\x00\x01k\x01v\xff"s + Bytes(8, '\0')) == "key k -1\n");
  }
  CHECK(outcome("REDIS0000\xff"s).find("Can't handle RDB format") != Bytes::npos);
  // Moments before 1970, in seconds and milliseconds; -1 ms is none.
  CHECK(outcome("REDIS0003\xfd\xff\xff\xff\xff\x00\x01k\x01v\xff"s) == "key k 0\n");
  CHECK(outcome("REDIS0003\xfc\xfe"s + Bytes(7, '\xff') + "\x00\x01k\x01v\xff"s) == "key k 0\n");
  CHECK(outcome("REDIS0003\xfc"s + Bytes(8, '\xff') + "\x00\x01k\x01v\xff"s) == "key k -1\n");
  CHECK(outcome("REDIS0003\xfd\x10\x00\x00\x00\xff"s).find("without a key") != Bytes::npos);
  // A module's own data is skipped: an id, then parts of each kind.
  const Bytes module =
      "\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x01\x05\x03"s + "abcd" + "\x04"s +
      "12345678" + "\x05\x03xyz"s + Bytes(1, '\0');
  CHECK(outcome("REDIS0009"s + module + "\x00\x01k\x01v\xff"s + Bytes(8, '\0')) == "key k -1\n");
  CHECK(outcome("REDIS0012\xf4\x01\x02\x03\x00\x01k\x01v\xff"s + Bytes(8, '\0')) == "key k -1\n");
  CHECK(outcome("REDIS0010\xf6\x01x\xff"s + Bytes(8, '\0')).find("not supported") != Bytes::npos);
  CHECK(outcome("REDIS0009\x07\x01k\x81"s + module.substr(2, 8) + "\x00\xff"s + Bytes(8, '\0'))
            .find("module 'AQIDBAUGB'") != Bytes::npos);
  CHECK(outcome("REDIS0012\xc8"s).find("unexpected end") != Bytes::npos);
  CHECK(outcome("REDIS0012\xc9\x01k\x01v\xff"s).find("unknown type") != Bytes::npos);
  CHECK(outcome("REDIS0012\x1a\x01k\x01v\xff"s).find("unknown type of value 26") != Bytes::npos);
  CHECK(outcome("REDIS0012\xf3\x01k\x01v\xff"s).find("unknown opcode 243") != Bytes::npos);
}

TEST_CASE("files of Valkey 9", "[rdb]") {
  using namespace std::string_literals;
  const auto outcome = [](const Bytes& bytes, Told& told) {
    const Status status = read_bytes(bytes, told);
    return status ? told.log : Bytes("!") + status.error().text();
  };
  // A slot that is being imported, then a hash of two fields, one of which ends.
  const Bytes import = "\xf3\x03job\x02\x01\x05\x07\x09"s;
  Bytes hash = "\x16\x01h\x02\x01" "f\x01v"s;
  append_fixed(hash, std::int64_t{1'900'000'000'000});
  hash += "\x01g\x01w"s + Bytes(8, '\xff');
  Told told;
  CHECK(outcome("VALKEY080"s + import + hash + "\xff"s + Bytes(8, '\0'), told) == "key h -1\n");
  auto loaded = load_payload(told.values["h"], "h", kNoExpiry, {});
  REQUIRE(loaded);
  CHECK((*loaded)->object()->member_ms("f") == 1'900'000'000'000);
  CHECK((*loaded)->object()->member_ms("g") == kNoExpiry);
  CHECK(outcome("VALKEY080\xff"s, told).find("unexpected end") != Bytes::npos);
  // The first moment of 1970 is a time, unlike 0 in Redis's forms.
  const Bytes ended = "\x16\x01" "e\x01\x01" "f\x01v"s + Bytes(8, '\0');
  Told first;
  CHECK(outcome("VALKEY080"s + ended + "\xff"s + Bytes(8, '\0'), first) == "key e -1\n");
  loaded = load_payload(first.values["e"], "e", kNoExpiry, {});
  REQUIRE(loaded);
  CHECK((*loaded)->object()->has_ended(1000));
  for (const char* version : {"081", "011", "0x8"}) {
    const Bytes file = "VALKEY"s + version + "\xff"s + Bytes(8, '\0');
    CHECK(outcome(file, told).find("Can't handle RDB format") != Bytes::npos);
  }
}

TEST_CASE("a file gets the lowest version that knows its types", "[rdb]") {
  const auto written = [](std::initializer_list<RdbType> types, RdbSink& sink, unsigned version) {
    RdbFileWriter out(sink, RdbCompression::kNo, version);
    out.aux("redis-ver", "7.2.0");
    out.begin_database(0, types.size(), 0);
    for (const RdbType type : types) {
      for (const payloads::Sample& sample : payloads::all()) {
        if (sample.payload[0] != static_cast<char>(type)) continue;
        out.begin_key({.name = sample.name, .type = type});
        out.values().raw(ByteView(sample.payload).substr(1, sample.payload.size() - 11));
      }
    }
    return out.finish();
  };
  const auto head = [&](std::initializer_list<RdbType> types) {
    BytesSink sink;
    REQUIRE(written(types, sink, kRdbVersionMin));
    Told told;
    REQUIRE(read_bytes(sink.all, told));  // the checksum is right
    CHECK(told.values.size() >= types.size());
    return sink.all.substr(0, 9);
  };
  CHECK(head({}) == "REDIS0010");
  CHECK(head({RdbType::kString, RdbType::kList, RdbType::kSet, RdbType::kSortedSet2, RdbType::kHash,
              RdbType::kHashListpack, RdbType::kSortedSetListpack, RdbType::kListQuicklist2,
              RdbType::kStreamListpacks2, RdbType::kSetIntset}) == "REDIS0010");
  CHECK(head({RdbType::kSetListpack, RdbType::kString}) == "REDIS0011");
  CHECK(head({RdbType::kStreamListpacks3}) == "REDIS0011");
  CHECK(head({RdbType::kSetListpack, RdbType::kHashMetadata}) == "REDIS0012");
  CHECK(head({RdbType::kHashListpackEx}) == "REDIS0012");
  CHECK(head({RdbType::kTimedMembers}) == "REDIS0012");

  OneWaySink one_way;
  CHECK(written({RdbType::kString}, one_way, kRdbVersionMin));
  CHECK_FALSE(written({RdbType::kSetListpack}, one_way, kRdbVersionMin));
  CHECK(written({RdbType::kSetListpack}, one_way, 11));
}

TEST_CASE("the head of a file on disk is mended where the file begins", "[rdb]") {
  MemoryFileSystem files;
  files.set_contents("/f", "before");
  auto file = files.open("/f", OpenMode::kWrite);
  REQUIRE(file);
  RdbFileSink sink(**file, 6);
  RdbFileWriter out(sink, RdbCompression::kNo);
  out.begin_key({.name = "s", .type = RdbType::kSetListpack});
  out.values().string(payloads::listpack_of({"a"}));
  REQUIRE(out.finish());
  const Bytes all = files.contents("/f");
  CHECK(all.starts_with("beforeREDIS0011"));
  Told told;
  CHECK(read_bytes(ByteView(all).substr(6), told));
}

// Goal: no single damaged byte, and no end anywhere, does worse than an error.
// Method: a file with a value of every type and form; each byte changed in several ways, and the
// file cut before each byte. Told::key() checks whatever is accepted.
TEST_CASE("every byte of an RDB file changed, and every truncation", "[rdb]") {
  BytesSink sink;
  {
    RdbFileWriter out(sink, RdbCompression::kYes);
    out.aux("redis-ver", "7.2.0");
    out.function("#!lua name=lib");
    out.begin_database(0, 30, 1);
    for (const payloads::Sample& sample : payloads::all()) {
      if (sample.payload.size() > 1000) continue;
      out.begin_key({.name = sample.name, .type = static_cast<RdbType>(sample.payload[0])});
      out.values().raw(ByteView(sample.payload).substr(1, sample.payload.size() - 11));
    }
    REQUIRE(out.finish());
  }
  const std::size_t allocated = allocated_bytes();
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < sink.all.size(); ++at) {
    CAPTURE(at);
    for (const int pattern : {0x01, 0x80, 0x41, 0xff}) {
      Bytes damaged = sink.all;
      damaged[at] = static_cast<char>(damaged[at] ^ pattern);
      Told told;
      const Status status = read_bytes(damaged, told, RdbChecksum::kNo);
      accepted += status ? 1 : 0;
      if (!status) CHECK(status.error().text().starts_with("at byte "));
    }
    Told told;
    CHECK_FALSE(read_bytes(ByteView(sink.all).substr(0, at), told));
  }
  CHECK(accepted > 0);
  CHECK(allocated_bytes() < allocated + (8U << 20));
}

}  // namespace memoir
