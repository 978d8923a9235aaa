#include "src/store/record_buffer.h"

namespace memoir {

void RecordBuffer::add(const Entry& entry, const RdbEntryStyle& style) {
  note(rdb_type_of(entry));
  save_key(entry, style, out_);
  ++keys_;
  if (entry.storage() == Storage::kShared && entry.bytes().size() >= kApartBytesMin) {
    apart_.push_back({out_.written().size(), entry.shared()});
    apart_bytes_ += entry.bytes().size();
    return;
  }
  save_value(entry, out_);
}

void RecordBuffer::add_head(const Entry& entry, const RdbEntryStyle& style) {
  note(rdb_type_of(entry));
  save_key(entry, style, out_);
  entry.object()->save_before_members(out_);
}

void RecordBuffer::move_to(RdbWriter& to) {
  const ByteView all = out_.written();
  std::size_t done = 0;
  for (const Apart& apart : apart_) {
    to.raw(all.substr(done, apart.at - done));
    to.string(apart.text.view());
    done = apart.at;
  }
  to.raw(all.substr(done));
  out_.clear();
  apart_.clear();
  apart_bytes_ = 0;
  keys_ = 0;
}

}  // namespace memoir
