#include "src/store/partial_value.h"

#include "src/base/cycles.h"

namespace memoir {

bool PartialValue::gather(std::unique_ptr<RecordBuffer>& early, RecordBuffer& next,
                          std::uint64_t cycles) {
  std::swap(saved_, early);
  if (!object_) return false;
  const std::uint64_t began = cycles_now();
  while (parts_->save_next(next.members())) {
    if (cycles_now() - began > cycles) return true;
  }
  stop_watching();
  return false;
}

void PartialValue::finish() {
  if (!object_) return;
  while (parts_->save_next(saved_->members())) {
  }
  stop_watching();
}

void PartialValue::stop_watching() {
  parts_.reset();
  object_ = nullptr;
}

}  // namespace memoir
