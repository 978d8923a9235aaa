// What a connection has still to send: bytes in one growing buffer, and large values by reference.
//
// Replies are appended; the connection takes them as scatter-gather slices, writes what the socket
// accepts and drops that from the front. A position counts the bytes ever appended, so it stays
// valid while bytes leave. Not thread-safe: owned by the worker of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "src/base/bytes.h"

namespace memoir {

class OutputBuffer {
 public:
  // Bulk strings of at least this many bytes are kept by reference when the caller owns a
  // SharedBytes.
  static constexpr std::size_t kReferenceBytesMin = 16 * 1024;

  OutputBuffer() = default;
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  OutputBuffer(OutputBuffer&& other) noexcept { swap(other); }
  OutputBuffer& operator=(OutputBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~OutputBuffer() { memoir::release(data_); }

  // Room for `bytes` more; write there and call commit() with the number written.
  char* reserve(std::size_t bytes) {
    if (__builtin_expect(capacity_ - tail_ < bytes, 0)) make_room(bytes);
    return data_ + tail_;
  }
  void commit(std::size_t bytes) { tail_ += bytes; }
  void append(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    tail_ += bytes.size();
  }
  // The contents without copying them; counts towards size().
  void append_reference(SharedBytes bytes);
  // Moves all of `other` behind this one's bytes; `other` is then empty.
  void append_all(OutputBuffer&& other);

  // Bytes not yet consumed, references included.
  std::size_t size() const { return tail_ - head_ + referenced_ - first_consumed_; }
  bool empty() const { return size() == 0; }
  // Of these the plain ones; and how many references there are.
  std::size_t plain_bytes() const { return tail_ - head_; }
  std::size_t references() const { return references_.size() - first_reference_; }
  // The room for plain bytes.
  std::size_t capacity() const { return capacity_; }

  // From about this many bytes on what is appended is thrown away: nobody is going to get it. 0: no
  // limit.
  void set_limit(std::size_t bytes) { limit_ = bytes; }
  // Whether that happened. Nothing in the buffer means anything any more.
  bool overflowed() const { return overflowed_; }

  // Bytes ever appended: the position of the next byte.
  std::uint64_t end_position() const { return base_ + tail_ + gone_ + referenced_; }
  std::uint64_t begin_position() const { return base_ + head_ + gone_ + first_consumed_; }

  // Inserts `text` at `position` (of bytes not yet consumed, within the part appended by the
  // running command, not inside a reference); what follows moves. For headers whose count is known
  // only afterwards.
  void insert(std::uint64_t position, ByteView text);
  // Forgets everything from `position` on.
  void truncate(std::uint64_t position);

  // Fills `slices` with what may leave first, up to `limit_position`; returns how many slices were
  // used.
  struct Slice {
    const char* data;
    std::size_t size;
  };
  std::size_t slices(std::span<Slice> slices, std::uint64_t limit_position) const;
  // Drops `bytes` from the front (they are sent).
  void consume(std::size_t bytes);

  // All bytes in one string; for tests and in-process callers.
  Bytes flatten() const;
  // A large value counts whole, whoever shares it.
  std::size_t memory_usage() const {
    return usable_size(data_) + references_.capacity() * sizeof(Reference) + referenced_;
  }
  // Gives memory back after a burst.
  void shrink();

 private:
  // A large value among the plain bytes: it stands before plain byte number `plain`.
  struct Reference {
    SharedBytes bytes;
    std::size_t skip;  // where in `bytes` it begins
    std::size_t size;
    std::uint64_t plain;
  };
  // Where a position falls: how many of the references lie before it, and how many plain bytes.
  struct Place {
    std::size_t references;
    std::uint64_t plain;
    std::size_t within;  // of the reference at `references`, 0 unless the position is inside it
  };

  static constexpr std::size_t kCapacityMin = 1024;

  void swap(OutputBuffer& other) noexcept;
  void make_room(std::size_t bytes);
  void reallocate_plain(std::size_t capacity);
  void throw_away();
  void drop_first_reference();
  Place find(std::uint64_t position) const;

  // The plain bytes are data_[head_, tail_).
  char* data_{nullptr};
  std::size_t capacity_{0};
  std::size_t head_{0};
  std::size_t tail_{0};
  // The number of the plain byte data_[0]: how many plain bytes were appended before it.
  std::uint64_t base_{0};
  // The references not yet wholly consumed start at first_reference_; their sizes add up to
  // referenced_, of which first_consumed_ bytes of the first have left; gone_ adds up those before.
  std::vector<Reference> references_;
  std::size_t first_reference_{0};
  std::size_t referenced_{0};
  std::size_t first_consumed_{0};
  std::uint64_t gone_{0};
  std::size_t limit_{0};
  bool overflowed_{false};
};

}  // namespace memoir
