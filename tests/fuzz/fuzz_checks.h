// What the fuzzers share: the checks of a value that was read from hostile bytes.
//
// A failed check ends the process, which is how libFuzzer learns of it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>

#include "datatypes/serial/values.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/store/object.h"

namespace memoir::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

inline void require(const Status& status, const char* what) {
  if (status) return;
  std::fprintf(stderr, "broken: %s: %s\n", what, status.error().text().c_str());
  std::abort();
}

// What a value holds, whatever its encoding and the order of unordered parts.
class Contents final : public DigestSink {
 public:
  void ordered(ByteView part) override { digest_ = mix(digest_, part); }
  void unordered(std::span<const ByteView> parts) override { add(parts, 1); }
  void ending(std::span<const ByteView> parts) override { add(parts, 2); }
  std::uint64_t digest() const { return digest_; }

 private:
  static std::uint64_t mix(std::uint64_t so_far, ByteView part) {
    Bytes both(reinterpret_cast<const char*>(&so_far), sizeof(so_far));
    return hash_on_disk(both.append(part));
  }
  void add(std::span<const ByteView> parts, std::uint64_t element) {
    for (const ByteView part : parts) element = mix(element, part);
    digest_ ^= element;
  }
  std::uint64_t digest_ = 0;
};

inline std::uint64_t contents_of(const Entry& entry) {
  Contents contents;
  char digits[kIntegerCharsMax];
  if (!entry.is_string()) {
    entry.object()->digest(contents);
  } else if (entry.storage() == Storage::kInteger) {
    contents.ordered({digits, format_integer(entry.integer(), digits)});
  } else {
    contents.ordered(entry.bytes());
  }
  return contents.digest();
}

// A value that was accepted keeps its invariants, and comes back the same when it is saved and
// loaded again.
inline void check_value(const Entry& entry, const EncodingLimits& limits) {
  if (!entry.is_string()) require(entry.object()->verify(), "a value that was accepted");
  if (is_empty(entry)) return;
  const Bytes payload = dump_payload(entry, RdbCompression::kYes);
  const auto again = load_payload(payload, entry.key(), entry.expire_ms(), limits);
  require(static_cast<bool>(again), "a value that was saved does not load");
  if (!(*again)->is_string()) require((*again)->object()->verify(), "a value loaded again");
  require(contents_of(entry) == contents_of(**again), "a value is another after save and load");
}

// Limits under which compact forms are left early, or late.
inline EncodingLimits limits_for(std::size_t input_bytes) {
  EncodingLimits limits;
  if (input_bytes % 3 == 0) return limits;
  limits.hash_listpack_entries = limits.set_listpack_entries = limits.zset_listpack_entries = 2;
  limits.set_intset_entries = 2;
  limits.list_listpack_size = input_bytes % 3 == 1 ? 2 : -1;
  return limits;
}

}  // namespace memoir::fuzz
