#include "persistence/segment_index.h"

#include <algorithm>

#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {

namespace {

constexpr std::string_view kIndexSuffix = ".index";
constexpr std::size_t kIndexDigits = 20;
constexpr std::uint64_t kDatabaseFactor = 0x9E37'79B9'7F4A'7C15;
constexpr unsigned kPrintShift = 16;

Error damaged(const char* what) {
  return Error(ErrorCode::kCorrupt, fmt::format("the index is damaged: {}", what));
}

// Collects from a page what belongs to `print`.
void find_in_page(Reader in, std::uint64_t at, std::uint64_t print, Lsn base,
                  std::vector<Lsn>& found) {
  while (!in.empty() && !in.failed()) {
    at += in.varint();
    const std::uint64_t head = in.varint();
    Lsn lsn = base + (head >> 1);
    const std::uint64_t more = head & 1 ? in.varint() : 0;
    if (at > print) return;
    if (at == print) found.push_back(lsn);
    for (std::uint64_t i = 0; i < more && !in.failed(); ++i) {
      lsn += in.varint();
      if (at == print) found.push_back(lsn);
    }
  }
}

template <class T>
void read_lines(Reader& in, std::vector<T>& lines) {
  const std::uint64_t count = in.varint();
  if (count > in.rest().size() / sizeof(T)) return in.fail(ErrorCode::kCorrupt);
  const ByteView bytes = in.bytes(count * sizeof(T));
  lines.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(lines.data(), bytes.data(), bytes.size());
}

}  // namespace

std::string index_name(Lsn first_lsn) {
  return fmt::format("{:0{}}{}", first_lsn, kIndexDigits, kIndexSuffix);
}

bool parse_index_name(std::string_view name, Lsn& first_lsn) {
  return name.size() == kIndexDigits + kIndexSuffix.size() && name.ends_with(kIndexSuffix) &&
         parse_digits(name.substr(0, kIndexDigits), first_lsn);
}

std::string index_path(const SegmentFile& segment) {
  return join_path(parent_path(segment.path), index_name(segment.first_lsn));
}

std::uint64_t key_print(std::uint16_t db, ByteView key) {
  return (hash_on_disk(key) ^ (db * kDatabaseFactor)) >> kPrintShift;
}

std::uint64_t hash_of(const IndexTail& tail) {
  return hash_on_disk({reinterpret_cast<const char*>(&tail), offsetof(IndexTail, hash)});
}

Result<std::unique_ptr<SegmentIndex>> SegmentIndex::open(FileSystem& files,
                                                         const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  std::unique_ptr<SegmentIndex> index(new SegmentIndex(*std::move(file)));
  Status done = index->read_tail();
  if (done) done = index->read_meta();
  if (done) return index;
  return Error(done.error().code(), path + ": " + done.error().text());
}

Status SegmentIndex::read_tail() {
  const auto size = file_->size();
  if (!size) return size.peek_error().clone();
  file_bytes_ = *size;
  if (file_bytes_ < sizeof(tail_)) return Error(ErrorCode::kTruncated, "the index is cut short");
  const auto got = file_->read(file_bytes_ - sizeof(tail_), reinterpret_cast<char*>(&tail_),
                               sizeof(tail_));
  if (!got) return got.peek_error().clone();
  if (*got < sizeof(tail_) || tail_.magic != kIndexMagic || tail_.hash != hash_of(tail_)) {
    return damaged("its end");
  }
  if (tail_.version != kIndexVersion) {
    return Error(ErrorCode::kUnsupported, fmt::format("an index of version {}", tail_.version));
  }
  return ok;
}

Status SegmentIndex::read_meta() {
  const std::uint64_t front = file_bytes_ - sizeof(tail_);
  if (tail_.meta_bytes > front || tail_.meta_offset != front - tail_.meta_bytes) {
    return damaged("its length");
  }
  Bytes meta(tail_.meta_bytes, '\0');
  const auto got = file_->read(tail_.meta_offset, meta.data(), meta.size());
  if (!got) return got.peek_error().clone();
  if (*got < meta.size() || hash_on_disk(meta) != tail_.meta_hash) return damaged("its tables");
  Reader in(meta);
  read_lines(in, pages_);
  read_lines(in, places_);
  Lsn lsn = tail_.first_lsn;
  for (std::uint64_t count = in.varint(); count > 0 && !in.failed(); --count) {
    lsn += in.varint();
    const auto scope = static_cast<WholeScope>(in.varint());
    const auto db = static_cast<std::uint16_t>(in.varint());
    wholes_.push_back({.first = lsn, .scope = scope, .db = db});
  }
  lsn = tail_.first_lsn;
  for (std::uint64_t count = in.varint(); count > 0 && !in.failed(); --count) {
    lsn += in.varint();
    sessions_.push_back({.lsn = lsn, .bytes = Bytes(in.string())});
  }
  if (in.failed() || !in.empty() || places_.empty()) return damaged("its tables");
  return ok;
}

Result<ByteView> SegmentIndex::read_page(const IndexPage& page) {
  page_.resize(page.bytes);
  const auto got = file_->read(page.offset, page_.data(), page_.size());
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  if (*got < page_.size() || static_cast<std::uint32_t>(hash_on_disk(page_)) != page.hash) {
    return damaged("a page of keys");
  }
  return ByteView(page_);
}

Result<std::vector<Lsn>> SegmentIndex::find(std::uint16_t db, ByteView key) {
  const std::uint64_t print = key_print(db, key);
  std::vector<Lsn> found;
  // A key's records may begin at the end of the page before the first that begins with it.
  auto page = std::ranges::lower_bound(pages_, print, {}, &IndexPage::first_print);
  if (page != pages_.begin()) --page;
  for (; page != pages_.end() && page->first_print <= print; ++page) {
    auto bytes = read_page(*page);
    if (!bytes) return bytes.error();
    find_in_page(Reader(*bytes), page->first_print, print, tail_.first_lsn, found);
  }
  for (const WholeRecord& whole : wholes_) {
    const bool concerns = whole.scope == WholeScope::kAllDatabases ||
                          (whole.scope == WholeScope::kDatabase && whole.db == db);
    if (concerns) found.push_back(whole.first);
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

const IndexPlace& SegmentIndex::place_of(Lsn lsn) const {
  const auto after = std::ranges::upper_bound(places_, lsn, {}, &IndexPlace::lsn);
  return after == places_.begin() ? places_.front() : *(after - 1);
}

const IndexPlace& SegmentIndex::place_at(std::int64_t time_us) const {
  // The first place has nothing before it. The others' times ascend, being the latest so far.
  const auto after =
      std::ranges::upper_bound(places_.begin() + 1, places_.end(), time_us, {},
                               &IndexPlace::time_us);
  return *(after - 1);
}

Status SegmentIndex::sessions_before(Lsn lsn, RecordSink& sink) const {
  for (const Declarations& each : sessions_) {
    if (each.lsn > lsn) break;
    if (Status done = deliver_sessions(each.bytes, sink); !done) return done;
  }
  return ok;
}

Status SegmentIndex::verify() {
  std::uint64_t end = 0;
  for (const IndexPage& page : pages_) {
    if (page.offset != end) return damaged("its table of pages");
    auto bytes = read_page(page);
    if (!bytes) return std::move(bytes).error();
    end += page.bytes;
  }
  return end == tail_.meta_offset ? Status(ok) : Status(damaged("its length"));
}

}  // namespace memoir
