// Edit<T>: the one guard around a change of a value.
//
// Its construction lets a snapshot or a rollback keep the pre-image; its end settles watchers,
// waiting clients, notifications, removal of a value left empty ("del"), the bucket's version and
// the count of changes. A guard on which mark_changed() was never called settles nothing; a key it
// created and left empty vanishes. A type with kMayBeEmpty keeps its empty values: only one that
// was created and left unchanged goes.
#pragma once

#include "src/store/database.h"

namespace memoir {

template <class T>
class Edit {
 public:
  Edit() = default;
  Edit(Database& db, ByteView key, std::uint64_t hash, T* value, bool created)
      : db_(&db), key_(key), hash_(hash), value_(value), created_(created) {}
  Edit(Edit&& other) noexcept
      : db_(other.db_), key_(other.key_), hash_(other.hash_),
        value_(std::exchange(other.value_, nullptr)), event_(other.event_),
        changes_(other.changes_), created_(other.created_), awaited_(other.awaited_) {}
  Edit& operator=(Edit&&) = delete;
  ~Edit() {
    if (value_) finish();
  }

  // Whether there is a value.
  explicit operator bool() const { return value_ != nullptr; }
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }
  bool created() const { return created_; }

  // Says that the value was changed, `count` times as INFO's changes count, under this event name
  // (a literal; nullptr: no notification).
  void mark_changed(const char* event, std::uint64_t count = 1) {
    event_ = event;
    changes_ += count;
  }
  // Says that the change is none that makes waiting requests go on.
  void wake_nobody() { awaited_ = false; }
  // Sets (kNoExpiry: removes) the time of a member that is there.
  void set_member_time(ByteView member, std::int64_t ms) {
    value_->set_member_ms(member, ms);
    if (ms != kNoExpiry) db_->list_member_expiry(key_, hash_);
  }
  // Settles now instead of at the end of scope.
  void close() {
    if (value_) finish();
    value_ = nullptr;
  }

 private:
  TypeId type() const {
    if constexpr (requires { T::kTypeId; }) {
      return T::kTypeId;
    } else {
      return value_->type();
    }
  }

  void finish() {
    const bool empty = is_to_go();
    if (changes_ > 0) {
      db_->add_changes(changes_);
      if (created_ && !empty) db_->notify(kEventNew, "new", key_);
      if (event_) db_->notify(event_class_of(type()), event_, key_);
      if (empty) {
        db_->drop(key_, hash_);
        if (!created_) db_->notify(kEventGeneric, "del", key_);
      }
      // Last: a removal may have moved the bucket that is to be stamped.
      db_->after_change(key_, hash_, awaited_);
    } else if (empty) {
      db_->drop(key_, hash_);
    }
  }

  bool is_to_go() const {
    if constexpr (requires { T::kMayBeEmpty; }) return created_ && changes_ == 0;
    else return value_->size() == 0;
  }

  Database* db_{nullptr};
  ByteView key_;
  std::uint64_t hash_{0};
  T* value_{nullptr};
  const char* event_{nullptr};
  std::uint64_t changes_{0};
  bool created_{false};
  bool awaited_{true};
};

template <class T>
Result<Edit<T>> Database::edit(ByteView key, IfMissing mode) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = lookup_to_change(key, hash);
  if (entry) {
    if (entry->type() != T::kTypeId) return Error(kWrongType);
    before_change(key, hash, entry);
    return Edit<T>(*this, key, hash, static_cast<T*>(entry->object()), false);
  }
  if (mode == IfMissing::kNone) return Edit<T>();
  before_creation(key, hash);
  auto value = std::make_unique<T>();
  T* const raw = value.get();
  insert(Entry::make_object(key, std::move(value)), hash);
  return Edit<T>(*this, key, hash, raw, true);
}

// A collection whose members may end, of whatever type.
inline Result<Edit<Object>> Database::edit_members(ByteView key) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = lookup_to_change(key, hash);
  if (!entry) return Edit<Object>();
  if (entry->is_string() || !entry->object()->members_may_end()) return Error(kWrongType);
  before_change(key, hash, entry);
  return Edit<Object>(*this, key, hash, entry->object(), false);
}

}  // namespace memoir
