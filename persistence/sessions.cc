#include "persistence/sessions.h"

#include <utility>

namespace memoir {

std::uint32_t SessionTable::open(SessionInfo info, Lsn written) {
  std::lock_guard lock(mutex_);
  if (!closed_.empty() && closed_.front().position <= written) {
    const std::uint32_t id = closed_.front().id;
    closed_.pop_front();
    slots_[id - 1] = {.info = std::move(info), .declared_in = 0};
    return id;
  }
  slots_.push_back({.info = std::move(info), .declared_in = 0});
  return static_cast<std::uint32_t>(slots_.size());
}

void SessionTable::close(std::uint32_t id, Lsn position) {
  std::lock_guard lock(mutex_);
  closed_.push_back({.position = position, .id = id});
}

void SessionTable::declare(std::span<const FrameEntry> entries, std::uint64_t segment,
                           Bytes& out) {
  std::lock_guard lock(mutex_);
  std::uint32_t last = 0;
  for (const FrameEntry& entry : entries) {
    const std::uint32_t id = entry.session;
    if (id == last || id == 0 || id > slots_.size()) continue;
    last = id;
    Slot& slot = slots_[id - 1];
    if (slot.declared_in == segment) continue;
    slot.declared_in = segment;
    fresh_.push_back(id);
    append_session(out, {.id = id,
                         .user = slot.info.user,
                         .address = slot.info.address,
                         .client_name = slot.info.client_name});
  }
}

void SessionTable::undo() {
  std::lock_guard lock(mutex_);
  for (const std::uint32_t id : fresh_) slots_[id - 1].declared_in = 0;
  fresh_.clear();
}

}  // namespace memoir
