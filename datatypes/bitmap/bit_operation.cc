#include "datatypes/bitmap/bit_operation.h"

#include <algorithm>

#include "src/base/glob.h"

namespace memoir {
namespace {

// Blocks that stay in the nearest cache while source after source is worked into them.
constexpr std::size_t kBlockBytes = 4096;

using Lane [[gnu::vector_size(16)]] = std::uint64_t;

// The part of a source that lies within a block; shorter than the block where the source ends.
ByteView part_of(ByteView source, std::size_t at, std::size_t size) {
  return at < source.size() ? source.substr(at, size) : ByteView();
}

// to[i] = op(to[i], from[i]) for all bytes of `from`.
template <class Op>
void work_in(char* to, ByteView from, Op op) {
  constexpr std::size_t kLanes = 4;
  constexpr std::size_t kStep = kLanes * sizeof(Lane);
  const std::size_t size = from.size();
  std::size_t at = 0;
  for (; at + kStep <= size; at += kStep) {
    Lane a[kLanes];
    Lane b[kLanes];
    std::memcpy(a, to + at, kStep);
    std::memcpy(b, from.data() + at, kStep);
    for (std::size_t i = 0; i < kLanes; ++i) op(a[i], b[i]);
    std::memcpy(to + at, a, kStep);
  }
  for (; at < size; ++at) {
    auto a = static_cast<unsigned char>(to[at]);
    op(a, static_cast<unsigned char>(from[at]));
    to[at] = static_cast<char>(a);
  }
}

// Which bits of `from` were seen before (`again`), and which are seen by now.
void note_seen(char* seen, char* again, ByteView from) {
  constexpr std::size_t kStep = sizeof(Lane);
  std::size_t at = 0;
  for (; at + kStep <= from.size(); at += kStep) {
    Lane lanes[3];
    std::memcpy(&lanes[0], seen + at, kStep);
    std::memcpy(&lanes[1], again + at, kStep);
    std::memcpy(&lanes[2], from.data() + at, kStep);
    lanes[1] |= lanes[0] & lanes[2];
    lanes[0] |= lanes[2];
    std::memcpy(seen + at, &lanes[0], kStep);
    std::memcpy(again + at, &lanes[1], kStep);
  }
  for (; at < from.size(); ++at) {
    again[at] = static_cast<char>(again[at] | (seen[at] & from[at]));
    seen[at] = static_cast<char>(seen[at] | from[at]);
  }
}

struct And {
  template <class T>
  void operator()(T& a, const T& b) const { a &= b; }
};
struct AndNot {
  template <class T>
  void operator()(T& a, const T& b) const { a &= static_cast<T>(~b); }
};
struct Or {
  template <class T>
  void operator()(T& a, const T& b) const { a |= b; }
};
struct Xor {
  template <class T>
  void operator()(T& a, const T& b) const { a ^= b; }
};
struct Not {
  template <class T>
  void operator()(T& a, const T& b) const { a = static_cast<T>(~b); }
};

// One block of the result: `size` bytes at `at` of every source.
class Block {
 public:
  Block(std::span<const ByteView> sources, char* out, std::size_t at, std::size_t size)
      : sources_(sources), out_(out), at_(at), size_(size) {}

  void combine(BitOperation operation) {
    switch (operation) {
      case BitOperation::kAnd:
        start(source(0));
        return rest([this](ByteView part) { keep(part); });
      case BitOperation::kOr:
        start(source(0));
        return rest([this](ByteView part) { work_in(out_, part, Or{}); });
      case BitOperation::kXor:
        start(source(0));
        return rest([this](ByteView part) { work_in(out_, part, Xor{}); });
      case BitOperation::kNot:
        return invert(source(0));
      case BitOperation::kDiff:
        start(source(0));
        return rest([this](ByteView part) { work_in(out_, part, AndNot{}); });
      case BitOperation::kDiff1:
        union_of_rest();
        return work_in(out_, source(0), AndNot{});
      case BitOperation::kAndOr:
        union_of_rest();
        return keep(source(0));
      case BitOperation::kOne:
        return only_once();
    }
  }

 private:
  ByteView source(std::size_t i) const { return part_of(sources_[i], at_, size_); }
  template <class F>
  void rest(F&& visit) const {
    for (std::size_t i = 1; i < sources_.size(); ++i) visit(source(i));
  }
  // The block becomes a copy, filled up with zeros.
  void start(ByteView part) {
    if (!part.empty()) std::memcpy(out_, part.data(), part.size());
    std::memset(out_ + part.size(), 0, size_ - part.size());
  }
  void keep(ByteView part) {
    work_in(out_, part, And{});
    std::memset(out_ + part.size(), 0, size_ - part.size());
  }
  void invert(ByteView part) {
    work_in(out_, part, Not{});
    std::memset(out_ + part.size(), 0xff, size_ - part.size());
  }
  void union_of_rest() {
    start({});
    rest([this](ByteView part) { work_in(out_, part, Or{}); });
  }
  void only_once() {
    char again[kBlockBytes];  // in two sources at least
    std::memset(again, 0, size_);
    start(source(0));
    rest([this, &again](ByteView part) { note_seen(out_, again, part); });
    work_in(out_, {again, size_}, AndNot{});
  }

  std::span<const ByteView> sources_;
  char* out_;
  std::size_t at_;
  std::size_t size_;
};

}  // namespace

std::optional<BitOperation> parse_bit_operation(ByteView word) {
  static constexpr struct {
    const char* word;
    BitOperation operation;
  } kOperations[] = {{"and", BitOperation::kAnd},     {"or", BitOperation::kOr},
                     {"xor", BitOperation::kXor},     {"not", BitOperation::kNot},
                     {"diff", BitOperation::kDiff},   {"diff1", BitOperation::kDiff1},
                     {"andor", BitOperation::kAndOr}, {"one", BitOperation::kOne}};
  for (const auto& each : kOperations) {
    if (equals_ignoring_case(word, each.word)) return each.operation;
  }
  return std::nullopt;
}

void combine_bits(BitOperation operation, std::span<const ByteView> sources, char* out,
                  std::size_t size) {
  for (std::size_t at = 0; at < size; at += kBlockBytes) {
    Block(sources, out + at, at, std::min(kBlockBytes, size - at)).combine(operation);
  }
}

}  // namespace memoir
