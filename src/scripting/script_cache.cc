#include "src/scripting/script_cache.h"

#include <openssl/evp.h>

#include "src/base/assert.h"

namespace memoir {

Sha Sha::of(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha1(), nullptr);
  ASSERT(done == 1 && size * 2 == kChars);
  Sha sha;
  for (std::size_t i = 0; i < size; ++i) {
    sha.text[2 * i] = kDigits[digest[i] >> 4];
    sha.text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return sha;
}

Sha Sha::from_text(ByteView hex) {
  ASSERT(hex.size() == kChars);
  Sha sha;
  for (std::size_t i = 0; i < kChars; ++i) {
    const char c = hex[i];
    sha.text[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return sha;
}

std::shared_ptr<Script> ScriptCache::find(const Sha& sha) const {
  const auto found = scripts_.find(sha);
  return found == scripts_.end() ? nullptr : found->second;
}

std::size_t ScriptCache::memory_of(const Script& script) {
  constexpr std::size_t kNodeBytes = 64;
  return sizeof(Script) + kNodeBytes + script.body.size();
}

void ScriptCache::add(std::shared_ptr<Script> script, From from) {
  if (from == From::kEval) {
    while (uses_.size() >= kEvictableMax) evict_oldest();
  }
  if (from == From::kEval) {
    script->evictable = true;
    script->use = uses_.insert(uses_.end(), script.get());
  }
  memory_ += memory_of(*script);
  const Sha sha = script->sha;
  scripts_.emplace(sha, std::move(script));
  size_ = scripts_.size();
}

void ScriptCache::keep(Script& script) {
  if (!script.evictable) return;
  uses_.erase(script.use);
  script.evictable = false;
}

void ScriptCache::evict_oldest() {
  Script* const oldest = uses_.front();
  uses_.pop_front();
  oldest->evictable = false;
  oldest->gone = true;
  memory_ -= memory_of(*oldest);
  scripts_.erase(Sha(oldest->sha));
  size_ = scripts_.size();
  ++departures_;
  ++evicted_;
}

void ScriptCache::clear() {
  for (const auto& [sha, script] : scripts_) {
    script->gone = true;
    script->evictable = false;
  }
  uses_.clear();
  scripts_.clear();
  size_ = memory_ = 0;
  ++flushes_;
}

}  // namespace memoir
