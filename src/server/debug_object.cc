#include "src/base/log.h"
#include "src/server/debug_object.h"

#include <bit>

#include "datatypes/list/list.h"
#include "src/base/number.h"

namespace memoir {

namespace {

// How long the value is when written down: lengths before strings, as in an RDB.
class SizeSink final : public DigestSink {
 public:
  void ordered(ByteView part) override { add(part); }
  void unordered(std::span<const ByteView> parts) override {
    for (const ByteView part : parts) add(part);
  }
  std::size_t bytes() const { return bytes_; }
  void add(ByteView part) {
    bytes_ += part.size() + (part.size() < 64 ? 1 : part.size() < 16384 ? 2 : 5);
  }

 private:
  std::size_t bytes_ = 0;
};

std::size_t serialized_bytes(const Entry& entry) {
  SizeSink sink;
  if (!entry.is_string()) {
    entry.object()->digest(sink);
    return sink.bytes();
  }
  if (entry.storage() != Storage::kInteger) {
    sink.add(entry.bytes());
    return sink.bytes();
  }
  const std::int64_t value = entry.integer();
  if (value >= -128 && value <= 127) return 2;
  if (value >= -32768 && value <= 32767) return 3;
  if (value >= -2147483648LL && value <= 2147483647LL) return 5;
  char text[kIntegerCharsMax];
  return 1 + format_integer(value, text);
}

Bytes quicklist_part(const List& list, const EncodingLimits& limits) {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
  list.each_node([&](bool, ByteView node) {
    ++nodes;
    bytes += node.size();
  });
  return fmt::format(
      " ql_nodes:{} ql_avg_node:{:.2f} ql_listpack_max:{} ql_compressed:{} "
      "ql_uncompressed_size:{}",
      nodes, static_cast<double>(list.size()) / static_cast<double>(nodes),
      limits.list_listpack_size, limits.list_compress_depth != 0 ? 1 : 0, bytes);
}

Bytes stats(std::size_t size, std::size_t places) {
  const Bytes title = "Hash table 0 stats (main hash table):\n";
  if (size == 0) return title + "No stats available for empty dictionaries\n";
  return title + fmt::format(" table size: {}\n number of elements: {}\n", places, size);
}

}  // namespace

Bytes object_line(const Entry& entry, const RunEnvironment& env) {
  const bool lfu = env.access_policy == AccessPolicy::kLfu;
  const std::int64_t idle = lfu ? 0 : env.now_ms / 1000 - entry.access();
  Bytes line = fmt::format(
      "Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
      fmt::ptr(&entry), entry.encoding(), serialized_bytes(entry), entry.access() & 0xffffff,
      idle < 0 ? 0 : idle);
  if (entry.type() == TypeId::kList && ByteView(entry.encoding()) == "quicklist") {
    line += quicklist_part(*static_cast<const List*>(entry.object()),
                           env.stripes->keyspace().limits);
  }
  return line;
}

Bytes table_stats(const LockedStripes& locked, unsigned db) {
  std::size_t keys = 0;
  std::size_t expires = 0;
  std::size_t key_bytes = 0;
  std::size_t expire_bytes = 0;
  for (unsigned index = 0; index < kStripes; ++index) {
    const Shard& shard = locked.shard_at(index, db);
    keys += shard.keys.size();
    expires += shard.expires.size();
    key_bytes += shard.keys.memory_usage();
    expire_bytes += shard.expires.memory_usage();
  }
  const auto places = [](std::size_t bytes) { return bytes / sizeof(Bucket) * Bucket::kItems; };
  return "[Dictionary HT]\n" + stats(keys, places(key_bytes)) + "[Expires HT]\n" +
         stats(expires, places(expire_bytes));
}

Bytes value_table_stats(const Entry& entry) {
  if (entry.is_string()) return {};
  const ByteView encoding = entry.encoding();
  if (encoding != "hashtable" && encoding != "skiplist") return {};
  const std::size_t size = entry.object()->size();
  return stats(size, std::bit_ceil(size));
}

}  // namespace memoir
