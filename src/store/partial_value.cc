#include "src/store/partial_value.h"

namespace memoir {

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
