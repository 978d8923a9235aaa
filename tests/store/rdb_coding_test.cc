// RdbWriter and RdbReader: what one writes the other reads, from memory or in chunks of any size;
// truncated and lying input gives an error, and no more memory than it justifies.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "src/base/crc64.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

// Hands out at most `step` bytes at a time.
class SlowSource final : public RdbSource {
 public:
  SlowSource(ByteView in, std::size_t step, bool tells) : in_(in), step_(step), tells_(tells) {}
  Result<std::size_t> read(char* into, std::size_t bytes) override {
    const std::size_t some = std::min({bytes, step_, in_.size()});
    std::memcpy(into, in_.data(), some);
    in_.remove_prefix(some);
    return some;
  }
  std::uint64_t left() const override { return tells_ ? in_.size() : 0; }

 private:
  ByteView in_;
  std::size_t step_;
  bool tells_;
};

class Collector final : public RdbSink {
 public:
  Status write(ByteView bytes) override {
    all.append(bytes);
    return ok;
  }
  Bytes all;
};

std::vector<Bytes> sample_texts() {
  std::vector<Bytes> texts{"", "0", "-1", "127", "-128", "128", "32767", "-32769", "2147483647",
                           "-2147483648", "2147483648", "007", "a"};
  for (const std::size_t size : {20, 21, 63, 64, 300, 16383, 16384, 200'000, 600'000}) {
    texts.push_back(Bytes(size, 'x'));
  }
  std::mt19937_64 random(7);
  for (const std::size_t size : {100, 70'000, 300'000}) {
    Bytes noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    texts.push_back(noise);
  }
  return texts;
}

constexpr std::uint64_t kLengths[] = {0,     1,          63,         64,
                                      16383, 16384,      4294967295, 4294967296,
                                      1ULL << 63, UINT64_MAX};

void write_all(RdbWriter& out) {
  for (const Bytes& text : sample_texts()) out.string(text);
  for (const std::uint64_t length : kLengths) out.length(length);
  for (const double value : {0.0, -1.5, 1e300}) out.double_value(value);
  out.time_ms(-5);
  out.type(RdbType::kHash);
}

void read_all(RdbReader& in, std::size_t own_bytes_min) {
  for (const Bytes& text : sample_texts()) {
    const RdbReader::Text read = in.text(own_bytes_min);
    REQUIRE(read.view == text);
    REQUIRE((!read.owner || read.owner.view() == text));
  }
  for (const std::uint64_t length : kLengths) REQUIRE(in.length() == length);
  for (const double value : {0.0, -1.5, 1e300}) REQUIRE(in.double_value() == value);
  REQUIRE(in.time_ms() == -5);
  REQUIRE(in.byte() == 4);
  REQUIRE(!in.failed());
  REQUIRE(in.at_end());
}

Bytes written(RdbCompression compression) {
  RdbWriter out(compression);
  write_all(out);
  return out.take();
}

Status read_string(ByteView bytes) {
  RdbReader in(bytes);
  in.string();
  return in.status();
}

}  // namespace

TEST_CASE("what RdbWriter writes RdbReader reads", "[rdb]") {
  for (const auto compression : {RdbCompression::kNo, RdbCompression::kYes}) {
    const Bytes bytes = written(compression);
    {
      RdbReader in(bytes);
      read_all(in, 4096);
      CHECK(in.position() == bytes.size());
      CHECK(in.checksum() == crc64(0, bytes));
    }
    for (const std::size_t step : {std::size_t{1}, std::size_t{4093}, bytes.size()}) {
      for (const bool tells : {false, true}) {
        SlowSource source(bytes, step, tells);
        RdbReader in(source);
        read_all(in, 100'000);
        CHECK(in.position() == bytes.size());
        CHECK(in.checksum() == crc64(0, bytes));
      }
    }
  }
}

TEST_CASE("RdbWriter passes everything on to its sink", "[rdb]") {
  Collector sink;
  RdbWriter out(RdbCompression::kNo, &sink);
  write_all(out);
  const std::uint64_t sum = out.checksum();
  REQUIRE(out.flush());
  const Bytes expected = written(RdbCompression::kNo);
  CHECK(sink.all == expected);
  CHECK(out.position() == expected.size());
  CHECK(sum == crc64(0, expected));
  CHECK(out.checksum() == sum);
}

TEST_CASE("strings take their shortest form", "[rdb]") {
  const auto form = [](ByteView text) {
    RdbWriter out(RdbCompression::kYes);
    out.string(text);
    return out.take();
  };
  CHECK(form("7") == Bytes("\xc0\x07"));
  CHECK(form("-129") == Bytes("\xc1\x7f\xff"));
  CHECK(form("100000") == Bytes("\xc2\xa0\x86\x01\x00", 5));
  CHECK(form("2147483648") == "\x0a" "2147483648");
  CHECK(form("+7") == "\x02+7");
  CHECK(form(Bytes(20, 'a')) == "\x14" + Bytes(20, 'a'));
  CHECK(form(Bytes(21, 'a'))[0] == '\xc3');
  CHECK(form(Bytes(21, 'a')).size() < 21);
}

TEST_CASE("every truncation is an error", "[rdb]") {
  RdbWriter out(RdbCompression::kYes);
  out.string("12345");
  out.length(100'000);
  out.string(Bytes(500, 'z'));
  out.string("plain");
  out.double_value(1);
  const Bytes bytes = out.take();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    SlowSource source(ByteView(bytes).substr(0, cut), 3, false);
    RdbReader chunked(source);
    RdbReader whole(ByteView(bytes).substr(0, cut));
    for (RdbReader* in : {&chunked, &whole}) {
      in->string();
      in->length();
      in->string();
      in->string();
      in->double_value();
      REQUIRE(in->failed());
      REQUIRE(!in->status());
    }
  }
}

TEST_CASE("lengths that lie cost no memory", "[rdb]") {
  const std::size_t before = allocated_bytes();
  using namespace std::string_literals;
  for (const Bytes& lie : {
           "\x81\x7f\xff\xff\xff\xff\xff\xff\xff"s "abc",          // plain, 2^63 bytes
           "\x80\xff\xff\xff\xff"s "abc",                          // plain, 4 GB
           "\xc3\x05\x81\x7f\xff\xff\xff\xff\xff\xff\xff"s "abcde",  // compressed to nothing
           "\xc3\x05\x80\xff\xff\xff\xff"s "abcde",
           "\xc3\x80\xff\xff\xff\xff\x80\xff\xff\xff\xff"s "abcde",
           "\xc3\x05\x00"s "abcde", "\xc4"s, "\xff"s, "\x82"s, "\xbf"s,
           "\xc3\x05\x0a"s "\x04hello"s}) {
    CHECK_FALSE(read_string(lie));
    for (const std::size_t own : {std::size_t{0}, SIZE_MAX}) {
      SlowSource source(lie, 2, false);
      RdbReader in(source);
      in.text(own);
      CHECK(in.failed());
    }
  }
  CHECK(allocated_bytes() < before + (8U << 20));
}

TEST_CASE("scores as text", "[rdb]") {
  using namespace std::string_literals;
  const auto read = [](const Bytes& bytes) {
    RdbReader in(bytes);
    const double value = in.double_text();
    return in.failed() ? -77.0 : value;
  };
  CHECK(read("\x03" "1.5"s) == 1.5);
  CHECK(read("\xfe"s) == std::numeric_limits<double>::infinity());
  CHECK(read("\xff"s) == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(read("\xfd"s)));
  CHECK(read("\x03" "abc"s) == -77);
  CHECK(read("\x05" "1.5"s) == -77);
  CHECK(read("\x00"s) == -77);
}

}  // namespace memoir
