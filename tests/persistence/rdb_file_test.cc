// Whole RDB files: what is written reads back, with everything that stands around the values; and
// damage is noticed.
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "persistence/memory_file.h"
#include "persistence/rdb_file.h"
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
  Bytes all;
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
  CHECK(outcome("RADIS0011\xff"s + Bytes(8, '\0')).find("not an RDB file") != Bytes::npos);
  CHECK(outcome("REDIS0013\xff"s + Bytes(8, '\0')).find("unknown version") != Bytes::npos);
  CHECK(outcome("REDIS00x1\xff"s + Bytes(8, '\0')).find("unknown version") != Bytes::npos);
  CHECK(outcome("REDIS0012\xff"s + Bytes(8, '\0')).empty());
  CHECK(outcome("REDIS0003\xff"s).empty());  // no checksum yet
  CHECK(outcome("REDIS0003\xfe\x02\xfd\x10\x00\x00\x00\x00\x01k\x01v\xff"s) ==
        "db 2\nkey k 16000\n");
  // A module's own data is skipped: an id, then parts of each kind.
  const Bytes module =
      "\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x01\x05\x03"s + "abcd" + "\x04"s +
      "12345678" + "\x05\x03xyz"s + Bytes(1, '\0');
  CHECK(outcome("REDIS0009"s + module + "\x00\x01k\x01v\xff"s + Bytes(8, '\0')) == "key k -1\n");
  CHECK(outcome("REDIS0012\xf4\x01\x02\x03\x00\x01k\x01v\xff"s + Bytes(8, '\0')) == "key k -1\n");
  CHECK(outcome("REDIS0010\xf6\x01x\xff"s + Bytes(8, '\0')).find("not supported") != Bytes::npos);
  CHECK(outcome("REDIS0011\x07\x01k\x01v\xff"s + Bytes(8, '\0')).find("module") != Bytes::npos);
}

}  // namespace memoir
