// Table: the hash table under the keyspace and under every large set, hash and sorted set.
//
// Made for little memory, no pauses and a stable scan order:
//
// - An item is a pointer of 48 bits with 8 spare bits for its owner ("aux", a length for
//   instance). A bucket is one cache line: a version and seven items, each with 8 bits of its hash
//   as a tag; the seventh place of a full bucket becomes a pointer to an overflow bucket (the idea
//   of Valkey 8.1's hashtable).
// - Buckets lie in segments of at most kBucketsMax; a directory maps the first bits of a hash to
//   segments (extendible hashing: Fagin 1979; Dash, VLDB 2020). A full segment splits alone, some
//   400 to 800 items: there is no rehash of the whole and no doubling of memory. The size of a
//   segment depends on the quarter of the hash space it lies in, so that quarters of the table
//   split at different times and memory grows evenly.
// - Within a segment buckets follow the hash as well, so a walk through the table is a walk
//   through hash space. A scan cursor is a place in hash space: it stays exact while the table
//   grows and shrinks.
//
// The table owns buckets, not items. Not thread-safe: whoever uses it holds the lock of its stripe.
// Pointers to buckets and items' places are valid until the next change of the table.
//
// Traits:  static ByteView key(TableItem);   static std::uint64_t hash(ByteView key);
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "src/base/alloc.h"
#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/prefetch.h"
#include "src/base/random.h"

namespace memoir {

// What a table stores: a pointer (48 bits) and 8 bits that belong to the table's user.
struct TableItem {
  void* pointer{nullptr};
  std::uint8_t aux{0};
  explicit operator bool() const { return pointer != nullptr; }
};

// One cache line. Bit 0 of `meta` tells that items[6] points to an overflow bucket; the upper 56
// bits are the version: the journal position of the last change to an item here (kept in the first
// bucket of a chain).
struct alignas(64) Bucket {
  static constexpr unsigned kItems = 7;
  static constexpr std::uint64_t kChained = 1;

  std::uint64_t meta;
  std::uint64_t items[kItems];

  bool chained() const { return (meta & kChained) != 0; }
  Bucket* next() const {
    return chained() ? reinterpret_cast<Bucket*>(items[kItems - 1]) : nullptr;
  }
  unsigned places() const { return chained() ? kItems - 1 : kItems; }
  std::uint64_t version() const { return meta >> 8; }
  void set_version(std::uint64_t version) { meta = (version << 8) | (meta & 0xff); }
};
static_assert(sizeof(Bucket) == 64);

// A stop of a walk through a table's buckets in the order of hash space.
struct TableStep {
  Bucket* home;
  std::uint64_t next;   // the cursor of the next bucket; 0: there is none
  unsigned behind;      // how many buckets lie behind it, without gaps, in its segment
};

// What a removal may do to the table. While versions of buckets are relied on it must not merge
// segments: a merged bucket has one version for what came from two.
enum class Shrink : bool { kNo, kYes };

// What adding an item is going to do to the buckets.
enum class Growth : std::uint8_t {
  kNone,
  kAligned,  // every new bucket covers a part of one that there is
  kOther,    // new buckets may cover parts of two
};

template <class Traits>
class Table {
 public:
  // Where an item lies: to read it, replace it, remove it or stamp its bucket.
  struct Place {
    Bucket* home{nullptr};  // the first bucket of the chain, which has the version
    std::uint64_t* word{nullptr};
    explicit operator bool() const { return word != nullptr; }
    TableItem item() const { return unpack(*word); }
  };

  Table() = default;
  ~Table() { release_segments(); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  // The whole table elsewhere; `other` is left empty.
  Table(Table&& other) noexcept
      : directory_(std::exchange(other.directory_, nullptr)), size_(std::exchange(other.size_, 0)),
        depth_(std::exchange(other.depth_, 0)) {}
  Table& operator=(Table&& other) noexcept {
    std::swap(directory_, other.directory_);
    std::swap(size_, other.size_);
    std::swap(depth_, other.depth_);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  Place find(ByteView key, std::uint64_t hash) const {
    if (size_ == 0) return {};
    Bucket* const home = bucket_of(hash);
    const std::uint64_t tag = tag_of(hash);
    for (Bucket* bucket = home; bucket; bucket = bucket->next()) {
      const unsigned places = bucket->places();
      for (unsigned i = 0; i < places; ++i) {
        const std::uint64_t word = bucket->items[i];
        if ((word & kTagMask) == tag && word != 0 && equal_bytes(Traits::key(unpack(word)), key)) {
          return {home, &bucket->items[i]};
        }
      }
    }
    return {};
  }

  // Adds an item whose key is not there. Returns its place.
  Place insert(TableItem item, std::uint64_t hash) {
    if (directory_ == nullptr) open();
    Segment* segment = segment_of(hash);
    if (segment->count >= capacity(segment->buckets)) segment = grow(hash);
    ++segment->count;
    ++size_;
    Bucket* const home = bucket_of(hash);
    return {home, put(home, pack(item) | tag_of(hash))};
  }

  // Before `items` items come: makes a table that never had one as large as growing would have made
  // it, so that none of them is moved. A hint: more may come, and fewer.
  void reserve(std::size_t items) {
    if (directory_ != nullptr || items == 0) return;
    unsigned depth[kQuarters];
    depth_ = 0;
    if (items > kReservedShare * capacity(kBucketsGrown) / 8) {
      for (unsigned quarter = 0; quarter < kQuarters; ++quarter) {
        depth[quarter] = reserved_depth(items, kBucketsGrown + quarter * 16);
        if (depth[quarter] > depth_) depth_ = depth[quarter];
      }
    }
    directory_ = static_cast<std::uint64_t*>(allocate(directory_size() * sizeof(std::uint64_t)));
    if (depth_ == 0) {
      std::uint32_t buckets = 1;
      while (kReservedShare * capacity(buckets) / 8 < items && buckets < kBucketsGrown) {
        buckets = buckets * 2 + 1;
      }
      directory_[0] = make_entry(make_segment(buckets), 0);
      return;
    }
    for (std::uint64_t at = 0; at < directory_size();) {
      const std::uint64_t hash = at << (64 - depth_);
      const unsigned own = depth[hash >> 62];
      set_entries(hash, own, make_segment(grown_buckets(hash, own)));
      at += std::uint64_t{1} << (depth_ - own);
    }
  }

  // Puts another item with the same key in the place of one.
  static void replace(const Place& place, TableItem item) {
    *place.word = pack(item) | (*place.word & kTagMask);
  }

  // Removes the item at `place`, whose key has `hash`. Returns it.
  TableItem erase(const Place& place, std::uint64_t hash, Shrink may_shrink = Shrink::kYes) {
    const TableItem item = place.item();
    take_out(place);
    Segment* segment = segment_of(hash);
    --segment->count;
    --size_;
    if (segment->count < capacity(segment->buckets) / 5 && may_shrink == Shrink::kYes) {
      shrink(hash);
    }
    return item;
  }

  // --- walking bucket by bucket, for those who look at versions
  // The bucket where `cursor` is (0: the first). The table must have had an item.
  TableStep step_at(std::uint64_t cursor) const {
    const std::uint64_t at = cursor << 16;
    const std::uint64_t entry = entry_of(at);
    const std::size_t index = bucket_index(entry, at);
    return {&segment_in(entry)->bucket(index), bucket_cursor(entry, at, index + 1),
            static_cast<unsigned>(buckets_of(entry) - index - 1)};
  }
  // The cursor's part of a hash: at or behind a bucket's own cursor if it belongs there.
  static std::uint64_t cursor_of(std::uint64_t hash) { return hash >> 16; }
  // Calls visit(TableItem) for the items of a bucket and its overflow buckets.
  template <class F>
  static void visit_bucket(Bucket* home, F&& visit) {
    visit_chain(home, visit);
  }
  // What insert() would do for this hash.
  Growth growth_at(std::uint64_t hash) const {
    if (directory_ == nullptr) return Growth::kNone;
    const std::uint64_t entry = entry_of(hash);
    const Segment* segment = segment_in(entry);
    if (segment->count < capacity(segment->buckets)) return Growth::kNone;
    return splits_aligned(entry, hash) ? Growth::kAligned : Growth::kOther;
  }
  // Whether whatever is added, all growth will be aligned.
  bool grows_aligned() const {
    if (directory_ == nullptr) return false;
    for (std::size_t i = 0; i < directory_size(); ++i) {
      if (!splits_aligned(directory_[i], hash_at(i))) return false;
    }
    return true;
  }
  // Calls visit(Bucket* home, std::uint64_t cursor) for all buckets of the segment of a hash.
  template <class F>
  void each_neighbour(std::uint64_t hash, F&& visit) const {
    const std::uint64_t entry = entry_of(hash);
    for (unsigned i = 0; i < buckets_of(entry); ++i) {
      visit(&segment_in(entry)->bucket(i), bucket_cursor(entry, hash, i));
    }
  }

  // The first bucket of a hash, which has the version; nullptr while the table has never had an
  // item.
  Bucket* home(std::uint64_t hash) const { return directory_ ? bucket_of(hash) : nullptr; }

  // Calls visit(TableItem) for every item. The table must not change meanwhile.
  template <class F>
  void for_each(F&& visit) const {
    each_segment([&](Segment* segment) {
      for (unsigned i = 0; i < segment->buckets; ++i) visit_chain(&segment->bucket(i), visit);
    });
  }

  // Visits the items of at least one bucket from `cursor` on and returns the next cursor, 0 at the
  // end. An item that stays in the table from the first call (cursor 0) to the last is visited at
  // least once, whatever else comes and goes. Cursors are less than 2^kCursorBits.
  static constexpr unsigned kCursorBits = 48;
  template <class F>
  std::uint64_t scan(std::uint64_t cursor, F&& visit) const {
    if (size_ == 0) return 0;
    const std::uint64_t start = cursor << 16;
    const std::uint64_t entry = entry_of(start);
    visit_chain(bucket_of(start), visit);
    return next_cursor(entry, start);
  }

  // A random item, every one equally likely (but for those in chains of more than three buckets).
  // The table must not be empty.
  TableItem random(Random& random) const {
    ASSERT(size_ > 0);
    while (true) {
      const std::uint64_t hash = random.next();
      const std::uint64_t entry = entry_of(hash);
      const std::uint64_t width = buckets_of(entry) << depth_of(entry);
      if (depth_ > 0 && random.below(kBucketsMax << depth_) >= width) continue;
      const TableItem item = nth_item(bucket_of(hash), random.below(kRandomPlaces));
      if (item) return item;
    }
  }

  // Some items at once, cheaply, from neighbouring buckets at a random place; may repeat over
  // calls. For sampling by eviction and expiry. Visits until visit() returns false or everything
  // was seen.
  template <class F>
  void sample(Random& random, F&& visit) const {
    if (size_ == 0) return;
    std::uint64_t cursor = random.next() >> 16;
    bool more = true;
    for (std::size_t seen = 0; more && seen < size_ * 2;) {
      cursor = scan(cursor, [&](TableItem item) {
        ++seen;
        if (more) more = visit(item);
      });
    }
  }

  // Brings in what insert() will touch.
  void prefetch_insert(std::uint64_t hash) const {
    if (directory_ == nullptr) return;
    const std::uint64_t entry = entry_of(hash);
    Segment* const segment = segment_in(entry);
    prefetch_line(segment);
    prefetch_line(&segment->bucket(bucket_index(entry, hash)));
  }

  // Brings the items that may match a hash into the cache; `bucket` is what home() gave. The bucket
  // itself should have been brought in before.
  static void prefetch_items(const Bucket* bucket, std::uint64_t hash) {
    if (!bucket) return;
    const std::uint64_t tag = tag_of(hash);
    for (unsigned i = 0; i < bucket->places(); ++i) {
      const std::uint64_t word = bucket->items[i];
      if ((word & kTagMask) == tag) prefetch_line(unpack(word).pointer);
    }
  }

  // Removes everything, calling visit(TableItem) for each item.
  template <class F>
  void clear(F&& visit) {
    for_each(visit);
    release_segments();
  }
  void clear() { release_segments(); }

  std::size_t memory_usage() const {
    std::size_t bytes = directory_ ? usable_size(directory_) : 0;
    each_segment([&](Segment* segment) {
      bytes += usable_size(segment);
      for (unsigned i = 0; i < segment->buckets; ++i) {
        for (Bucket* b = segment->bucket(i).next(); b; b = b->next()) bytes += sizeof(Bucket);
      }
    });
    return bytes;
  }

  // Checks every invariant; for tests and DEBUG commands. False if one is broken.
  bool verify() const;
  // The highest version of any bucket.
  std::uint64_t newest_version() const {
    std::uint64_t newest = 0;
    each_segment([&](Segment* segment) {
      for (unsigned i = 0; i < segment->buckets; ++i) {
        newest = std::max(newest, segment->bucket(i).version());
      }
    });
    return newest;
  }

 private:
  static constexpr std::uint64_t kPointerMask = (1ULL << 48) - 1;
  static constexpr std::uint64_t kTagMask = 0xffULL << 48;
  static constexpr std::uint64_t kPositionMask = ~0xffffULL;  // hash bits that decide the position
  static constexpr unsigned kBucketsGrown = 63;   // a full-size segment of the first quarter: 4 KB
  static constexpr std::uint64_t kBucketsMax = kBucketsGrown + 3 * 16;
  static constexpr unsigned kRandomPlaces = 3 * Bucket::kItems;
  static constexpr unsigned kQuarters = 4;      // of hash space
  static constexpr std::size_t kReservedShare = 7;  // eighths of a segment that reserve() counts on

  // Its header takes the line before the buckets.
  struct alignas(64) Segment {
    std::uint32_t count;
    std::uint32_t buckets;
    Bucket& bucket(std::size_t i) { return reinterpret_cast<Bucket*>(this + 1)[i]; }
  };
  static_assert(sizeof(Segment) == 64);

  // A directory entry: pointer to the segment | depth in the low 6 bits | bucket count in the upper
  // 16.
  static std::uint64_t make_entry(Segment* segment, unsigned depth) {
    return reinterpret_cast<std::uint64_t>(segment) | depth |
           (static_cast<std::uint64_t>(segment->buckets) << 48);
  }
  static unsigned depth_of(std::uint64_t entry) { return entry & 63; }
  static std::uint64_t buckets_of(std::uint64_t entry) { return entry >> 48; }
  static Segment* segment_in(std::uint64_t entry) {
    return reinterpret_cast<Segment*>(entry & kPointerMask & ~63ULL);
  }

  static std::uint64_t pack(TableItem item) {
    return reinterpret_cast<std::uint64_t>(item.pointer) |
           (static_cast<std::uint64_t>(item.aux) << 56);
  }
  static TableItem unpack(std::uint64_t word) {
    return {reinterpret_cast<void*>(word & kPointerMask), static_cast<std::uint8_t>(word >> 56)};
  }
  static std::uint64_t tag_of(std::uint64_t hash) { return (hash & 0xff00) << 40; }
  static std::size_t capacity(std::uint32_t buckets) {
    return buckets < 4 ? buckets * Bucket::kItems : buckets * Bucket::kItems * 15 / 16;
  }

  std::size_t directory_size() const { return std::size_t{1} << depth_; }
  std::size_t index_of(std::uint64_t hash) const { return (hash >> 1) >> (63 - depth_); }
  std::uint64_t entry_of(std::uint64_t hash) const { return directory_[index_of(hash)]; }
  Segment* segment_of(std::uint64_t hash) const { return segment_in(entry_of(hash)); }
  static std::size_t bucket_index(std::uint64_t entry, std::uint64_t hash) {
    const auto local = static_cast<unsigned __int128>((hash & kPositionMask) << depth_of(entry));
    return static_cast<std::size_t>((local * buckets_of(entry)) >> 64);
  }
  Bucket* bucket_of(std::uint64_t hash) const {
    const std::uint64_t entry = entry_of(hash);
    return &segment_in(entry)->bucket(bucket_index(entry, hash));
  }

  std::uint64_t hash_at(std::size_t index) const {
    return depth_ == 0 ? 0 : std::uint64_t{index} << (64 - depth_);
  }
  // Two segments of as many buckets as their former one: each of its buckets is cut in two.
  static bool splits_aligned(std::uint64_t entry, std::uint64_t hash) {
    const unsigned depth = depth_of(entry);
    return depth >= 2 && buckets_of(entry) == grown_buckets(hash, depth + 1);
  }

  static Segment* make_segment(std::uint32_t buckets) {
    auto* segment =
        static_cast<Segment*>(allocate_lines(sizeof(Segment) + buckets * sizeof(Bucket)));
    segment->buckets = buckets;
    return segment;
  }
  static void free_segment(Segment* segment) {
    for (unsigned i = 0; i < segment->buckets; ++i) {
      Bucket* bucket = segment->bucket(i).next();
      while (bucket) memoir::release(std::exchange(bucket, bucket->next()));
    }
    memoir::release(segment);
  }

  void open() {
    directory_ = static_cast<std::uint64_t*>(allocate(sizeof(std::uint64_t)));
    depth_ = 0;
    directory_[0] = make_entry(make_segment(1), 0);
  }

  void release_segments() {
    if (directory_ == nullptr) return;
    each_segment([](Segment* segment) { free_segment(segment); });
    memoir::release(directory_);
    directory_ = nullptr;
    depth_ = 0;
    size_ = 0;
  }

  template <class F>
  void each_segment(F&& visit) const {
    if (directory_ == nullptr) return;
    for (std::size_t i = 0; i < directory_size();) {
      const std::uint64_t entry = directory_[i];
      i += std::size_t{1} << (depth_ - depth_of(entry));
      visit(segment_in(entry));
    }
  }

  template <class F>
  static void visit_chain(Bucket* bucket, F&& visit) {
    for (; bucket; bucket = bucket->next()) {
      const unsigned places = bucket->places();
      for (unsigned i = 0; i < places; ++i) {
        if (bucket->items[i]) visit(unpack(bucket->items[i]));
      }
    }
  }

  static TableItem nth_item(Bucket* bucket, std::uint64_t n) {
    for (; bucket; n -= bucket->places(), bucket = bucket->next()) {
      if (n < bucket->places()) return bucket->items[n] ? unpack(bucket->items[n]) : TableItem{};
    }
    return {};
  }

  // Writes a packed word into the first free place of a chain, lengthening it if need be.
  static std::uint64_t* put(Bucket* bucket, std::uint64_t word) {
    while (true) {
      const unsigned places = bucket->places();
      for (unsigned i = 0; i < places; ++i) {
        if (bucket->items[i] == 0) {
          bucket->items[i] = word;
          return &bucket->items[i];
        }
      }
      if (!bucket->chained()) {
        auto* next = static_cast<Bucket*>(allocate_lines(sizeof(Bucket)));
        next->items[0] = bucket->items[Bucket::kItems - 1];
        bucket->items[Bucket::kItems - 1] = reinterpret_cast<std::uint64_t>(next);
        bucket->meta |= Bucket::kChained;
      }
      bucket = bucket->next();
    }
  }

  // Empties a place, filling the hole from the chain's last bucket; an overflow bucket left empty
  // goes.
  static void take_out(const Place& place) {
    Bucket* last = place.home;
    Bucket* before = nullptr;
    while (last->chained()) {
      before = last;
      last = last->next();
    }
    unsigned i = Bucket::kItems;
    while (i > 0 && last->items[i - 1] == 0) --i;
    if (before == nullptr) {
      *place.word = 0;
      return;
    }
    *place.word = last->items[i - 1];
    last->items[i - 1] = 0;
    if (i == 1) {
      before->items[Bucket::kItems - 1] = 0;
      before->meta &= ~Bucket::kChained;
      memoir::release(last);
    }
  }

  // The bucket count of a full-size segment that covers `hash` at `depth`.
  static std::uint32_t grown_buckets(std::uint64_t hash, unsigned depth) {
    return depth < 2 ? kBucketsGrown
                     : static_cast<std::uint32_t>(kBucketsGrown + ((hash >> 62) << 4));
  }

  // How deep a quarter must be for its part of `items` items to fit into segments of so many
  // buckets. Its segments are never larger than that part.
  static unsigned reserved_depth(std::size_t items, unsigned buckets) {
    unsigned depth = 2;
    while ((items >> depth) > kReservedShare * capacity(buckets) / 8) ++depth;
    return depth;
  }

  // Moves all items of a former segment, whose directory entry was `entry` where `hash` is, into
  // the segments that cover its part of hash space now.
  void move_items(std::uint64_t entry, std::uint64_t hash) {
    Segment* const from = segment_in(entry);
    for (unsigned i = 0; i < from->buckets; ++i) {
      prefetch_chain(i + 1 < from->buckets ? &from->bucket(i + 1) : nullptr);
      Bucket* const home = &from->bucket(i);
      if (home->version() != 0) carry_version(entry, hash, i, home->version());
      for (Bucket* bucket = home; bucket; bucket = bucket->next()) {
        const unsigned places = bucket->places();
        for (unsigned j = 0; j < places; ++j) {
          if (bucket->items[j]) move_item(bucket->items[j]);
        }
      }
    }
  }
  void move_item(std::uint64_t word) {
    const std::uint64_t hash = Traits::hash(Traits::key(unpack(word)));
    ++segment_of(hash)->count;
    put(bucket_of(hash), word);
  }
  // Whatever changed in a bucket, be it that its last item went, has changed in all that follow it.
  void carry_version(std::uint64_t entry, std::uint64_t hash, unsigned index,
                     std::uint64_t version) {
    const std::uint64_t begin = bucket_cursor(entry, hash, index);
    const std::uint64_t end = bucket_cursor(entry, hash, index + 1);
    std::uint64_t cursor = begin;
    do {
      const std::uint64_t at = cursor << 16;
      Bucket* const bucket = bucket_of(at);
      if (version > bucket->version()) bucket->set_version(version);
      cursor = next_cursor(entry_of(at), at);
    } while (cursor != 0 && (end == 0 || cursor < end));
  }
  static void prefetch_chain(Bucket* bucket) {
    if (!bucket) return;
    for (const std::uint64_t word : bucket->items) prefetch_line(unpack(word).pointer);
  }

  // Points all directory entries of the prefix that `hash` has at `depth` to `segment`.
  void set_entries(std::uint64_t hash, unsigned depth, Segment* segment) {
    const std::size_t span = std::size_t{1} << (depth_ - depth);
    const std::size_t first = index_of(hash) & ~(span - 1);
    for (std::size_t i = 0; i < span; ++i) directory_[first + i] = make_entry(segment, depth);
  }

  void double_directory() {
    const std::size_t old_size = directory_size();
    auto* grown =
        static_cast<std::uint64_t*>(allocate(2 * old_size * sizeof(std::uint64_t)));
    for (std::size_t i = 0; i < old_size; ++i) grown[2 * i] = grown[2 * i + 1] = directory_[i];
    memoir::release(directory_);
    directory_ = grown;
    ++depth_;
  }

  // Enlarges or splits the full segment of `hash`; returns the one that now covers it.
  Segment* grow(std::uint64_t hash) {
    const std::uint64_t entry = entry_of(hash);
    Segment* const old = segment_in(entry);
    const unsigned depth = depth_of(entry);
    if (old->buckets < kBucketsGrown) {
      set_entries(hash, depth, make_segment(old->buckets * 2 + 1));
    } else {
      if (depth == depth_) double_directory();
      const std::uint64_t half = 1ULL << (63 - depth);
      set_entries(hash & ~half, depth + 1, make_segment(grown_buckets(hash & ~half, depth + 1)));
      set_entries(hash | half, depth + 1, make_segment(grown_buckets(hash | half, depth + 1)));
    }
    move_items(entry, hash);
    free_segment(old);
    return segment_of(hash);
  }

  // Merges the sparse segment of `hash` with its sibling, or makes the only one smaller.
  void shrink(std::uint64_t hash) {
    const std::uint64_t entry = entry_of(hash);
    Segment* const old = segment_in(entry);
    const unsigned depth = depth_of(entry);
    if (depth == 0) {
      if (old->buckets == 1) return;
      const std::uint32_t smaller = old->buckets > kBucketsGrown ? kBucketsGrown : old->buckets / 2;
      set_entries(hash, 0, make_segment(smaller));
      move_items(entry, hash);
      free_segment(old);
      return;
    }
    const std::uint64_t half = 1ULL << (64 - depth);
    const std::uint64_t sibling_entry = entry_of(hash ^ half);
    Segment* const sibling = segment_in(sibling_entry);
    const std::uint32_t merged = grown_buckets(hash, depth - 1);
    if (depth_of(sibling_entry) != depth ||
        old->count + sibling->count > capacity(merged) / 2) {
      return;
    }
    set_entries(hash & ~half, depth - 1, make_segment(merged));
    move_items(entry, hash);
    move_items(sibling_entry, hash ^ half);
    free_segment(old);
    free_segment(sibling);
    halve_directory();
  }

  void halve_directory() {
    while (depth_ > 0) {
      for (std::size_t i = 0; i < directory_size(); ++i) {
        if (depth_of(directory_[i]) == depth_) return;
      }
      --depth_;
      for (std::size_t i = 0; i < directory_size(); ++i) directory_[i] = directory_[2 * i];
      directory_ = static_cast<std::uint64_t*>(
          reallocate(directory_, directory_size() * sizeof(std::uint64_t)));
    }
  }

  // The place in hash space where the bucket after that of `hash` begins, as a cursor.
  static std::uint64_t next_cursor(std::uint64_t entry, std::uint64_t hash) {
    return bucket_cursor(entry, hash, bucket_index(entry, hash) + 1);
  }
  // The same for bucket `index` of the segment that `entry` and `hash` mean; one behind the last
  // gives the next segment, or 0 at the end of hash space.
  static std::uint64_t bucket_cursor(std::uint64_t entry, std::uint64_t hash,
                                     std::uint64_t index) {
    const unsigned depth = depth_of(entry);
    const std::uint64_t buckets = buckets_of(entry);
    const std::uint64_t prefix = depth == 0 ? 0 : hash >> (64 - depth) << (64 - depth);
    if (index == buckets) {
      const std::uint64_t span = std::uint64_t{1} << (48 - depth);
      return ((prefix >> 16) + span) & ((1ULL << kCursorBits) - 1);
    }
    // The smallest multiple of 2^(16+depth) in local hash space that falls into the bucket.
    const auto local_start = (static_cast<unsigned __int128>(index) << 64) + buckets - 1;
    const auto local = static_cast<std::uint64_t>(local_start / buckets);
    const std::uint64_t unit = 1ULL << (16 + depth);
    return (prefix >> 16) + (local >> (16 + depth)) + ((local & (unit - 1)) != 0 ? 1 : 0);
  }

  std::uint64_t* directory_{nullptr};
  std::size_t size_{0};
  unsigned depth_{0};  // of the directory: it has 2^depth_ entries
};

template <class Traits>
bool Table<Traits>::verify() const {
  std::size_t total = 0;
  bool sound = true;
  each_segment([&](Segment* segment) {
    std::size_t count = 0;
    for (unsigned i = 0; i < segment->buckets; ++i) {
      visit_chain(&segment->bucket(i), [&](TableItem item) {
        ++count;
        const std::uint64_t hash = Traits::hash(Traits::key(item));
        sound = sound && segment_of(hash) == segment && bucket_of(hash) == &segment->bucket(i);
        if (!sound) return;
        const Place place = find(Traits::key(item), hash);  // nobody else has its key
        sound = place && place.item().pointer == item.pointer;
      });
    }
    sound = sound && count == segment->count;
    total += count;
  });
  return sound && total == size_;
}

}  // namespace memoir
