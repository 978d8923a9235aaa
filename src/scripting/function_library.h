// Libraries: the function libraries of the server, as FUNCTION LOAD brought them. Shared by all
// workers.
//
// Texts and names only: each engine runs a library's text for itself before the first call of one
// of its functions. Function names are unique over all libraries, in any case. Used and changed
// only while all stripes are locked; the counts are for any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

struct Library;

struct Function {
  Bytes name;
  std::optional<Bytes> description;
  std::uint32_t flags = 0;  // ScriptFlag
  Library* library = nullptr;
};

struct Library {
  Bytes name;
  Bytes payload;           // with its first line
  std::size_t head_bytes;  // of that line
  std::map<Bytes, Function, std::less<>> functions;
};
using LibraryPointer = std::shared_ptr<Library>;

class Libraries {
 public:
  enum class OnCollision : std::uint8_t { kRefuse, kReplace };

  const Library* find(ByteView name) const;
  // By name in any case; null if there is none. Valid until the next change.
  const Function* find_function(ByteView name) const;
  // Whether `library` may come: its name is new or to be replaced, its functions are nobody else's.
  Status admits(const Library& library, OnCollision on_collision) const;
  // Puts a library that is admitted in place of one of its name.
  void put(LibraryPointer library);
  bool remove(ByteView name);
  void clear();
  // All of `others` or none of them.
  Status join(std::vector<LibraryPointer> others, OnCollision on_collision);
  // Calls visit(const Library&) in the order of names.
  template <class F>
  void each(F&& visit) const {
    for (const auto& [name, library] : by_name_) visit(*library);
  }
  bool owns(const Library* library) const;
  LibraryPointer share(const Library& library) const;

  // Grows with every change.
  std::uint64_t version() const { return version_; }
  // Any thread.
  std::size_t library_count() const { return library_count_.load(std::memory_order_relaxed); }
  std::size_t function_count() const { return function_count_.load(std::memory_order_relaxed); }
  std::size_t memory_usage() const { return memory_.load(std::memory_order_relaxed); }

 private:
  void link(LibraryPointer library);
  void changed();

  std::map<Bytes, LibraryPointer, std::less<>> by_name_;
  std::map<Bytes, Function*, std::less<>> functions_;  // by lower-case name
  std::uint64_t version_{0};
  std::atomic<std::size_t> library_count_{0};
  std::atomic<std::size_t> function_count_{0};
  std::atomic<std::size_t> memory_{0};
};

// FUNCTION DUMP's payload, as an RDB file holds libraries:
//
//   dump     := (0xf5 payload)*  version:u16 = 11  crc64 of all before:u64     little-endian
//   payload  := length text                                     an RDB string
Bytes dump_libraries(const Libraries& libraries);

// The libraries' texts in a payload of FUNCTION DUMP, Redis's included. The error is the reply.
Result<std::vector<Bytes>> read_library_dump(ByteView dump);

}  // namespace memoir
