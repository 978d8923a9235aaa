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

class RdbWriter;

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
};

// Receives what makes a value what it is, independent of encoding and insertion order.
class DigestSink {
 public:
  virtual ~DigestSink() = default;
  virtual void ordered(ByteView part) = 0;                              // mixDigest
  virtual void unordered(std::span<const ByteView> element_parts) = 0;  // xorDigest of mixed parts
};

}  // namespace memoir
