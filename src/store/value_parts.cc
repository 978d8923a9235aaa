#include "src/store/value_parts.h"

namespace memoir {

bool TableParts::save_next(RdbWriter& out) {
  const TableStep step = object_.members_at(cursor_);
  if (step.home->version() < mark_) object_.save_members(step.home, out);
  cursor_ = step.next;
  return cursor_ != 0;
}

void TableParts::before_change(Bucket* home, std::uint64_t hash) {
  if (home->version() >= mark_ || (hash >> 16) < cursor_) return;
  object_.save_members(home, early_.early());
  home->set_version(mark_);
}

}  // namespace memoir
