// PFDEBUG, which looks into a HyperLogLog, and PFSELFTEST, which checks the algorithm itself.

#include <cmath>
#include <memory>
#include <vector>

#include "datatypes/hyperloglog/rows.h"
#include "datatypes/hyperloglog/value.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

// Makes a sparse value dense, which is a change. False if it was dense.
Result<bool> make_dense(Context& ctx, ByteView key) {
  auto hll = HllEdit::open(ctx, key);
  if (!hll) return hll.error();
  if (hll->encoding() == hll::Encoding::kDense) return false;
  if (!hll->make_dense()) return Error(kCorruptHll);
  hll->mark_changed(nullptr);
  return true;
}

Status reply_registers(Context& ctx, ByteView key, ReplyWriter& reply) {
  auto made = make_dense(ctx, key);
  if (!made) return made.error();
  const ByteView value = ctx.db().peek(key)->bytes();
  reply.array(hll::kRegisters);
  for (unsigned i = 0; i < hll::kRegisters; ++i) reply.integer(hll::dense_rank(value, i));
  return ok;
}

// "z:12 v:3,1 Z:16371"
Bytes decode(ByteView value) {
  Bytes text;
  hll::each_opcode(value, [&text](const hll::Opcode& opcode) {
    using Kind = hll::Opcode::Kind;
    if (!text.empty()) text += ' ';
    text += opcode.kind == Kind::kZeros ? "z:" : opcode.kind == Kind::kLongZeros ? "Z:" : "v:";
    if (opcode.kind == Kind::kRanks) {
      append_integer(text, opcode.rank);
      text += ',';
    }
    append_integer(text, opcode.run);
  });
  return text;
}

// PFDEBUG subcommand key
Status pfdebug(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView word = args.next();
  const ByteView key = args.next();
  const Entry* entry = ctx.db().lookup_to_change(key);
  if (!entry) return Error("ERR The specified key does not exist");
  if (!entry->is_string()) return Error(kWrongType);
  if (entry->storage() == Storage::kInteger) return Error(kNotHll);
  if (!hll::is_hyperloglog(entry->bytes())) return Error(kNotHll);
  const ByteView value = keep_raw(ctx, key, entry)->bytes();
  const bool is_sparse = hll::encoding_of(value) == hll::Encoding::kSparse;
  if (equals_ignoring_case(word, "getreg")) return reply_registers(ctx, key, reply);
  if (equals_ignoring_case(word, "decode")) {
    if (!is_sparse) return Error("ERR HLL encoding is not sparse");
    reply.bulk(decode(value));
  } else if (equals_ignoring_case(word, "encoding")) {
    reply.simple(is_sparse ? "sparse" : "dense");
  } else if (equals_ignoring_case(word, "todense")) {
    auto made = make_dense(ctx, key);
    if (!made) return made.error();
    reply.integer(*made);
  } else {
    Bytes text = "ERR Unknown PFDEBUG subcommand '";
    return Error(text.append(c_text(word)) += "'");
  }
  return ok;
}

// A value outside any key, for the self test.
class TestValue {
 public:
  explicit TestValue(hll::Encoding encoding) {
    bytes_.resize(hll::kEmptySparseBytes);
    hll::write_empty(bytes_.data());
    if (encoding == hll::Encoding::kDense) make_dense();
  }
  ByteView view() const { return {bytes_.data(), bytes_.size()}; }
  char* data() { return bytes_.data(); }
  bool is_sparse() const { return hll::encoding_of(view()) == hll::Encoding::kSparse; }
  void add(ByteView element, std::size_t sparse_bytes_max) {
    const hll::Sample sample = hll::sample_of(element);
    if (is_sparse()) {
      const hll::Patch patch = hll::plan_raise(view(), sample);
      if (patch.outcome == hll::Patch::Outcome::kNothing) return;
      const std::size_t size = bytes_.size();
      const bool fits = patch.growth() == 0 || size + patch.growth() <= sparse_bytes_max;
      if (patch.outcome == hll::Patch::Outcome::kReplace && fits) {
        bytes_.resize(size + patch.growth());
        bytes_.resize(hll::apply(patch, bytes_.data(), size));
        return;
      }
      make_dense();
    }
    hll::raise_dense(bytes_.data(), sample);
  }

 private:
  void make_dense() {
    std::vector<char> dense(hll::kDenseBytes);
    hll::to_dense(view(), dense.data());
    bytes_ = std::move(dense);
  }
  std::vector<char> bytes_;
};

// Registers keep what is written to them and leave their neighbours alone.
Status test_registers(Random& random) {
  constexpr int kRounds = 100;
  TestValue value(hll::Encoding::kDense);
  auto written = std::make_unique<hll::Registers>();
  for (int round = 0; round < kRounds; ++round) {
    for (std::uint8_t& rank : *written) rank = static_cast<std::uint8_t>(random.below(64));
    hll::write_dense(*written, value.data());
    for (unsigned i = 0; i < hll::kRegisters; ++i) {
      if (hll::dense_rank(value.view(), i) == (*written)[i]) continue;
      Bytes text = "TESTFAILED Register ";
      append_integer(text, i);
      return Error(text += " is not what was written");
    }
  }
  return ok;
}

// Both forms give the same estimate, and it is near the truth.
Status test_estimates(Random& random, std::size_t sparse_bytes_max) {
  constexpr std::uint64_t kElements = 10'000'000;
  const double relative_error = 1.04 / std::sqrt(static_cast<double>(hll::kRegisters));
  TestValue dense(hll::Encoding::kDense);
  TestValue sparse(hll::Encoding::kSparse);
  const std::uint64_t seed = random.next();
  std::uint64_t checkpoint = 1;
  for (std::uint64_t i = 1; i <= kElements; ++i) {
    const std::uint64_t element = i ^ seed;
    const ByteView bytes(reinterpret_cast<const char*>(&element), sizeof(element));
    dense.add(bytes, sparse_bytes_max);
    sparse.add(bytes, sparse_bytes_max);
    if (i != checkpoint) continue;
    if (i < sparse_bytes_max / 2 && !sparse.is_sparse()) {
      return Error("TESTFAILED sparse encoding not used");
    }
    const std::uint64_t estimate = *hll::estimate(dense.view());
    if (hll::estimate(sparse.view()) != estimate) {
      return Error("TESTFAILED dense/sparse disagree");
    }
    const auto error = std::fabs(static_cast<double>(estimate) - static_cast<double>(i));
    // Of ten elements two fall together now and then.
    const double most = i == 10 ? 1 : std::ceil(relative_error * 6 * static_cast<double>(i));
    if (error > most) {
      Bytes text = "TESTFAILED Too big error. card:";
      append_integer(text, static_cast<std::int64_t>(i));
      text += " abserr:";
      append_integer(text, static_cast<std::int64_t>(error));
      return Error(text);
    }
    checkpoint *= 10;
  }
  return ok;
}

// PFSELFTEST
Status pfselftest(Context& ctx, Args, ReplyWriter& reply) {
  if (Status passed = test_registers(ctx.random()); !passed) return passed;
  const std::size_t sparse_bytes_max = ctx.limits().hll_sparse_bytes;
  if (Status passed = test_estimates(ctx.random(), sparse_bytes_max); !passed) return passed;
  reply.ok();
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "pfdebug",
     .arity = exactly(3),
     .keys = {key_range(2, 2, 1, kKeyRW | kKeyAccess)},
     .access = Access::kWrite,
     .flags = kDenyOom | kAdmin,
     .journal = JournalForm::kVerbatim,
     .run = pfdebug,
     .group = Group::kHyperLogLog,
     .syntax = "subcommand key",
     .summary = "Looks into a HyperLogLog: GETREG, DECODE, ENCODING, TODENSE.",
     .since = "2.8.9",
     .complexity = "N/A"},
    {.name = "pfselftest",
     .arity = exactly(1),
     .flags = kAdmin,
     .locks = Locks::kNone,
     .run = pfselftest,
     .group = Group::kHyperLogLog,
     .summary = "Tests the HyperLogLogs' algorithm.",
     .since = "2.8.9",
     .complexity = "N/A"},
};

}  // namespace

std::span<const CommandSpec> hyperloglog_debug_commands() { return kRows; }

}  // namespace memoir
