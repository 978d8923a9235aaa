#include "datatypes/hyperloglog/sparse.h"

#include <algorithm>

namespace memoir::hll {
namespace {

// How many opcodes are looked at for joining after a change.
constexpr int kJoinScan = 5;

char ranks_byte(unsigned rank, unsigned run) {
  return static_cast<char>(0x80U | (rank - 1) << 2 | (run - 1));
}

// Puts opcodes together behind each other.
class Sequence {
 public:
  explicit Sequence(Patch& patch) : patch_(patch) {}
  void zeros(unsigned run) {
    if (run == 0) return;
    if (run > kShortZerosMax) put(static_cast<char>(0x40U | (run - 1) >> 8));
    put(static_cast<char>((run - 1) & 0xffU));
  }
  void ranks(unsigned rank, unsigned run) {
    if (run != 0) put(ranks_byte(rank, run));
  }

 private:
  void put(char byte) { patch_.bytes[patch_.size++] = byte; }
  Patch& patch_;
};

// The opcode that covers a register.
struct Found {
  Opcode opcode;
  std::size_t at = 0;
  std::size_t previous = 0;
  unsigned first = 0;           // its first register
  unsigned previous_first = 0;  // that of the one before
  bool sound = false;
};

Found find(ByteView value, unsigned index, const SparseHint& from) {
  Found found{.opcode = {}, .at = from.at, .previous = from.at, .first = from.first,
              .previous_first = from.first};
  while (found.at < value.size()) {
    found.opcode = opcode_at(value, found.at);
    if (index < found.first + found.opcode.run) {
      found.sound = found.at + found.opcode.bytes <= value.size();
      return found;
    }
    found.previous = found.at;
    found.previous_first = found.first;
    found.at += found.opcode.bytes;
    found.first += found.opcode.run;
  }
  return found;
}

}  // namespace

void write_empty(char* out) {
  std::memset(out, 0, kEmptySparseBytes);
  std::memcpy(out, "HYLL", 4);
  out[4] = static_cast<char>(Encoding::kSparse);
  Patch all;
  Sequence(all).zeros(kRegisters);
  std::memcpy(out + kHeaderBytes, all.bytes, all.size);
}

Patch plan_raise(ByteView value, const Sample& sample, SparseHint& hint) {
  Patch patch;
  if (sample.rank > kSparseRankMax) {
    patch.outcome = Patch::Outcome::kPromote;
    return patch;
  }
  Found found = find(value, sample.index, hint);
  // What comes before the hint's own opcode is not known, but may matter for joining.
  if (found.at == hint.at && hint.at != kHeaderBytes) found = find(value, sample.index, {});
  if (!found.sound) {
    patch.outcome = Patch::Outcome::kCorrupt;
    return patch;
  }
  const Opcode& opcode = found.opcode;
  const bool is_ranks = opcode.kind == Opcode::Kind::kRanks;
  if (is_ranks && opcode.rank >= sample.rank) return patch;

  patch.outcome = Patch::Outcome::kReplace;
  patch.at = found.at;
  patch.previous = found.previous;
  patch.old_size = opcode.bytes;
  hint = {found.previous, found.previous_first};
  const unsigned before = sample.index - found.first;
  const unsigned behind = opcode.run - before - 1;
  Sequence sequence(patch);
  is_ranks ? sequence.ranks(opcode.rank, before) : sequence.zeros(before);
  sequence.ranks(sample.rank, 1);
  is_ranks ? sequence.ranks(opcode.rank, behind) : sequence.zeros(behind);
  return patch;
}

std::size_t apply(const Patch& patch, char* value, std::size_t size) {
  const std::size_t behind = patch.at + patch.old_size;
  std::memmove(value + patch.at + patch.size, value + behind, size - behind);
  std::memcpy(value + patch.at, patch.bytes, patch.size);
  size = size - patch.old_size + patch.size;

  std::size_t at = patch.previous;
  for (int left = kJoinScan; at < size && left > 0; --left) {
    const Opcode here = opcode_at({value, size}, at);
    if (here.kind == Opcode::Kind::kRanks && at + 1 < size) {
      const Opcode next = opcode_at({value, size}, at + 1);
      const bool joins = next.kind == Opcode::Kind::kRanks && next.rank == here.rank &&
                         here.run + next.run <= kRunMax;
      if (joins) {
        value[at + 1] = ranks_byte(here.rank, here.run + next.run);
        std::memmove(value + at, value + at + 1, size - at - 1);
        --size;
        continue;  // the joined run may be joined with the next
      }
    }
    at += here.bytes;
  }
  return size;
}

}  // namespace memoir::hll
