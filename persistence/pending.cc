#include "persistence/pending.h"

#include "persistence/journal.h"

namespace memoir {

namespace {
constexpr ByteView kSelectZero = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
constexpr std::size_t kKeptBytes = 4UL << 20;
}  // namespace

std::size_t select_bytes(std::uint16_t db) {
  if (db == 0) return 0;
  // "0" became the digits of db in the first of two SELECTs.
  const std::size_t digits = 1U + (db > 9) + (db > 99) + (db > 999) + (db > 9999);
  return 2 * kSelectZero.size() - 1 + digits;
}

std::size_t Journal::record_bytes(const Record& record) {
  std::size_t bytes = record.words.size();
  for (ByteView piece : record.more) bytes += piece.size();
  if (record.db != 0 && (record.flags & kForeign) == 0) bytes += select_bytes(record.db);
  return bytes;
}

void PendingBatch::add_pieces(const Record& record) {
  const bool select = record.db != 0 && (record.flags & kForeign) == 0;
  if (select) {
    char text[kSelectBytesMax];
    words_.append(text, format_select(record.db, text));
  }
  words_.append(record.words);
  for (ByteView piece : record.more) words_.append(piece);
  if (select) words_.append(kSelectZero);
}

PendingBatch::Frame PendingBatch::frame(std::size_t index) const {
  const Cut& cut = cuts_[index];
  const bool last = index + 1 == cuts_.size();
  const std::size_t entries_end = last ? entries_.size() : cuts_[index + 1].entry;
  const std::size_t words_end = last ? words_.size() : cuts_[index + 1].words;
  return {.first_lsn = cut.lsn,
          .time_us = cut.time_us,
          .entries = {entries_.data() + cut.entry, entries_end - cut.entry},
          .words = ByteView(words_).substr(cut.words, words_end - cut.words)};
}

void PendingBatch::clear() {
  if (words_.capacity() > kKeptBytes && words_.size() < words_.capacity() / 4) {
    words_ = Bytes();
    entries_ = {};
  }
  words_.clear();
  entries_.clear();
  cuts_.clear();
  next_frame_ = 0;
}

}  // namespace memoir
