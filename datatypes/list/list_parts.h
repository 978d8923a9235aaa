// ListParts: the nodes of a large list on their way into a snapshot (src/store/value_parts.h).
//
// It notes which nodes there are, in order, by where their contents lie. A node that is about to
// change or to go before its turn is copied; what becomes of the list's array does not matter. A
// large element alone in its node is shared instead.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "datatypes/list/list_nodes.h"
#include "src/base/bytes.h"
#include "src/store/value_parts.h"

namespace memoir {

class ListParts final : public ValueParts, public ListNodeObserver {
 public:
  explicit ListParts(ListNodes& nodes);
  ~ListParts() override;

  bool save_next(RdbWriter& out) override;
  void before_change(const ListNode& node) override;
  void before_end() override { nodes_ = nullptr; }

 private:
  struct Part {
    ByteView packed;      // where it lies in the list, or in `copy`
    SharedBytes plain;    // the large element of a plain node
    Bytes copy;           // of a node that has changed since
    bool is_safe = false;  // saved, or copied
  };

  ListNodes* nodes_;  // null: gone
  std::vector<Part> parts_;
  std::unordered_map<const char*, std::size_t> by_place_;  // packed ones not yet safe
  std::size_t next_{0};
};

}  // namespace memoir
