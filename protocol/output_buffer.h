// What a connection has still to send: bytes in one growing buffer, and large values by reference.
//
// Replies are appended; the connection takes them as scatter-gather slices, writes what the socket accepts and
// drops that from the front. A position counts the bytes ever appended, so it stays valid while bytes
// leave. Not thread-safe: owned by the worker of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "src/base/bytes.h"

namespace memoir {

class OutputBuffer {
 public:
  // Bulk strings of at least this many bytes are kept by reference when the caller owns a SharedBytes.
  static constexpr std::size_t kReferenceBytesMin = 16 * 1024;

  OutputBuffer() = default;
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  OutputBuffer(OutputBuffer&&) noexcept;
  OutputBuffer& operator=(OutputBuffer&&) noexcept;
  ~OutputBuffer();

  // Room for `bytes` more; write there and call commit() with the number written.
  char* reserve(std::size_t bytes);
  void commit(std::size_t bytes);
  void append(ByteView bytes);
  // The contents without copying them; counts towards size().
  void append_reference(SharedBytes bytes);
  // Moves all of `other` behind this one's bytes.
  void append_all(OutputBuffer&& other);

  // Bytes not yet consumed, references included.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  // Bytes ever appended: the position of the next byte.
  std::uint64_t end_position() const;
  std::uint64_t begin_position() const;

  // Inserts `text` at `position` (of bytes not yet consumed, within the part appended by the running
  // command); what follows moves. For headers whose count is known only afterwards.
  void insert(std::uint64_t position, ByteView text);
  // Forgets everything from `position` on.
  void truncate(std::uint64_t position);

  // Fills `slices` with what may leave first, up to `limit_position`; returns how many slices were used.
  struct Slice {
    const char* data;
    std::size_t size;
  };
  std::size_t slices(std::span<Slice> slices, std::uint64_t limit_position) const;
  // Drops `bytes` from the front (they are sent).
  void consume(std::size_t bytes);

  // All bytes in one string; for tests and in-process callers.
  Bytes flatten() const;
  std::size_t memory_usage() const;
  // Gives memory back after a burst.
  void shrink();
};

}  // namespace memoir
