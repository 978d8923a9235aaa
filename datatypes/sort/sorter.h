// Sorter: the elements of a list, set or sorted set, brought into order.
//
// Elements are copied when they are taken in, so that the keys their patterns lead to may be looked
// up meanwhile. The order is total: what is equal stays as it came, and sets come in the order of
// their bytes where that shows, so that a replay stores what was stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/collation.h"

namespace memoir {

class Sorter {
 public:
  enum class By : std::uint8_t { kNumber, kBytes, kLocale };

  void reserve(std::size_t elements) { elements_.reserve(elements); }
  void add(ByteView element);
  std::size_t size() const { return elements_.size(); }
  ByteView element(std::size_t i) const { return text(elements_[i].at, elements_[i].size); }

  // What an element is sorted by, if not by itself. One without is less than all others, or counts
  // as 0. With kNumber false if the text is no number.
  void set_weight(std::size_t i, ByteView weight);
  void weigh_by_others() { by_others_ = true; }
  // Reads all weights (or elements) as numbers. False if one is none.
  bool read_numbers();

  // Before anything else is said about elements that came in no order.
  void put_in_byte_order();
  // Brings the elements that belong from `first` to before `end` there.
  void sort(By by, bool descending, const Collation* collation, std::size_t first, std::size_t end);

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Element {
    std::size_t at;  // in texts_
    std::size_t size;
    std::size_t weight_at = kNone;
    std::size_t weight_size = 0;
    std::size_t place = 0;  // as it came
    double number = 0;
  };
  ByteView text(std::size_t at, std::size_t size) const {
    return ByteView(texts_).substr(at, size);
  }
  std::size_t keep(ByteView text);
  int compare_texts(const Element& a, const Element& b, By by, const Collation* collation) const;
  int compare(const Element& a, const Element& b, By by, const Collation* collation) const;

  std::vector<Element> elements_;
  Bytes texts_;  // each followed by a zero byte
  bool by_others_{false};
};

}  // namespace memoir
