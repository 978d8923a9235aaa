// StringEdit: the guard around a change of a string value in place (APPEND, SETRANGE, INCR, ...).
//
// Short strings and integers live in the entry, longer ones in a SharedBytes; the guard moves the
// value between these forms. As with Edit, mark_changed() makes its end settle everything.
#pragma once

#include <optional>
#include <utility>

#include "src/store/database.h"

namespace memoir {

class StringEdit {
 public:
  StringEdit() = default;
  StringEdit(Database& db, ByteView key, std::uint64_t hash, Entry* entry, bool created)
      : db_(&db), key_(key), hash_(hash), entry_(entry), created_(created) {}
  StringEdit(StringEdit&& other) noexcept
      : db_(other.db_), key_(other.key_), hash_(other.hash_),
        entry_(std::exchange(other.entry_, nullptr)), event_(other.event_),
        changes_(other.changes_), created_(other.created_) {}
  StringEdit& operator=(StringEdit&&) = delete;
  ~StringEdit();

  explicit operator bool() const { return entry_ != nullptr; }
  bool created() const { return created_; }
  std::size_t size() const;
  // The integer value, if the string is a canonical integer.
  std::optional<std::int64_t> integer() const;
  // The bytes; an integer is written out to `scratch` (kIntegerCharsMax). Valid until the next
  // change.
  ByteView view(char* scratch) const;

  void set_integer(std::int64_t value);
  // Replaces the contents; the encoding is chosen as for SET.
  void assign(ByteView bytes);
  // The same, but bytes that are an integer's stay text (INCRBYFLOAT).
  void assign_text(ByteView bytes);
  // Appends; the encoding becomes raw, as Redis's does.
  void append(ByteView bytes);
  // Writes at `offset`, padding with zero bytes up to there.
  void write_at(std::size_t offset, ByteView bytes);
  // Makes room for `size` bytes (zero-padded) and gives them for direct changes (SETBIT, BITFIELD).
  char* grow_to(std::size_t size);
  // Makes the value raw and `size` bytes long, cut or filled up with anything, and gives them for
  // direct changes; one that has to move gets `slack` bytes of room ahead (HyperLogLogs).
  char* resize(std::size_t size, std::size_t slack);

  void mark_changed(const char* event) {
    event_ = event;
    ++changes_;
  }

 private:
  void exchange(Entry* fresh);
  char* grow_shared(std::size_t size);

  Database* db_{nullptr};
  ByteView key_;
  std::uint64_t hash_{0};
  Entry* entry_{nullptr};
  const char* event_{nullptr};
  std::uint64_t changes_{0};
  bool created_{false};
};

// The bytes of a string entry; an integer is written out to `scratch` (kIntegerCharsMax bytes).
ByteView string_view_of(const Entry& entry, char* scratch);
std::size_t string_size(const Entry& entry);

}  // namespace memoir
