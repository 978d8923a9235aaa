#include "datatypes/sort/key_pattern.h"

namespace memoir {

KeyPattern::KeyPattern(ByteView text) : is_element_(text == "#") {
  const std::size_t star = text.find('*');
  if (star == ByteView::npos) return;
  names_keys_ = true;
  prefix_ = text.substr(0, star);
  suffix_ = text.substr(star + 1);
  const std::size_t arrow = suffix_.find("->");
  if (arrow == ByteView::npos || arrow + 2 == suffix_.size()) return;
  field_ = suffix_.substr(arrow + 2);
  suffix_ = suffix_.substr(0, arrow);
}

}  // namespace memoir
