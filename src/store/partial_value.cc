#include "src/store/partial_value.h"

#include "src/base/cycles.h"

namespace memoir {

// Saves the bucket at the cursor. False if it was the last.
bool PartialValue::save_next(RdbWriter& out) {
  const TableStep step = object_->members_at(cursor_);
  if (step.home->version() < mark_) save(step.home, out);
  cursor_ = step.next;
  return cursor_ != 0;
}

bool PartialValue::gather(std::unique_ptr<RecordBuffer>& into, std::uint64_t cycles) {
  std::swap(saved_, into);
  if (!object_) return false;
  const std::uint64_t began = cycles_now();
  while (save_next(into->members())) {
    if (cycles_now() - began > cycles) return true;
  }
  stop_watching();
  return false;
}

void PartialValue::finish() {
  if (!object_) return;
  while (save_next(saved_->members())) {
  }
  stop_watching();
}

void PartialValue::abandon() {
  if (object_) stop_watching();
}

void PartialValue::stop_watching() {
  object_->set_member_observer(nullptr);
  object_ = nullptr;
}

}  // namespace memoir
