// ScoredMember: one member of a large sorted set with its score, as a handle of eight bytes.
//
// The table (by member) and the tree (by score) of a sorted set share one block for each member:
//
//   block := score:f64 text                    text of up to 254 bytes
//          | score:f64 length:u64 text         longer
//
// The handle is the block's address (48 bits) and, in its upper 8 bits, the length (255: in the
// block), so that a member of 24 bytes takes a block of 32. The SortedSet owns the blocks, handles
// do not.
#pragma once

#include <cstdint>
#include <cstring>

#include "src/base/prefetch.h"
#include "src/base/alloc.h"
#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/store/table.h"

namespace memoir {

class ScoredMember {
 public:
  ScoredMember() = default;
  explicit ScoredMember(TableItem item)
      : word_(reinterpret_cast<std::uint64_t>(item.pointer) |
              (static_cast<std::uint64_t>(item.aux) << kLengthShift)) {}

  static ScoredMember create(double score, ByteView member) {
    const bool is_long = member.size() >= kLong;
    const std::size_t header = is_long ? 2 * sizeof(std::uint64_t) : sizeof(double);
    auto* block = static_cast<char*>(allocate(header + member.size()));
    store(block, score);
    if (is_long) store(block + sizeof(double), static_cast<std::uint64_t>(member.size()));
    if (!member.empty()) std::memcpy(block + header, member.data(), member.size());
    return ScoredMember(TableItem{
        block, static_cast<std::uint8_t>(is_long ? kLong : member.size())});
  }
  void destroy() { memoir::release(block()); }

  explicit operator bool() const { return word_ != 0; }
  bool operator==(const ScoredMember&) const = default;

  double score() const { return load<double>(block()); }
  void set_score(double score) { store(block(), score); }
  ByteView member() const {
    const std::size_t length = word_ >> kLengthShift;
    if (__builtin_expect(length != kLong, 1)) return {block() + sizeof(double), length};
    return {block() + 2 * sizeof(double), load<std::uint64_t>(block() + sizeof(double))};
  }
  TableItem item() const {
    return {block(), static_cast<std::uint8_t>(word_ >> kLengthShift)};
  }
  void prefetch() const { prefetch_line(block()); }
  std::size_t block_bytes() const { return usable_size(block()); }

 private:
  static constexpr unsigned kLengthShift = 56;
  static constexpr std::size_t kLong = 255;

  char* block() const {
    return reinterpret_cast<char*>(word_ & ((std::uint64_t{1} << 48) - 1));
  }

  std::uint64_t word_{0};
};
static_assert(sizeof(ScoredMember) == 8);

struct ScoredMemberTraits {
  static ByteView key(TableItem item) { return ScoredMember(item).member(); }
  static std::uint64_t hash(ByteView key) { return hash_in_memory(key); }
};

}  // namespace memoir
