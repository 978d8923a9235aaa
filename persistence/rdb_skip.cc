#include "persistence/rdb_skip.h"

#include <algorithm>

namespace memoir {
namespace {

// Parts of a module's value.
enum ModulePart : std::uint64_t {
  kModuleEnd = 0,
  kModuleSigned = 1,
  kModuleUnsigned = 2,
  kModuleFloat = 3,
  kModuleDouble = 4,
  kModuleString = 5,
};

// Scores as text: lengths that stand for a number instead.
constexpr std::uint8_t kFirstNamedScore = 253;

constexpr std::uint64_t kStreamIdBytes = 16;
constexpr std::uint64_t kTimeBytes = 8;

}  // namespace

bool RdbSkipper::fill() {
  if (state_ != State::kGood) return false;
  if (window_) {
    const ByteView more = window_->more(at_);
    if (!more.empty()) {
      at_ = more.data();
      end_ = at_ + more.size();
      return true;
    }
  }
  fail(State::kShort, "unexpected end of input");
  return false;
}

void RdbSkipper::skip(std::uint64_t bytes) {
  while (bytes > static_cast<std::uint64_t>(end_ - at_)) {
    bytes -= static_cast<std::uint64_t>(end_ - at_);
    at_ = end_;
    if (!fill()) return;
  }
  at_ += bytes;
}

std::uint64_t RdbSkipper::length_after(std::uint8_t first) {
  if (first < 0x40) return first;
  if (first < 0x80) return (static_cast<std::uint64_t>(first & 63) << 8) | byte();
  if (first == 0x80 || first == 0x81) {
    std::uint64_t value = 0;
    for (int left = first == 0x80 ? 4 : 8; left > 0; --left) value = value << 8 | byte();
    return value;
  }
  fail(State::kCorrupt, "unknown form of a length");
  return 0;
}

std::uint64_t RdbSkipper::length() { return length_after(byte()); }

void RdbSkipper::string() {
  const std::uint8_t first = byte();
  if (first < 0xc0) return skip(length_after(first));
  switch (first) {
    case 0xc0:
      return skip(1);
    case 0xc1:
      return skip(2);
    case 0xc2:
      return skip(4);
    case 0xc3: {
      const std::uint64_t packed = length();
      length();
      return skip(packed);
    }
    default:
      return fail(State::kCorrupt, "unknown form of a string");
  }
}

void RdbSkipper::item(std::uint8_t first, unsigned version) {
  while (good()) {
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kExpireTimeMs:
        skip(kTimeBytes);
        break;
      case RdbOpcode::kExpireTime:
        skip(4);
        break;
      case RdbOpcode::kIdle:
        length();
        break;
      case RdbOpcode::kFreq:
        skip(1);
        break;
      default:
        string();
        return value(rdb_type_in(version, static_cast<RdbType>(first)));
    }
    first = byte();
  }
}

// A count, then so many times `each` strings with some bytes behind them.
void RdbSkipper::strings(unsigned each, std::uint64_t bytes_behind) {
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    for (unsigned i = 0; i < each; ++i) string();
    if (bytes_behind > 0) skip(bytes_behind);
  }
}

void RdbSkipper::scored_text() {
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    string();
    const std::uint8_t bytes = byte();
    if (bytes < kFirstNamedScore) skip(bytes);
  }
}

void RdbSkipper::quicklist_nodes() {
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    length();  // how the node is kept
    string();
  }
}

void RdbSkipper::timed_fields(RdbType type) {
  if (type == RdbType::kHashMetadata) skip(kTimeBytes);
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    length();
    string();
    string();
  }
}

void RdbSkipper::timed_members() {
  const auto type = static_cast<RdbType>(byte());
  if (type == RdbType::kTimedMembers) return fail(State::kCorrupt, "times of times");
  value(type);
  strings(1, kTimeBytes);
}

void RdbSkipper::module_parts() {
  while (good()) {
    switch (length()) {
      case kModuleEnd:
        return;
      case kModuleSigned:
      case kModuleUnsigned:
        length();
        break;
      case kModuleFloat:
        skip(4);
        break;
      case kModuleDouble:
        skip(8);
        break;
      case kModuleString:
        string();
        break;
      default:
        fail(State::kCorrupt, "unknown part of a module's data");
    }
  }
}

void RdbSkipper::stream_group(RdbType type) {
  string();
  length();
  length();
  if (type != RdbType::kStreamListpacks) length();  // entries read
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    skip(kStreamIdBytes + kTimeBytes);
    length();
  }
  for (std::uint64_t left = length(); left > 0 && good(); --left) {
    string();
    skip(type == RdbType::kStreamListpacks3 ? 2 * kTimeBytes : kTimeBytes);
    const std::uint64_t pending = length();
    if (pending > UINT64_MAX / kStreamIdBytes) return fail(State::kCorrupt, "a length that lies");
    skip(pending * kStreamIdBytes);
  }
}

void RdbSkipper::stream(RdbType type) {
  strings(2, 0);
  const int numbers = type == RdbType::kStreamListpacks ? 3 : 8;
  for (int i = 0; i < numbers; ++i) length();
  for (std::uint64_t left = length(); left > 0 && good(); --left) stream_group(type);
}

void RdbSkipper::value(RdbType type) {
  if (!good()) return;
  switch (type) {
    case RdbType::kString:
    case RdbType::kHashZipmap:
    case RdbType::kListZiplist:
    case RdbType::kSetIntset:
    case RdbType::kSortedSetZiplist:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
    case RdbType::kSetListpack:
    case RdbType::kHashListpackExPreGa:
      return string();
    case RdbType::kHashListpackEx:
      skip(kTimeBytes);
      return string();
    case RdbType::kList:
    case RdbType::kSet:
    case RdbType::kListQuicklist:
      return strings(1, 0);
    case RdbType::kHash:
      return strings(2, 0);
    case RdbType::kHashTimes:
      return strings(2, kTimeBytes);
    case RdbType::kSortedSet2:
      return strings(1, sizeof(double));
    case RdbType::kSortedSet:
      return scored_text();
    case RdbType::kListQuicklist2:
      return quicklist_nodes();
    case RdbType::kHashMetadata:
    case RdbType::kHashMetadataPreGa:
      return timed_fields(type);
    case RdbType::kTimedMembers:
      return timed_members();
    case RdbType::kStreamListpacks:
    case RdbType::kStreamListpacks2:
    case RdbType::kStreamListpacks3:
      return stream(type);
    case RdbType::kModule2:
      length();
      return module_parts();
    case RdbType::kModulePreGa:
      break;
  }
  fail(State::kUnsupported, type == RdbType::kModulePreGa
                                ? "the value is a module's, and modules are not supported"
                                : "unknown type of value");
}

}  // namespace memoir
