#include "src/store/object.h"

#include "src/store/table.h"
#include "src/store/value_parts.h"

namespace memoir {

std::unique_ptr<ValueParts> Object::begin_parts(std::uint64_t mark, EarlyParts& early) {
  return std::make_unique<TableParts>(*this, mark, early);
}

TableStep Object::members_at(std::uint64_t) const { return {nullptr, 0, 0}; }

}  // namespace memoir
