#include "datatypes/hash/hash_field.h"

#include "src/base/alloc.h"

namespace memoir {

// Writes the head and returns where it ends; a value kept apart gets its buffer here.
char* HashField::write_head(char* block, ByteView value, const SharedBytes& owner) {
  if (value.size() <= kInlineMax) {
    *block = static_cast<char>(value.size());
    return block + 1;
  }
  if (value.size() < kApartBytesMin) {
    *block = static_cast<char>(kInlineWide);
    store(block + 1, static_cast<std::uint16_t>(value.size()));
    return block + 3;
  }
  *block = static_cast<char>(kApart);
  SharedBytes buffer = owner ? owner : SharedBytes::copy_of(value);
  store(block + 1, buffer.release());
  return block + 9;
}

TableItem HashField::make(ByteView field, ByteView value, const SharedBytes& owner) {
  const bool apart = value.size() >= kApartBytesMin;
  const bool long_field = field.size() >= kLongField;
  const std::size_t head = value.size() <= kInlineMax ? 1 : apart ? 9 : 3;
  const std::size_t bytes =
      head + (long_field ? 4 : 0) + field.size() + (apart ? 0 : value.size());
  char* const block = static_cast<char*>(allocate(bytes));
  char* at = write_head(block, value, owner);
  if (long_field) {
    store(at, static_cast<std::uint32_t>(field.size()));
    at += 4;
  }
  if (!field.empty()) std::memcpy(at, field.data(), field.size());
  if (!apart && !value.empty()) std::memcpy(at + field.size(), value.data(), value.size());
  return {block, long_field ? kLongField : static_cast<std::uint8_t>(field.size())};
}

TableItem HashField::copy(TableItem item) {
  return make(field(item), value(item), shared(item));
}

void HashField::destroy(TableItem item) {
  char* const block = static_cast<char*>(item.pointer);
  if (is_apart(block)) SharedBytes::adopt(load<void*>(block + 1));
  memoir::release(block);
}

TableItem HashField::with_value(TableItem item, ByteView value, const SharedBytes& owner) {
  char* const block = static_cast<char*>(item.pointer);
  const bool to_apart = value.size() >= kApartBytesMin;
  if (is_apart(block) && to_apart) {
    SharedBytes::adopt(load<void*>(block + 1));
    write_head(block, value, owner);
    return item;
  }
  const std::size_t head = value.size() <= kInlineMax ? 1 : 3;
  if (!is_apart(block) && !to_apart && head == head_bytes(block)) {
    const ByteView name = field(item);
    const auto at = static_cast<std::size_t>(name.data() + name.size() - block);
    const std::size_t usable = usable_size(block);
    if (at + value.size() <= usable && (at + value.size()) * 2 >= usable) {
      write_head(block, value, owner);
      if (!value.empty()) std::memcpy(block + at, value.data(), value.size());
      return item;
    }
  }
  const TableItem made = make(field(item), value, owner);
  destroy(item);
  return made;
}

std::size_t HashField::memory_usage(TableItem item) {
  const char* const block = static_cast<const char*>(item.pointer);
  return usable_size(block) + (is_apart(block) ? apart(block).allocated_bytes() : 0);
}

}  // namespace memoir
