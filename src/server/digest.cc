#include "src/server/digest.h"

#include <openssl/sha.h>

#include "src/base/number.h"
#include "src/store/object.h"

namespace memoir {

namespace {

using Sha1 = std::array<unsigned char, SHA_DIGEST_LENGTH>;

Sha1 sha1(ByteView part) {
  Sha1 hash;
  SHA1(reinterpret_cast<const unsigned char*>(part.data()), part.size(), hash.data());
  return hash;
}

class Sink final : public DigestSink {
 public:
  explicit Sink(Digest& digest) : digest_(digest) {}

  void ordered(ByteView part) override { digest_.chain(part); }
  void unordered(std::span<const ByteView> parts) override {
    if (parts.size() == 1) return digest_.add(parts[0]);
    Digest element;
    for (const ByteView part : parts) element.chain(part);
    digest_.add(element.bytes());
  }
  void ending(std::span<const ByteView> parts) override {
    Digest element;
    for (const ByteView part : parts) element.chain(part);
    element.add("!!hexpire!!");
    digest_.add(element.bytes());
  }

 private:
  Digest& digest_;
};

}  // namespace

void Digest::add(ByteView part) {
  const Sha1 hash = sha1(part);
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] ^= hash[i];
}

void Digest::chain(ByteView part) {
  add(part);
  bytes_ = sha1(bytes());
}

void Digest::chain_number(std::uint32_t number) {
  const char big_endian[] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                             static_cast<char>(number >> 8), static_cast<char>(number)};
  chain({big_endian, sizeof(big_endian)});
}

void Digest::combine(const Digest& other) {
  const Sha1 hash = sha1(other.bytes());
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] ^= hash[i];
}

Bytes Digest::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  Bytes text;
  for (const unsigned char byte : bytes_) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

void add_value(Digest& digest, const Entry& entry) {
  digest.chain_number(static_cast<std::uint32_t>(entry.type()));
  if (!entry.is_string()) {
    Sink sink(digest);
    entry.object()->digest(sink);
  } else if (entry.storage() == Storage::kInteger) {
    char text[kIntegerCharsMax];
    digest.chain({text, format_integer(entry.integer(), text)});
  } else {
    digest.chain(entry.bytes());
  }
  if (entry.has_expiry()) digest.add("!!expire!!");
}

Digest keyspace_digest(const LockedStripes& locked) {
  Digest all;
  const Keyspace& keyspace = locked.keyspace();
  for (unsigned db = 0; db < keyspace.databases(); ++db) {
    bool numbered = false;  // an empty database leaves no trace
    for (unsigned index = 0; index < kStripes; ++index) {
      const Shard& shard = locked.shard_at(index, db);
      if (shard.keys.empty()) continue;
      if (!numbered) all.chain_number(db);
      numbered = true;
      shard.keys.for_each([&](TableItem item) {
        const auto& entry = *static_cast<const Entry*>(item.pointer);
        Digest one;
        one.chain(entry.key());
        add_value(one, entry);
        all.combine(one);
      });
    }
  }
  return all;
}

}  // namespace memoir
