#include "datatypes/list/list_parts.h"

namespace memoir {
namespace {

// As in list_rdb.cc.
constexpr std::uint64_t kPlain = 1;
constexpr std::uint64_t kPacked = 2;

}  // namespace

ListParts::ListParts(ListNodes& nodes) : nodes_(&nodes) {
  const ListNodes& now = nodes;
  parts_.resize(now.size());
  by_place_.reserve(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    parts_[i].plain = now[i].plain;
    if (now[i].is_plain()) continue;
    parts_[i].packed = now[i].pack.bytes();
    by_place_[parts_[i].packed.data()] = i;
  }
  nodes.set_observer(this);
}

ListParts::~ListParts() {
  if (nodes_) nodes_->set_observer(nullptr);
}

bool ListParts::save_next(RdbWriter& out) {
  Part& part = parts_[next_];
  out.length(part.plain ? kPlain : kPacked);
  out.string(part.plain ? part.plain.view() : part.packed);
  if (!part.is_safe && !part.plain) by_place_.erase(part.packed.data());
  part = Part{.packed = {}, .plain = {}, .copy = {}, .is_safe = true};
  return ++next_ < parts_.size();
}

void ListParts::before_change(const ListNode& node) {
  if (node.is_plain()) return;
  const auto found = by_place_.find(node.pack.bytes().data());
  if (found == by_place_.end()) return;
  Part& part = parts_[found->second];
  part.copy = part.packed;
  part.packed = part.copy;
  part.is_safe = true;
  by_place_.erase(found);
}

}  // namespace memoir
