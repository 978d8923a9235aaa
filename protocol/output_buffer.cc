// Plain bytes and references are counted apart: plain byte number n that has references of r bytes
// in all before it is at position n + r.
#include "protocol/output_buffer.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace memoir {

void OutputBuffer::swap(OutputBuffer& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  std::swap(head_, other.head_);
  std::swap(tail_, other.tail_);
  std::swap(base_, other.base_);
  references_.swap(other.references_);
  std::swap(first_reference_, other.first_reference_);
  std::swap(referenced_, other.referenced_);
  std::swap(first_consumed_, other.first_consumed_);
  std::swap(gone_, other.gone_);
  std::swap(limit_, other.limit_);
  std::swap(overflowed_, other.overflowed_);
}

void OutputBuffer::reallocate_plain(std::size_t capacity) {
  char* fresh = static_cast<char*>(allocate(capacity));
  if (tail_ > head_) std::memcpy(fresh, data_ + head_, tail_ - head_);
  memoir::release(data_);
  data_ = fresh;
  capacity_ = usable_size(fresh);
  base_ += head_;
  tail_ -= head_;
  head_ = 0;
}

// Positions go on as if all had been sent.
void OutputBuffer::throw_away() {
  overflowed_ = true;
  while (first_reference_ < references_.size()) drop_first_reference();
  base_ += tail_;
  head_ = tail_ = 0;
}

void OutputBuffer::make_room(std::size_t bytes) {
  if (limit_ > 0 && size() + bytes > limit_) throw_away();
  const std::size_t used = tail_ - head_;
  // Moving is worth it if it leaves at least half the buffer free; else it would soon be repeated.
  if (used + bytes <= capacity_ / 2) {
    std::memmove(data_, data_ + head_, used);
    base_ += head_;
    tail_ = used;
    head_ = 0;
    return;
  }
  reallocate_plain(std::max({used + bytes, 2 * capacity_, kCapacityMin}));
}

void OutputBuffer::append_reference(SharedBytes bytes) {
  const std::size_t size = bytes.size();
  if (size == 0) return;
  if (limit_ > 0 && this->size() + size > limit_) return throw_away();
  if (first_reference_ >= 16 && first_reference_ >= references_.size() / 2) {
    references_.erase(references_.begin(),
                      references_.begin() + static_cast<std::ptrdiff_t>(first_reference_));
    first_reference_ = 0;
  }
  references_.push_back({std::move(bytes), 0, size, base_ + tail_});
  referenced_ += size;
}

void OutputBuffer::append_all(OutputBuffer&& other) {
  if (limit_ > 0 && size() + other.size() > limit_) return throw_away();
  if (empty() && other.size() > capacity_) {
    // Taking its contents over is cheaper than copying them. This one's positions go on.
    const std::uint64_t begin = begin_position();
    swap(other);
    std::swap(limit_, other.limit_);
    gone_ += begin - begin_position();
    return;
  }
  const std::uint64_t shift = base_ + tail_ - (other.base_ + other.head_);
  for (std::size_t i = other.first_reference_; i < other.references_.size(); ++i) {
    Reference& reference = other.references_[i];
    const std::size_t consumed = i == other.first_reference_ ? other.first_consumed_ : 0;
    references_.push_back({std::move(reference.bytes), reference.skip + consumed,
                           reference.size - consumed, reference.plain + shift});
    referenced_ += reference.size - consumed;
  }
  append(ByteView(other.data_ + other.head_, other.tail_ - other.head_));
  other.gone_ += other.referenced_;
  other.base_ += other.tail_;
  other.references_.clear();
  other.first_reference_ = other.referenced_ = other.first_consumed_ = 0;
  other.head_ = other.tail_ = 0;
}

OutputBuffer::Place OutputBuffer::find(std::uint64_t position) const {
  DEBUG_ASSERT(position >= begin_position() && position <= end_position());
  // Headers stand near the end, so the search goes backwards.
  std::uint64_t before = gone_ + referenced_;
  for (std::size_t i = references_.size(); i > first_reference_; --i) {
    const Reference& reference = references_[i - 1];
    const std::uint64_t end = reference.plain + before;
    if (position >= end) return {i, position - before, 0};
    before -= reference.size;
    const std::uint64_t begin = reference.plain + before;
    if (position > begin) {
      return {i - 1, reference.plain, static_cast<std::size_t>(position - begin)};
    }
  }
  return {first_reference_, position - before, 0};
}

void OutputBuffer::insert(std::uint64_t position, ByteView text) {
  if (overflowed_) return;
  ASSERT(position >= begin_position() && position <= end_position());
  const Place place = find(position);
  ASSERT(place.within == 0);
  reserve(text.size());
  const std::size_t at = static_cast<std::size_t>(place.plain - base_);
  std::memmove(data_ + at + text.size(), data_ + at, tail_ - at);
  std::memcpy(data_ + at, text.data(), text.size());
  tail_ += text.size();
  for (std::size_t i = place.references; i < references_.size(); ++i) {
    references_[i].plain += text.size();
  }
}

void OutputBuffer::truncate(std::uint64_t position) {
  if (overflowed_) return;
  ASSERT(position >= begin_position() && position <= end_position());
  const Place place = find(position);
  std::size_t keep = place.references;
  if (place.within > 0) {
    referenced_ -= references_[keep].size - place.within;
    references_[keep++].size = place.within;
  }
  for (std::size_t i = keep; i < references_.size(); ++i) referenced_ -= references_[i].size;
  references_.resize(keep);
  tail_ = static_cast<std::size_t>(place.plain - base_);
  // What is left of the first reference may all have been consumed before.
  if (first_consumed_ > 0 && first_consumed_ == references_[first_reference_].size) {
    drop_first_reference();
  }
}

std::size_t OutputBuffer::slices(std::span<Slice> slices, std::uint64_t limit_position) const {
  if (limit_position <= begin_position()) return 0;
  std::uint64_t left = std::min<std::uint64_t>(limit_position - begin_position(), size());
  std::size_t used = 0;
  std::size_t at = head_;
  std::size_t gone = first_consumed_;
  const auto give = [&](const char* data, std::size_t bytes) {
    const std::size_t taken = std::min<std::uint64_t>(bytes, left);
    if (taken == 0) return;
    slices[used++] = {data, taken};
    left -= taken;
  };
  for (std::size_t i = first_reference_; left > 0 && used < slices.size(); ++i) {
    const bool plain_only = i == references_.size();
    const std::size_t stop =
        plain_only ? tail_ : static_cast<std::size_t>(references_[i].plain - base_);
    give(data_ + at, stop - at);
    at = stop;
    if (plain_only) break;
    if (used == slices.size()) break;
    const Reference& reference = references_[i];
    give(reference.bytes.data() + reference.skip + gone, reference.size - gone);
    gone = 0;
  }
  return used;
}

void OutputBuffer::drop_first_reference() {
  Reference& first = references_[first_reference_];
  referenced_ -= first.size;
  gone_ += first.size;
  first_consumed_ = 0;
  first.bytes = SharedBytes();
  if (++first_reference_ == references_.size()) {
    references_.clear();
    first_reference_ = 0;
  }
}

void OutputBuffer::consume(std::size_t bytes) {
  ASSERT(bytes <= size());
  while (bytes > 0) {
    const bool has_reference = first_reference_ < references_.size();
    const std::size_t plain_stop =
        has_reference ? static_cast<std::size_t>(references_[first_reference_].plain - base_)
                      : tail_;
    const std::size_t plain = std::min(bytes, plain_stop - head_);
    head_ += plain;
    bytes -= plain;
    if (bytes == 0 || !has_reference) break;
    const std::size_t size = references_[first_reference_].size;
    const std::size_t taken = std::min(bytes, size - first_consumed_);
    first_consumed_ += taken;
    bytes -= taken;
    if (first_consumed_ == size) drop_first_reference();
  }
  if (head_ == tail_ && references_.empty()) {
    base_ += head_;
    head_ = tail_ = 0;
  }
}

Bytes OutputBuffer::flatten() const {
  Bytes out;
  out.reserve(size());
  std::size_t at = head_;
  std::size_t gone = first_consumed_;
  for (std::size_t i = first_reference_; i < references_.size(); ++i) {
    const Reference& reference = references_[i];
    const std::size_t stop = static_cast<std::size_t>(reference.plain - base_);
    out.append(data_ + at, stop - at);
    out.append(reference.bytes.data() + reference.skip + gone, reference.size - gone);
    at = stop;
    gone = 0;
  }
  if (tail_ > at) out.append(data_ + at, tail_ - at);
  return out;
}

void OutputBuffer::shrink() {
  if (references_.empty()) references_.shrink_to_fit();
  const std::size_t used = tail_ - head_;
  if (used == 0 && references_.empty()) {
    base_ += head_;
    head_ = tail_ = capacity_ = 0;
    memoir::release(std::exchange(data_, nullptr));
  } else if (capacity_ > 4 * used + kCapacityMin) {
    reallocate_plain(used + kCapacityMin);
  }
}

}  // namespace memoir
