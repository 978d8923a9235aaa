// The protocol's way out and back: output buffer, reply writer, reply parser.
#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <vector>

#include "protocol/output_buffer.h"
#include "protocol/reply_parser.h"
#include "protocol/reply_writer.h"
#include "src/base/random.h"

namespace memoir {
namespace {

Bytes some_bytes(Random& random, std::size_t size) {
  Bytes out(size, ' ');
  for (char& c : out) c = static_cast<char>('a' + random.below(26));
  return out;
}

Bytes sliced(const OutputBuffer& out, std::uint64_t limit, std::size_t slices_max) {
  std::array<OutputBuffer::Slice, 64> slices;
  const std::size_t used = out.slices(std::span(slices).first(slices_max), limit);
  Bytes all;
  for (std::size_t i = 0; i < used; ++i) {
    REQUIRE(slices[i].size > 0);
    all.append(slices[i].data, slices[i].size);
  }
  return all;
}

// An output buffer beside the plain string that it should be.
struct Model {
  OutputBuffer out;
  Bytes plain;
  std::uint64_t gone = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> references;  // [begin, end)

  bool inside_reference(std::uint64_t position) const {
    for (const auto& [begin, end] : references) {
      if (position > begin && position < end) return true;
    }
    return false;
  }

  void insert(std::uint64_t position, ByteView text) {
    if (inside_reference(position)) return;
    out.insert(position, text);
    plain.insert(position - gone, text);
    for (auto& [begin, end] : references) {
      if (begin < position) continue;
      begin += text.size();
      end += text.size();
    }
  }

  void truncate(std::uint64_t position) {
    out.truncate(position);
    plain.resize(position - gone);
    for (auto& [begin, end] : references) {
      begin = std::min(begin, position);
      end = std::min(end, position);
    }
  }

  void check(Random& random) const {
    REQUIRE(out.size() == plain.size());
    REQUIRE(out.begin_position() == gone);
    REQUIRE(out.end_position() == gone + plain.size());
    REQUIRE(out.flatten() == plain);
    const std::uint64_t limit = gone + random.below(plain.size() + 10);
    const Bytes part = sliced(out, limit, 1 + random.below(4));
    REQUIRE(part.size() <= limit - gone);
    REQUIRE(plain.starts_with(part));
    REQUIRE((part.empty() == (limit == gone || plain.empty())));
  }
};

template <class Write>
Bytes written(Resp version, Write write) {
  OutputBuffer out;
  ReplyWriter writer(out, version);
  write(writer);
  return out.flatten();
}

// Checks the form in both versions, and that the reply parser takes it whole.
template <class Write>
void check_reply(Write write, ByteView v2, ByteView v3) {
  CHECK(written(Resp::kV2, write) == v2);
  CHECK(written(Resp::kV3, write) == v3);
  for (ByteView in : {v2, v3}) {
    const Bytes text(in);
    auto reply = parse_reply(in);
    CAPTURE(text);
    REQUIRE(reply);
    CHECK(*reply);
    CHECK(in.empty());
  }
}

}  // namespace

TEST_CASE("an output buffer equals a plain string under random operations", "[protocol]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Model model;
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t place = model.gone + random.below(model.plain.size() + 1);
      switch (random.below(10)) {
        case 0:
        case 1:
        case 2: {
          const Bytes text = some_bytes(random, random.below(random.below(10) == 0 ? 5000 : 40));
          model.out.append(text);
          model.plain += text;
          break;
        }
        case 3:
        case 4: {
          const Bytes text = some_bytes(random, random.below(100));
          const std::uint64_t end = model.out.end_position();
          model.out.append_reference(SharedBytes::copy_of(text));
          model.plain += text;
          model.references.emplace_back(end, end + text.size());
          break;
        }
        case 5: model.insert(place, some_bytes(random, 1 + random.below(10))); break;
        case 6:
          if (random.below(4) == 0) model.truncate(place);
          break;
        case 7: {
          const std::size_t sent = random.below(model.plain.size() + 1);
          model.out.consume(sent);
          model.plain.erase(0, sent);
          model.gone += sent;
          break;
        }
        case 8: {
          OutputBuffer other;
          other.append("gone");
          other.append_reference(SharedBytes::copy_of("there"));
          other.append(some_bytes(random, random.below(3000)));
          other.append_reference(SharedBytes::copy_of("tail"));
          other.consume(random.below(9));
          const std::uint64_t end = model.out.end_position();
          const Bytes text = other.flatten();
          model.out.append_all(std::move(other));
          CHECK(other.empty());
          model.plain += text;
          // Anything in there may be a reference.
          model.references.emplace_back(end, end + text.size());
          break;
        }
        default:
          if (random.below(3) == 0) model.out.shrink();
      }
      model.check(random);
    }
  }
}

TEST_CASE("an output buffer refers to large values and gives memory back", "[protocol]") {
  OutputBuffer out;
  CHECK(out.memory_usage() == 0);
  ReplyWriter writer(out, Resp::kV2);
  const SharedBytes large = SharedBytes::copy_of(Bytes(OutputBuffer::kReferenceBytesMin, 'x'));
  const SharedBytes small = SharedBytes::copy_of("small");
  writer.bulk(large);
  CHECK_FALSE(large.unique());
  writer.bulk(small);
  CHECK(small.unique());
  CHECK(out.memory_usage() > large.size());
  std::array<OutputBuffer::Slice, 8> slices;
  REQUIRE(out.slices(slices, UINT64_MAX) == 3);
  CHECK(slices[1].data == large.data());
  const Bytes all = out.flatten();
  CHECK(all == "$16384\r\n" + Bytes(large.view()) + "\r\n$5\r\nsmall\r\n");
  OutputBuffer moved = std::move(out);
  CHECK(moved.flatten() == all);
  moved.consume(all.size());
  CHECK(large.unique());
  moved.shrink();
  CHECK(moved.memory_usage() == 0);
  CHECK(moved.begin_position() == all.size());
}

// Goal: a reply beyond a client's limit takes no memory, however much is written.
// Method: far more than the limit, by all ways of writing; positions go on.
TEST_CASE("an output buffer throws away what is beyond its limit", "[protocol]") {
  constexpr std::size_t kLimit = 100'000;
  OutputBuffer out;
  out.set_limit(kLimit);
  ReplyWriter writer(out, Resp::kV2);
  writer.bulk(Bytes(kLimit / 2, 'x'));
  CHECK_FALSE(out.overflowed());
  CHECK_FALSE(writer.unwanted());
  const SharedBytes large = SharedBytes::copy_of(Bytes(kLimit, 'x'));
  const ReplyWriter::Mark mark = writer.begin();
  for (int i = 0; i < 1000; ++i) {
    writer.bulk(large);
    writer.bulk(Bytes(1000, 'y'));
    REQUIRE(out.memory_usage() < 2 * kLimit);
  }
  CHECK(out.overflowed());
  CHECK(writer.unwanted());
  CHECK(large.unique());
  const std::uint64_t end = out.end_position();
  writer.end_array(mark, 2000);
  out.truncate(mark);
  CHECK(out.end_position() >= end);
}

TEST_CASE("replies have their forms in both versions", "[protocol]") {
  using W = ReplyWriter;
  check_reply([](W& w) { w.simple("PONG"); }, "+PONG\r\n", "+PONG\r\n");
  check_reply([](W& w) { w.simple(""); }, "+\r\n", "+\r\n");
  check_reply([](W& w) { w.ok(); }, "+OK\r\n", "+OK\r\n");
  check_reply([](W& w) { w.error("ERR a\r\nb"); }, "-ERR a  b\r\n", "-ERR a  b\r\n");
  check_reply([](W& w) { w.error(Error("WRONGTYPE x")); }, "-WRONGTYPE x\r\n",
              "-WRONGTYPE x\r\n");
  check_reply([](W& w) { w.integer(0); }, ":0\r\n", ":0\r\n");
  check_reply([](W& w) { w.integer(9); }, ":9\r\n", ":9\r\n");
  check_reply([](W& w) { w.integer(10); }, ":10\r\n", ":10\r\n");
  check_reply([](W& w) { w.integer(-1); }, ":-1\r\n", ":-1\r\n");
  check_reply([](W& w) { w.integer(INT64_MIN); }, ":-9223372036854775808\r\n",
              ":-9223372036854775808\r\n");
  check_reply([](W& w) { w.bulk(ByteView()); }, "$0\r\n\r\n", "$0\r\n\r\n");
  check_reply([](W& w) { w.bulk("abc"); }, "$3\r\nabc\r\n", "$3\r\nabc\r\n");
  check_reply([](W& w) { w.bulk("0123456789ab"); }, "$12\r\n0123456789ab\r\n",
              "$12\r\n0123456789ab\r\n");
  check_reply([](W& w) { w.bulk(Bytes(100, 'x')); }, "$100\r\n" + Bytes(100, 'x') + "\r\n",
              "$100\r\n" + Bytes(100, 'x') + "\r\n");
  check_reply([](W& w) { w.bulk_integer(-123); }, "$4\r\n-123\r\n", "$4\r\n-123\r\n");
  check_reply([](W& w) { w.bulk_double(1.5); }, "$3\r\n1.5\r\n", "$3\r\n1.5\r\n");
  check_reply([](W& w) { w.null(); }, "$-1\r\n", "_\r\n");
  check_reply([](W& w) { w.null_array(); }, "*-1\r\n", "_\r\n");
  check_reply([](W& w) { w.boolean(true); }, ":1\r\n", "#t\r\n");
  check_reply([](W& w) { w.boolean(false); }, ":0\r\n", "#f\r\n");
  check_reply([](W& w) { w.double_value(0.5); }, "$3\r\n0.5\r\n", ",0.5\r\n");
  check_reply([](W& w) { w.double_value(-INFINITY); }, "$4\r\n-inf\r\n", ",-inf\r\n");
  check_reply([](W& w) { w.big_number("123456789012345678901234567890"); },
              "$30\r\n123456789012345678901234567890\r\n",
              "(123456789012345678901234567890\r\n");
  check_reply([](W& w) { w.verbatim("hi\r\n", "txt"); }, "$4\r\nhi\r\n\r\n",
              "=8\r\ntxt:hi\r\n\r\n");
  check_reply([](W& w) { w.array(0); }, "*0\r\n", "*0\r\n");
  const auto three = [](W& w) { w.integer(1), w.integer(2), w.integer(3); };
  check_reply([&](W& w) { w.array(3), three(w); }, "*3\r\n:1\r\n:2\r\n:3\r\n",
              "*3\r\n:1\r\n:2\r\n:3\r\n");
  check_reply([&](W& w) { w.set(3), three(w); }, "*3\r\n:1\r\n:2\r\n:3\r\n",
              "~3\r\n:1\r\n:2\r\n:3\r\n");
  check_reply([&](W& w) { w.push(3), three(w); }, "*3\r\n:1\r\n:2\r\n:3\r\n",
              ">3\r\n:1\r\n:2\r\n:3\r\n");
  check_reply([&](W& w) { w.map(1), w.bulk("a"), w.null(); }, "*2\r\n$1\r\na\r\n$-1\r\n",
              "%1\r\n$1\r\na\r\n_\r\n");
  check_reply([&](W& w) { w.raw("*1\r\n+x\r\n"); }, "*1\r\n+x\r\n", "*1\r\n+x\r\n");
}

TEST_CASE("aggregates of unknown length get their header at the end", "[protocol]") {
  using W = ReplyWriter;
  const auto nested = [](W& w) {
    const auto outer = w.begin();
    for (int i = 0; i < 11; ++i) {
      const auto inner = w.begin();
      w.bulk("k"), w.integer(i);
      w.end_map(inner, 1);
    }
    w.end_array(outer, 11);
    const auto set = w.begin();
    w.end_set(set, 0);
  };
  const auto expected = [](ByteView map, ByteView set) {
    Bytes out = "*11\r\n";
    for (int i = 0; i < 11; ++i) {
      ((out += map) += "\r\n$1\r\nk\r\n:") += std::to_string(i) + "\r\n";
    }
    return (out += set) += "\r\n";
  };
  CHECK(written(Resp::kV2, nested) == expected("*2", "*0"));
  CHECK(written(Resp::kV3, nested) == expected("%1", "~0"));
}

TEST_CASE("a reply cut anywhere is incomplete, whole it is a tree", "[protocol]") {
  const Bytes text =
      "*15\r\n+OK\r\n-ERR no\r\n:-5\r\n$4\r\na\"\n\x01\r\n$-1\r\n*-1\r\n_\r\n,3.5\r\n#t\r\n"
      "(123\r\n=6\r\ntxt:hi\r\n!5\r\nERR x\r\n%1\r\n+a\r\n~1\r\n:1\r\n|1\r\n+ttl\r\n:9\r\n>1\r\n"
      "+m\r\n*0\r\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    CAPTURE(cut);
    ByteView in = ByteView(text).substr(0, cut);
    auto reply = parse_reply(in);
    REQUIRE(reply);
    REQUIRE_FALSE(*reply);
    REQUIRE(in.size() == cut);
  }
  const Bytes two = text + "+next\r\n";
  ByteView in = two;
  auto reply = parse_reply(in);
  REQUIRE(reply);
  REQUIRE(*reply);
  CHECK(in == "+next\r\n");
  CHECK((*reply)->to_string() ==
        "*15\n  +OK\n  -ERR no\n  :-5\n  \"a\\\"\\n\\x01\"\n  $-1\n  *-1\n  _\n"
        "  ,3.5\n  #t\n  (123\n"
        "  =\"txt:hi\"\n  !\"ERR x\"\n  %1\n    +a\n    ~1\n      :1\n  |1\n    +ttl\n    :9\n"
        "    >1\n      +m\n  *0");
}

TEST_CASE("what is no reply is refused", "[protocol]") {
  Bytes deep;
  for (int i = 0; i < 129; ++i) deep += "*1\r\n";
  for (const Bytes& text :
       {Bytes("x\r\n"), Bytes("\r\n"), Bytes(":\r\n"), Bytes(":1x\r\n"), Bytes("$-2\r\n"),
        Bytes("$x\r\n"), Bytes("$1\r\nabc"), Bytes("+a\rb"), Bytes("#x\r\n"), Bytes("_x\r\n"),
        Bytes("%-1\r\n"), Bytes("~-1\r\n"), Bytes(",x\r\n"), Bytes("*9223372036854775807\r\n"),
        deep}) {
    CAPTURE(text);
    ByteView in = text;
    auto reply = parse_reply(in);
    REQUIRE_FALSE(reply);
    CHECK(reply.peek_error().code() == ErrorCode::kCorrupt);
  }
  const Bytes allowed = deep.substr(4) + "+x\r\n";
  ByteView in = allowed;
  CHECK_FALSE(parse_reply(in));  // 128 arrays and a string in them are one level too many
  const Bytes at_limit = deep.substr(8) + "+x\r\n";
  in = at_limit;
  CHECK(parse_reply(in));
}

}  // namespace memoir
