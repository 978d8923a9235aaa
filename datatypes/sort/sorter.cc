#include "datatypes/sort/sorter.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "src/base/number.h"

namespace memoir {
namespace {

// As strtod() reads it: blanks in front, "", "inf", "0x1p3"; up to a zero byte. `text` ends with
// one. False for what is beyond a double's range or more than a number.
bool read_number(const char* text, std::size_t size, double& number) {
  if (const auto integer = parse_integer({text, size})) {
    number = static_cast<double>(*integer);
    return true;
  }
  char* end = nullptr;
  errno = 0;
  number = std::strtod(text, &end);
  return *end == '\0' && errno != ERANGE && !std::isnan(number);
}

int sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

}  // namespace

std::size_t Sorter::keep(ByteView text) {
  const std::size_t at = texts_.size();
  texts_.append(text) += '\0';
  return at;
}

void Sorter::add(ByteView element) {
  elements_.push_back({.at = keep(element), .size = element.size()});
}

void Sorter::set_weight(std::size_t i, ByteView weight) {
  elements_[i].weight_at = keep(weight);
  elements_[i].weight_size = weight.size();
}

bool Sorter::read_numbers() {
  bool good = true;
  for (Element& each : elements_) {
    if (by_others_ && each.weight_at == kNone) continue;
    const std::size_t at = by_others_ ? each.weight_at : each.at;
    const std::size_t size = by_others_ ? each.weight_size : each.size;
    good = read_number(texts_.data() + at, size, each.number) && good;
  }
  return good;
}

void Sorter::put_in_byte_order() {
  std::sort(elements_.begin(), elements_.end(), [this](const Element& a, const Element& b) {
    return text(a.at, a.size) < text(b.at, b.size);
  });
}

int Sorter::compare_texts(const Element& a, const Element& b, By by,
                          const Collation* collation) const {
  std::size_t a_at = a.at;
  std::size_t b_at = b.at;
  ByteView a_text = text(a.at, a.size);
  ByteView b_text = text(b.at, b.size);
  if (by_others_) {
    if (a.weight_at == kNone || b.weight_at == kNone) {
      return int{b.weight_at == kNone} - int{a.weight_at == kNone};
    }
    a_at = a.weight_at;
    b_at = b.weight_at;
    a_text = text(a.weight_at, a.weight_size);
    b_text = text(b.weight_at, b.weight_size);
  }
  if (by == By::kBytes) return sign(a_text.compare(b_text));
  const char* const texts = texts_.data();
  return sign(collation ? collation->compare(texts + a_at, texts + b_at)
                        : std::strcmp(texts + a_at, texts + b_at));
}

int Sorter::compare(const Element& a, const Element& b, By by, const Collation* collation) const {
  if (by != By::kNumber) return compare_texts(a, b, by, collation);
  if (a.number != b.number) return a.number < b.number ? -1 : 1;
  return sign(text(a.at, a.size).compare(text(b.at, b.size)));
}

void Sorter::sort(By by, bool descending, const Collation* collation, std::size_t first,
                  std::size_t end) {
  for (std::size_t i = 0; i < elements_.size(); ++i) elements_[i].place = i;
  const auto precedes = [&](const Element& a, const Element& b) {
    const int order = compare(a, b, by, collation);
    if (order != 0) return descending ? order > 0 : order < 0;
    return a.place < b.place;
  };
  const auto at = [this](std::size_t i) {
    return elements_.begin() + static_cast<std::ptrdiff_t>(i);
  };
  const std::size_t size = elements_.size();
  if (first == 0 && end == size) return std::sort(at(0), at(size), precedes);
  if (first > 0) std::nth_element(at(0), at(first), at(size), precedes);
  std::partial_sort(at(first), at(end), at(size), precedes);
}

}  // namespace memoir
