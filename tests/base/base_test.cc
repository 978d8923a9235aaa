// The base: numbers, globs, coding, allocation count, log lines, random numbers.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "src/base/alloc.h"
#include "src/base/clock.h"
#include "src/base/coding.h"
#include "src/base/glob.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/number.h"
#include "src/base/random.h"

namespace memoir {
namespace {

Bytes double_text(double value) {
  char text[40];
  return Bytes(text, format_double(value, text));
}

Bytes integer_text(std::int64_t value) {
  char text[kIntegerCharsMax];
  return Bytes(text, format_integer(value, text));
}

}  // namespace

TEST_CASE("integers are read in their canonical form only", "[base]") {
  CHECK(parse_integer("0") == 0);
  CHECK(parse_integer("-1") == -1);
  CHECK(parse_integer("123456789012345678") == 123456789012345678);
  CHECK(parse_integer("9223372036854775807") == INT64_MAX);
  CHECK(parse_integer("-9223372036854775808") == INT64_MIN);
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "00", "9223372036854775808", "1.0", "0x1",
        "-9223372036854775809", "18446744073709551616", "99999999999999999999999", "1a", "--1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_integer(text));
  }
  CHECK_FALSE(parse_integer(ByteView("1\0", 2)));

  CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
  CHECK(parse_unsigned("007") == 7U);
  CHECK(parse_unsigned("+7") == 7U);
  CHECK_FALSE(parse_unsigned("18446744073709551616"));
  CHECK_FALSE(parse_unsigned("-1"));
  CHECK_FALSE(parse_unsigned(""));
  CHECK_FALSE(parse_unsigned("7 "));
}

TEST_CASE("integers written are read back", "[base]") {
  CHECK(integer_text(0) == "0");
  CHECK(integer_text(INT64_MIN) == "-9223372036854775808");
  CHECK(integer_text(INT64_MAX) == "9223372036854775807");
  Random random(1);
  for (int i = 0; i < 10000; ++i) {
    const auto value = static_cast<std::int64_t>(random.next() >> random.below(64));
    REQUIRE(parse_integer(integer_text(value)) == value);
    REQUIRE(parse_integer(integer_text(-value)) == -value);
  }
}

TEST_CASE("doubles are read as strtod reads a whole text", "[base]") {
  CHECK(parse_double("3") == 3.0);
  CHECK(parse_double("+3") == 3.0);
  CHECK(parse_double(".5") == 0.5);
  CHECK(parse_double("5.") == 5.0);
  CHECK(parse_double("-1e3") == -1000.0);
  CHECK(parse_double("0x10") == 16.0);
  CHECK(parse_double("inf") == std::numeric_limits<double>::infinity());
  CHECK(parse_double("+InFinity") == std::numeric_limits<double>::infinity());
  CHECK(parse_double("-inf") == -std::numeric_limits<double>::infinity());
  CHECK(parse_double("4.9406564584124654e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(parse_double(Bytes(400, '0') + "1") == 1.0);
  for (const char* text : {"", " 1", "1 ", "nan", "-nan", "NAN", "nan(1)", "1e400", "-1e400",
                           "1e-400", "e5", "-", "1,5", "1e", "0x", "infinit"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_double(text));
  }
  CHECK_FALSE(parse_double(ByteView("1\0", 2)));

  CHECK(parse_long_double("3.14") == 3.14L);
  CHECK(parse_long_double("1e400") == 1e400L);
  CHECK_FALSE(parse_long_double("1e5000"));
  CHECK_FALSE(parse_long_double(" 1"));
  CHECK_FALSE(parse_long_double("nan"));
  CHECK_FALSE(parse_long_double(Bytes(kDoubleCharsMax, '1')));
}

TEST_CASE("doubles are written in their shortest form", "[base]") {
  CHECK(double_text(3) == "3");
  CHECK(double_text(-3) == "-3");
  CHECK(double_text(0.0) == "0");
  CHECK(double_text(-0.0) == "-0");
  CHECK(double_text(0.1) == "0.1");
  CHECK(double_text(3.14159) == "3.14159");
  CHECK(double_text(-12.5) == "-12.5");
  CHECK(double_text(1e-6) == "0.000001");
  CHECK(double_text(1e-7) == "1e-7");
  CHECK(double_text(1.5e-7) == "1.5e-7");
  CHECK(double_text(1.23e-4) == "0.000123");
  CHECK(double_text(1.23e-5) == "1.23e-5");
  CHECK(double_text(0.012345678) == "0.012345678");
  CHECK(double_text(0.00012345678) == "1.2345678e-4");
  CHECK(double_text(1e17) == "100000000000000000");
  CHECK(double_text(4e18) == "4000000000000000000");
  CHECK(double_text(1e19) == "1e+19");
  CHECK(double_text(1e20) == "1e+20");
  CHECK(double_text(1e21) == "1e+21");
  CHECK(double_text(-1.5e100) == "-1.5e+100");
  CHECK(double_text(1.7976931348623157e308) == "1.7976931348623157e+308");
  CHECK(double_text(5e-324) == "5e-324");
  CHECK(double_text(INFINITY) == "inf");
  CHECK(double_text(-INFINITY) == "-inf");
  CHECK(double_text(NAN) == "nan");
  CHECK(double_text(-NAN) == "nan");
  Random random(2);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random.next());
    if (std::isnan(value)) continue;
    const auto back = parse_double(double_text(value));
    CAPTURE(double_text(value));
    REQUIRE(back == value);
  }
}

TEST_CASE("long doubles are written without trailing zeros", "[base]") {
  CHECK(format_long_double(3.0L) == "3");
  CHECK(format_long_double(10.5L) == "10.5");
  CHECK(format_long_double(3.14L) == "3.14");
  CHECK(format_long_double(5.0e3L) == "5000");
  CHECK(format_long_double(-0.0L) == "0");
  CHECK(format_long_double(0.1L + 0.2L) == "0.3");
  CHECK(format_long_double(1e-20L) == "0");
  CHECK(format_long_double(-100.0L) == "-100");
  CHECK(format_long_double(1e4932L).size() == 4933);
}

TEST_CASE("memory sizes take decimal and binary units", "[base]") {
  CHECK(parse_memory("0") == 0U);
  CHECK(parse_memory("100") == 100U);
  CHECK(parse_memory("5b") == 5U);
  CHECK(parse_memory("100k") == 100'000U);
  CHECK(parse_memory("100KB") == 102'400U);
  CHECK(parse_memory("64mb") == 64U << 20);
  CHECK(parse_memory("2M") == 2'000'000U);
  CHECK(parse_memory("1gb") == 1U << 30);
  CHECK(parse_memory("1g") == 1'000'000'000U);
  for (const char* text :
       {"-1", "1tb", "1 gb", "gbx", "1.5g", "99999999999999999999", "20000000000gb"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_memory(text));
  }
}

TEST_CASE("glob patterns match as Redis's", "[base]") {
  struct Row {
    ByteView pattern, text;
    bool matches;
  };
  const Row rows[] = {
      {"", "", true},          {"", "a", false},        {"*", "", false},
      {"*", "a", true},        {"**", "abc", true},     {"h?llo", "hello", true},
      {"h?llo", "hllo", false}, {"h*llo", "heeeello", true}, {"h*llo", "hllo", true},
      {"h*llo", "hll", false}, {"a*", "a", true},       {"a**", "a", true},
      {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*a*b", "xaxxb", true},
      {"h[ae]llo", "hallo", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true},
      {"h[^e]llo", "hello", false}, {"h[a-b]llo", "hbllo", true}, {"h[b-a]llo", "hallo", true},
      {"h[a-c", "hb", true},   {"h[", "h[", false},     {"h[^", "hx", true},
      {"[]", "a", false},      {"[^]", "a", true},      {"[a-]", "a", true},
      {"[a-]", "-", false},    {"[a-]", "^", true},     {"[\\]]", "]", true},
      {"[\\-a]", "-", true},   {"\\*", "*", true},      {"\\*", "a", false},
      {"a\\", "a\\", true},    {"\\", "\\", true},      {"\\a", "a", true},
      {"a?", "a", false},      {"?", "", false},        {"a[b", "ab", true},
      {"*[0-9]", "key7", true}, {"*[0-9]", "key", false}, {"a*a*a*a", "aaa", false},
      {"[a-z]*x", "bbbx", true}, {"[\x80-\xff]", "\x90", true}, {"[a-\xff]", "\x01", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.text);
    CHECK(glob_match(row.pattern, row.text) == row.matches);
  }
  CHECK(glob_match("HeL*", "hello", Case::kInsensitive));
  CHECK(glob_match("h[A-F]l", "hEl", Case::kInsensitive));
  CHECK(glob_match("h[E]l", "hel", Case::kInsensitive));
  CHECK_FALSE(glob_match("h[\\E]l", "hel", Case::kInsensitive));
  CHECK_FALSE(glob_match("HeL*", "hello"));

  CHECK(glob_is_literal("abc-d"));
  CHECK_FALSE(glob_is_literal("ab*"));
  CHECK_FALSE(glob_is_literal("a[b"));
  CHECK_FALSE(glob_is_literal("a\\b"));
}

TEST_CASE("a glob pattern of many stars ends soon", "[base]") {
  Bytes pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  CHECK_FALSE(glob_match(pattern + "b", Bytes(2000, 'a')));
  CHECK(glob_match(pattern, Bytes(2000, 'a')));
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  CHECK_FALSE(glob_match(pattern, Bytes(2000, 'a')));  // nests too deeply
}

TEST_CASE("words compare without regard to ASCII case", "[base]") {
  CHECK(equals_ignoring_case("GeT", "gEt"));
  CHECK_FALSE(equals_ignoring_case("get", "gets"));
  CHECK_FALSE(equals_ignoring_case("a[", "A{"));
  CHECK(to_lower("AbC-1[") == "abc-1[");
  CHECK(to_upper("AbC-1{") == "ABC-1{");
}

TEST_CASE("a reader gives back what was appended, and fails once at every cut", "[base]") {
  Bytes out;
  append_fixed<std::uint32_t>(out, 7);
  append_varint(out, 127);
  append_varint(out, 128);
  append_varint(out, UINT64_MAX);
  append_string(out, "hello");
  const auto read_all = [](Reader& in) {
    const bool same = in.fixed<std::uint32_t>() == 7 && in.varint() == 127 &&
                      in.varint() == 128 && in.varint() == UINT64_MAX && in.string() == "hello";
    return same && !in.failed();
  };
  Reader whole(out);
  CHECK(read_all(whole));
  CHECK(whole.empty());
  CHECK(whole.status());
  for (std::size_t cut = 0; cut < out.size(); ++cut) {
    Reader in(ByteView(out).substr(0, cut));
    CHECK_FALSE(read_all(in));
    while (!in.failed()) in.fixed<char>();
    CHECK(in.status().error().code() == ErrorCode::kTruncated);
    CHECK(in.varint() == 0);
    CHECK(in.string().empty());
  }
  Reader over(ByteView("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
  CHECK(over.varint() == 0);
  CHECK(over.status().error().code() == ErrorCode::kCorrupt);
}

TEST_CASE("allocations are counted, whichever thread frees them", "[base][threads]") {
  const auto before = static_cast<std::int64_t>(allocated_bytes());
  const auto since = [&] { return static_cast<std::int64_t>(allocated_bytes()) - before; };
  void* block = allocate(1000);
  CHECK(usable_size(block) >= 1000);
  CHECK(since() >= 1000);
  block = reallocate(block, 100'000);
  CHECK(since() >= 100'000);
  void* lines = allocate_lines(100);
  CHECK(reinterpret_cast<std::uintptr_t>(lines) % 64 == 0);
  CHECK(ByteView(static_cast<char*>(lines), 100) == ByteView(Bytes(100, '\0')));
  release(lines);

  std::vector<void*> blocks(400);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    threads.emplace_back([&blocks, i] { blocks[i] = allocate(1 << (i % 12)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (void* each : blocks) release(each);
  std::vector<std::thread>().swap(threads);
  std::vector<void*>().swap(blocks);
  release(block);
  CHECK(std::abs(since()) < 64);
}

TEST_CASE("shared bytes are shared, and freed with the last", "[base]") {
  SharedBytes one = SharedBytes::copy_of("hello");
  CHECK(one.unique());
  SharedBytes two = one;
  CHECK_FALSE(one.unique());
  void* raw = two.release();
  CHECK_FALSE(two);
  SharedBytes three = SharedBytes::share(raw);
  one = SharedBytes();
  CHECK(SharedBytes::adopt(raw).view() == "hello");
  CHECK(three.unique());
  CHECK(three.capacity() >= 5);
}

TEST_CASE("hashes on disk are XXH3's", "[base]") {
  CHECK(hash_on_disk("") == 0x2d06800538d394c2ULL);
  CHECK(hash_in_memory("abc") == hash_in_memory(Bytes("abc")));
  CHECK(hash_in_memory("abc") != hash_in_memory("abd"));
}

TEST_CASE("random numbers repeat by seed and stay below their bound", "[base]") {
  Random a(42), b(42), c(43);
  CHECK(a.next() == b.next());
  CHECK(a.next() != c.next());
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = a.below(10);
    REQUIRE(value < 10);
    seen.insert(value);
    const double unit = a.unit();
    REQUIRE((unit >= 0 && unit < 1));
  }
  CHECK(seen.size() == 10);
  CHECK(random_hex(40).size() == 40);
  CHECK(random_hex(40).find_first_not_of("0123456789abcdef") == Bytes::npos);
  CHECK(random_hex(40) != random_hex(40));
}

TEST_CASE("clocks", "[base]") {
  ManualClock manual(5'000'000);
  manual.advance_ms(10);
  CHECK(manual.now_ms() == 5010);
  const SystemClock system;
  CHECK(system.now_us() > 1'700'000'000'000'000);
  const std::int64_t first = system.monotonic_us();
  CHECK(system.monotonic_us() >= first);
}

TEST_CASE("log lines have Redis's form and follow a rotated file", "[base]") {
  char name[] = "/tmp/memoir-log-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  ::close(file);
  const std::string rotated = std::string(name) + ".1";
  const LogLevel level = log_level();
  REQUIRE(set_log_file(name));
  CHECK_FALSE(set_log_file("/nonexistent-folder/log"));
  set_log_level(LogLevel::kVerbose);
  log_debug("not shown");
  log_verbose("one {}", 1);
  log_notice("{{}} stay % as they are");
  REQUIRE(std::rename(name, rotated.c_str()) == 0);
  set_log_role('S');
  log_warning("after the rotation");
  set_log_role('M');
  set_log_level(level);
  REQUIRE(set_log_file(""));

  const auto lines_of = [](const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  };
  const auto before = lines_of(rotated);
  const auto after = lines_of(name);
  ::unlink(name);
  ::unlink(rotated.c_str());
  REQUIRE(before.size() == 2);
  REQUIRE(after.size() == 1);
  const std::string pid = std::to_string(::getpid());
  // pid:M 20 Nov 2026 10:00:00.123 - one 1
  CHECK(glob_match(pid + ":M ?? ??? 20?? ??:??:??.??? - one 1", before[0]));
  CHECK(glob_match(pid + ":M ?? ??? 20?? ??:??:??.??? [*] {} stay % as they are", before[1]));
  CHECK(glob_match(pid + ":S ?? ??? 20?? ??:??:??.??? # after the rotation", after[0]));
}

}  // namespace memoir
