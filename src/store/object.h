// Object: the value of a key, any type but the string (whose short values live in the entry
// itself).
//
// An object knows no key, client, clock or journal. Whoever uses it holds the lock of its stripe. A
// data type derives from it, gives it a TypeId and appears in datatypes/registry.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/store/rdb_format.h"

namespace memoir {

// The types, numbered as on disk; numbers are never reused. They agree with Redis's OBJ_* values.
enum class TypeId : std::uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSet = 3,
  kHash = 4,
  kStream = 6,
};

// No time at all, where a moment in Unix milliseconds is expected.
inline constexpr std::int64_t kNoExpiry = -1;
// What there is instead of a moment for a member that is not there.
inline constexpr std::int64_t kNoMember = -2;

// Moments at which members end are below this, as in Redis.
inline constexpr std::int64_t kMemberMomentMax = std::int64_t{1} << 46;

class EarlyParts;
class MemberObserver;
class RdbWriter;
class ValueParts;
struct Bucket;
struct TableStep;

// What verify() says of a value.
inline Status broken(std::string_view what) { return Error(ErrorCode::kCorrupt, Bytes(what)); }

class Object {
 public:
  virtual ~Object() = default;
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  virtual TypeId type() const = 0;
  // What OBJECT ENCODING reports: "listpack", "quicklist", "intset", "hashtable", "skiplist".
  virtual const char* encoding() const = 0;
  // How many elements; an object without any is removed with its key.
  virtual std::size_t size() const = 0;
  // Bytes of its allocations, itself included. May estimate by sampling `samples` elements (0:
  // all).
  virtual std::size_t memory_usage(std::size_t samples) const = 0;
  // How much of memory_usage(0) it may have in common with copies of it: large elements.
  virtual std::size_t shareable_bytes() const { return 0; }
  virtual std::unique_ptr<Object> copy() const = 0;
  // Allocations that freeing it takes, roughly: large ones are freed in the background.
  virtual std::size_t free_effort() const = 0;
  // Adds the value's contents to DEBUG DIGEST: calls `element` for parts in order (ordered types),
  // or for whole elements whose digests are xored (unordered types), as Redis's xorObjectDigest
  // does.
  virtual void digest(class DigestSink& sink) const = 0;
  // How the value is written in the RDB format: the lowest type that holds it in its present
  // encoding, and then the value itself.
  virtual RdbType rdb_type() const = 0;
  virtual void save(RdbWriter& out) const = 0;
  // Looks at all of it: ok if every invariant of its present form holds, else what is wrong. The
  // limits for compact forms are none: CONFIG SET changes them under values that are there.
  virtual Status verify() const = 0;

  // --- saving in parts, while the value changes (value_parts.h)
  // Whether saving the value at once would take too long, and it can be saved in parts.
  virtual bool has_parts() const { return false; }
  // What stands before the parts.
  virtual void save_before_members(RdbWriter& out) const { (void)out; }
  // The parts of the value as it is now. What has versions has them below `mark`. `early` outlives
  // them.
  virtual std::unique_ptr<ValueParts> begin_parts(std::uint64_t mark, EarlyParts& early);
  // For values with members in a table (member_table.h) that only grows aligned: is told of every
  // bucket of members before it changes; null: nobody is.
  virtual void set_member_observer(MemberObserver* observer) { (void)observer; }
  virtual TableStep members_at(std::uint64_t cursor) const;
  // All members of a bucket. save_before_members() and then every bucket once, in any order, is
  // what save() writes.
  virtual void save_members(Bucket* home, RdbWriter& out) const { (void)home, (void)out; }

  // --- members that end
  // ----------------------------------------------------------------------------- Whether members
  // of this type of value may end; then it overrides all that follows.
  virtual bool members_may_end() const { return false; }
  // The earliest moment at which a member ends; kNoExpiry if none does.
  virtual std::int64_t earliest_member_ms() const { return kNoExpiry; }
  // Whether all members end before `now_ms`.
  virtual bool has_ended(std::int64_t now_ms) const {
    (void)now_ms;
    return false;
  }
  // When a member ends: kNoExpiry if it does not, kNoMember if it is not there.
  virtual std::int64_t member_ms(ByteView member) const {
    (void)member;
    return kNoMember;
  }
  // Sets (kNoExpiry: removes) the moment at which a member that is there ends.
  virtual void set_member_ms(ByteView member, std::int64_t ms) { (void)member, (void)ms; }
  // Removes a member that is there.
  virtual void remove_member(ByteView member) { (void)member; }
  // Removes members that end before `now_ms`, the earliest first and at most `most`, and appends
  // them to `ended`.
  virtual void expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) {
    (void)now_ms, (void)most, (void)ended;
  }
};

// Receives what makes a value what it is, independent of encoding and insertion order.
class DigestSink {
 public:
  virtual ~DigestSink() = default;
  virtual void ordered(ByteView part) = 0;                              // mixDigest
  virtual void unordered(std::span<const ByteView> element_parts) = 0;  // xorDigest of mixed parts
  // The same for an element that ends.
  virtual void ending(std::span<const ByteView> element_parts) { unordered(element_parts); }
};

}  // namespace memoir
