#include "src/server/rdb_loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "datatypes/serial/values.h"
#include "persistence/rdb_blocks.h"
#include "persistence/snapshot_file.h"
#include "src/base/log.h"
#include "src/base/number.h"
#include "src/command/load_delay.h"
#include "src/server/process.h"

namespace memoir {
namespace {

constexpr std::size_t kBlockBytes = 256UL << 10;
constexpr std::size_t kQueuedBytes = 4UL << 20;
constexpr std::size_t kBatch = 8192;  // keys that are put in together
constexpr unsigned kThreadsMax = 16;
// A key takes at least so many bytes of a file: hints that say otherwise are not believed.
constexpr std::uint64_t kKeyBytesMin = 4;

Error duplicated(const Entry& entry) {
  return {ErrorCode::kCorrupt, fmt::format("The RDB file contains a duplicated key '{}'",
                                           entry.key())};
}

// Puts an entry, whose key is not there, into the tables.
void put_new(Shard& shard, Entry* entry, std::uint64_t hash) {
  shard.keys.insert({entry}, hash);
  if (entry->has_expiry()) shard.expires.insert({entry}, hash);
  if (!entry->has_member_expiry()) return;
  if (!shard.member_expires) shard.member_expires = std::make_unique<EntryTable>();
  shard.member_expires->insert({entry}, hash);
}

// Decodes blocks and puts their keys into the keyspace; one a thread.
class KeyLoader {
 public:
  KeyLoader(Keyspace& keyspace, File& file, const RdbLoadOptions& options)
      : keyspace_(keyspace),
        file_(file),
        options_(options),
        delay_(options.delay_us),
        fresh_access_(options.access == AccessPolicy::kLru ? lru_now(options.now_ms)
                                                           : lfu_initial(options.now_ms)) {}
  ~KeyLoader() {
    for (const Fresh& fresh : fresh_) Entry::destroy(fresh.entry);
  }
  KeyLoader(const KeyLoader&) = delete;
  KeyLoader& operator=(const KeyLoader&) = delete;

  Status load(const RdbBlock& block) {
    db_ = static_cast<unsigned>(block.db);
    version_ = block.version;
    if (block.buffer) {
      input_ = block.view();
      RdbReader in(input_);
      return load_from(in, block);
    }
    input_ = {};
    RdbFileSource source(file_, block.offset + block.bytes, block.offset);
    RdbReader in(source);
    return load_from(in, block);
  }

  RdbLoaded counts;

 private:
  struct Fresh {
    Entry* entry;
    std::uint64_t hash;
  };
  // What stands before a key.
  struct Before {
    std::int64_t expire_ms = kNoExpiry;
    std::optional<std::uint32_t> access;
  };

  Status load_from(RdbReader& in, const RdbBlock& block) {
    Status status = ok;
    while (status && in.position() < block.bytes) {
      if (options_.stop && options_.stop->load(std::memory_order_relaxed)) [[unlikely]] {
        return Error(ErrorCode::kIo, "the server is stopping");
      }
      status = load_item(in);
    }
    if (status) status = in.status();
    if (status) status = put_in();
    if (status) return ok;
    return Error(status.error().code(), fmt::format("at byte {}: {}", block.offset + in.position(),
                                                    status.error().text()));
  }

  // One item of the file; what is no key has been told by the reader of blocks.
  Status load_item(RdbReader& in) {
    Before before;
    for (;;) {
      const std::uint8_t first = in.byte();
      switch (static_cast<RdbOpcode>(first)) {
        case RdbOpcode::kExpireTimeMs:
          before.expire_ms = rdb_expiry_in(in.time_ms());
          continue;
        case RdbOpcode::kExpireTime:
          before.expire_ms = rdb_expiry_in(std::int64_t{in.fixed<std::int32_t>()} * 1000);
          continue;
        case RdbOpcode::kIdle:
          before.access = access_of_idle(in.length());
          continue;
        case RdbOpcode::kFreq:
          before.access = access_of_frequency(in.byte());
          continue;
        case RdbOpcode::kSelectDb:
          return select(in.length());
        case RdbOpcode::kAux:
          in.string();
          in.string();
          return in.status();
        case RdbOpcode::kResizeDb:
          in.length();
          in.length();
          return in.status();
        case RdbOpcode::kFunction2:
          in.string();
          return in.status();
        case RdbOpcode::kModuleAux:
          in.length();
          skip_module_parts(in);
          return in.status();
        case RdbOpcode::kSlotInfo:
        case RdbOpcode::kSlotImport:
        case RdbOpcode::kFunctionPreGa:
        case RdbOpcode::kEof:
          skip_foreign(in, version_, static_cast<RdbOpcode>(first));
          return in.status();
        default:
          if (in.failed()) return in.status();
          return load_key(in, rdb_type_in(version_, static_cast<RdbType>(first)), before);
      }
    }
  }

  std::uint32_t access_of_idle(std::uint64_t seconds) const {
    if (options_.access != AccessPolicy::kLru) return fresh_access_;
    return fresh_access_ - static_cast<std::uint32_t>(std::min<std::uint64_t>(seconds,
                                                                             fresh_access_));
  }
  std::uint32_t access_of_frequency(std::uint8_t counter) const {
    if (options_.access != AccessPolicy::kLfu) return fresh_access_;
    return (fresh_access_ & ~0xffU) | counter;
  }

  Status select(std::uint64_t db) {
    if (db == db_) return ok;
    Status status = put_in();
    db_ = static_cast<unsigned>(db);
    return status;
  }

  Status load_key(RdbReader& in, RdbType type, const Before& before) {
    delay_.step();
    ByteView name = in.string();
    // A view into the block stays; another one is the reader's own until it reads on.
    if (name.data() < input_.data() || name.data() >= input_.data() + input_.size()) {
      name_ = name;
      name = name_;
    }
    if (in.failed()) return in.status();
    EntryOwner entry = load_value(in, type, name, before.expire_ms, keyspace_.limits);
    if (!entry) {
      Status status = in.status();
      return Error(status.error().code(), fmt::format("{} of key '{}': {}", name_of(type), name,
                                                      status.error().text()));
    }
    if (is_empty(*entry)) {
      ++counts.empty;
      return ok;
    }
    if (options_.overdue == Overdue::kDrop && entry->has_expiry() &&
        entry->expire_ms() < options_.now_ms) {
      ++counts.expired;
      return ok;
    }
    entry->set_access(before.access.value_or(fresh_access_));
    const std::uint64_t hash = hash_in_memory(entry->key());
    fresh_.push_back({entry.release(), hash});
    return fresh_.size() < kBatch ? Status(ok) : put_in();
  }

  // Sorts what was decoded by stripe and puts it into the tables.
  Status put_in() {
    if (fresh_.empty()) return ok;
    std::array<std::uint32_t, kStripes + 1> begin{};
    for (const Fresh& fresh : fresh_) ++begin[stripe_of(fresh.hash) + 1];
    for (unsigned i = 0; i < kStripes; ++i) begin[i + 1] += begin[i];
    sorted_.resize(fresh_.size());
    std::array<std::uint32_t, kStripes + 1> next = begin;
    for (const Fresh& fresh : fresh_) sorted_[next[stripe_of(fresh.hash)]++] = fresh;
    fresh_.clear();
    Status status = ok;
    for (unsigned i = 0; i < kStripes; ++i) {
      if (begin[i] == begin[i + 1]) continue;
      const auto all = std::span(sorted_).subspan(begin[i], begin[i + 1] - begin[i]);
      Status done = put_into(i, all);
      if (!done && status) status = std::move(done);
    }
    return status;
  }

  Status put_into(unsigned stripe, std::span<const Fresh> all) {
    constexpr std::size_t kAhead = 32;
    LockedStripes locked(keyspace_);
    locked.lock_one(stripe);
    Shard& shard = locked.shard_at(stripe, db_);
    Status status = ok;
    for (std::size_t at = 0; at < all.size(); at += kAhead) {
      const auto window = all.subspan(at, std::min(kAhead, all.size() - at));
      for (const Fresh& fresh : window) shard.keys.prefetch_insert(fresh.hash);
      for (const Fresh& fresh : window) {
        if (put(shard, fresh)) continue;
        if (status) status = duplicated(*fresh.entry);
        Entry::destroy(fresh.entry);
      }
    }
    return status;
  }

  bool put(Shard& shard, const Fresh& fresh) {
    if (const EntryTable::Place place = shard.keys.find(fresh.entry->key(), fresh.hash)) {
      if (options_.present == Present::kRefuse) return false;
      take_out(shard, place, fresh.hash);
    }
    put_new(shard, fresh.entry, fresh.hash);
    ++counts.keys;
    return true;
  }

  static void take_out(Shard& shard, const EntryTable::Place& place, std::uint64_t hash) {
    auto* const old = static_cast<Entry*>(place.item().pointer);
    if (old->has_expiry()) shard.expires.erase(shard.expires.find(old->key(), hash), hash);
    if (old->has_member_expiry()) {
      shard.member_expires->erase(shard.member_expires->find(old->key(), hash), hash);
    }
    shard.keys.erase(place, hash);
    Entry::destroy(old);
  }

  Keyspace& keyspace_;
  File& file_;
  const RdbLoadOptions& options_;
  LoadDelay delay_;
  const std::uint32_t fresh_access_;
  unsigned db_ = 0;
  unsigned version_ = 0;
  ByteView input_;  // the block in memory
  Bytes name_;
  std::vector<Fresh> fresh_;  // decoded, not yet in the tables
  std::vector<Fresh> sorted_;
};

// The calling thread's part: goes through the file, and helps when the others have enough to do.
class ParallelLoader final : private RdbBlockEvents {
 public:
  ParallelLoader(Keyspace& keyspace, File& file, const RdbLoadOptions& options)
      : keyspace_(keyspace), file_(file), options_(options), own_(keyspace, file, options) {}

  Result<RdbLoaded> load() {
    auto size = file_.size();
    if (!size) return size.error();
    size_ = *size;
    for (unsigned i = 1; i < std::clamp(options_.threads, 1U, kThreadsMax); ++i) {
      helpers_.push_back(std::make_unique<KeyLoader>(keyspace_, file_, options_));
      threads_.emplace_back([this, i, &loader = *helpers_.back()] { help(loader, i); });
    }
    const RdbBlockOptions blocks{.checksum = options_.checksum, .block_bytes = kBlockBytes};
    Status status = read_rdb_blocks(file_, size_, blocks, *this);
    // What is still queued is loaded before the result is known, by this thread too.
    while (status) {
      std::optional<RdbBlock> block = take();
      if (!block) break;
      status = load_block(own_, std::move(*block));
    }
    end_helpers(!status);
    if (status && !failure_) status = std::move(failure_);
    if (!status) return std::move(status).error();
    add(own_.counts);
    for (const auto& helper : helpers_) add(helper->counts);
    return std::move(loaded_);
  }

 private:
  Status aux(ByteView name, ByteView value) override {
    std::uint64_t number = 0;
    const bool is_number = parse_digits(value, number);
    if (name == kAuxReplicationId) loaded_.replication_id = value;
    if (name == kAuxLsn && is_number) loaded_.lsn = number;
    if (name == "used-mem" && is_number && options_.used_memory) options_.used_memory(number);
    if (name == "redis-ver") log_notice("Loading RDB produced by version {}", value);
    if (name == "redis-bits" && value == "32") log_notice("RDB was written by a 32 bit server");
    return ok;
  }
  Status function(ByteView source) override {
    ++loaded_.functions;
    return options_.function ? options_.function(source) : Status(ok);
  }
  Status database(std::uint64_t index) override {
    db_ = static_cast<unsigned>(index);
    if (index < keyspace_.databases()) return ok;
    return Error(ErrorCode::kUnsupported,
                 fmt::format("FATAL: Data file was created with a server configured to handle "
                             "more than {} databases. Exiting", keyspace_.databases()));
  }

  void sizes(std::uint64_t keys, std::uint64_t expiring) override {
    const std::uint64_t most = size_ / kKeyBytesMin;
    for (unsigned i = 0; i < kStripes; ++i) {
      LockedStripes locked(keyspace_);
      locked.lock_one(i);
      Shard& shard = locked.shard_at(i, db_);
      shard.keys.reserve(std::min(keys, most) / kStripes);
      shard.expires.reserve(std::min(expiring, most) / kStripes);
    }
  }

  Status block(RdbBlock&& block) override {
    if (options_.stop && options_.stop->load(std::memory_order_relaxed)) {
      return Error(ErrorCode::kIo, "the server is stopping");
    }
    if (options_.progress) options_.progress(block.offset + block.bytes);
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) return std::move(failure_);
      if (!threads_.empty() && queued_bytes_ + block.capacity <= kQueuedBytes) {
        queued_bytes_ += block.capacity;
        queue_.push_back(std::move(block));
        ready_.notify_one();
        return ok;
      }
    }
    return load_block(own_, std::move(block));
  }

  std::unique_ptr<char[]> take_buffer(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    if (bytes > kBlockBytes || buffers_.empty()) return nullptr;
    auto buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  Status load_block(KeyLoader& loader, RdbBlock block) {
    Status status = loader.load(block);
    if (block.capacity == kBlockBytes) {
      const std::lock_guard lock(mutex_);
      buffers_.push_back(std::move(block.buffer));
    }
    return status;
  }

  std::optional<RdbBlock> take() {
    const std::lock_guard lock(mutex_);
    return take_locked();
  }
  std::optional<RdbBlock> take_locked() {
    if (queue_.empty()) return std::nullopt;
    RdbBlock block = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= block.capacity;
    return block;
  }

  void help(KeyLoader& loader, unsigned number) {
    name_thread("loader " + std::to_string(number));
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return !queue_.empty() || over_; });
      std::optional<RdbBlock> block = take_locked();
      if (!block) return;
      lock.unlock();
      Status status = load_block(loader, std::move(*block));
      lock.lock();
      if (!status && failure_) failure_ = std::move(status);
      if (!failure_) queue_.clear();
    }
  }

  void end_helpers(bool drop) {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      if (drop) queue_.clear();
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void add(const RdbLoaded& part) {
    loaded_.keys += part.keys;
    loaded_.expired += part.expired;
    loaded_.empty += part.empty;
  }

  Keyspace& keyspace_;
  File& file_;
  const RdbLoadOptions& options_;
  KeyLoader own_;
  std::vector<std::unique_ptr<KeyLoader>> helpers_;
  std::vector<std::thread> threads_;
  std::uint64_t size_ = 0;
  unsigned db_ = 0;
  RdbLoaded loaded_;

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<RdbBlock> queue_;
  std::size_t queued_bytes_ = 0;
  std::vector<std::unique_ptr<char[]>> buffers_;  // to be used again
  bool over_ = false;
  Status failure_{ok};
};

}  // namespace

Result<RdbLoaded> load_rdb(Keyspace& keyspace, File& file, const RdbLoadOptions& options) {
  return ParallelLoader(keyspace, file, options).load();
}

Status put_key(Keyspace& keyspace, unsigned db, Entry* entry) {
  const std::uint64_t hash = hash_in_memory(entry->key());
  LockedStripes locked(keyspace);
  locked.lock_one(stripe_of(hash));
  Shard& shard = locked.shard_at(stripe_of(hash), db);
  if (shard.keys.find(entry->key(), hash)) {
    Status twice = duplicated(*entry);
    Entry::destroy(entry);
    return twice;
  }
  put_new(shard, entry, hash);
  return ok;
}

unsigned loading_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax);
}

void empty_keyspace(Keyspace& keyspace, Scripting& scripting) {
  for (unsigned i = 0; i < kStripes; ++i) {
    LockedStripes locked(keyspace);
    locked.lock_one(i);
    for (unsigned db = 0; db < keyspace.databases(); ++db) free_entries(locked.shard_at(i, db));
  }
  LockedStripes locked(keyspace);
  StripeSet all;
  all.add_all();
  locked.lock(all);
  scripting.libraries.clear();
}

}  // namespace memoir
