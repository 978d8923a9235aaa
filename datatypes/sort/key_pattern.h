// KeyPattern: SORT's BY and GET, which come to the value of another key for every element.
//
//   "#"             the element itself
//   "weight_*"      the string under the key with the element in the place of the first star
//   "user_*->age"   the field of the hash under such a key
//
// A pattern without a star names nothing.
#pragma once

#include <optional>

#include "datatypes/hash/hash.h"
#include "src/base/bytes.h"
#include "src/command/context.h"

namespace memoir {

class KeyPattern {
 public:
  // `text` must outlive the pattern.
  explicit KeyPattern(ByteView text);

  bool is_element() const { return is_element_; }
  bool names_keys() const { return names_keys_; }

  // Calls visit(ByteView) with the value for an element; false if there is none. The view lasts for
  // the call.
  template <class F>
  bool with_value(Context& ctx, ByteView element, F&& visit) const;

 private:
  ByteView prefix_;
  ByteView suffix_;
  ByteView field_;  // no data: the key holds a string
  bool is_element_;
  bool names_keys_{false};
};

template <class F>
bool KeyPattern::with_value(Context& ctx, ByteView element, F&& visit) const {
  if (is_element_) {
    visit(element);
    return true;
  }
  if (!names_keys_) return false;
  Bytes key(prefix_);
  key.append(element).append(suffix_);
  const Entry* entry = ctx.db().lookup(key);
  if (!entry) return false;
  char scratch[kIntegerCharsMax];
  if (!field_.data()) {
    if (!entry->is_string()) return false;
    visit(string_view_of(*entry, scratch));
    return true;
  }
  if (entry->type() != TypeId::kHash) return false;
  const HashText value = static_cast<const Hash*>(entry->object())->find(field_);
  if (!value) return false;
  visit(value.text(scratch));
  return true;
}

}  // namespace memoir
