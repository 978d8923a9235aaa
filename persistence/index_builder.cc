#include "persistence/index_builder.h"

#include <algorithm>
#include <span>

#include "persistence/segment_index.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/mapped.h"

namespace memoir {

namespace {

constexpr std::size_t kReadBytes = 1UL << 20;
constexpr std::size_t kWriteBytes = 256UL << 10;
constexpr std::size_t kChunkReferences = 1000;  // of one key, until a page may be cut
constexpr unsigned kPrintBits = 48;

struct Reference {
  std::uint64_t print;
  std::uint64_t position;  // behind the segment's first LSN
  auto operator<=>(const Reference&) const = default;
};

// Collects the references of one part of the key space.
class Collector final : public RecordSink, private KeySink {
 public:
  Collector(RecordKeys& keys, Lsn first_lsn) : keys_(keys), first_lsn_(first_lsn) {}

  // Of `parts` equal ones.
  void begin(std::uint64_t part, std::uint64_t parts) {
    part_ = part;
    parts_ = parts;
    references_.clear();
  }
  Status on_record(const RecordView& record) override {
    first_ = record.first;
    keys_.keys_of(record, *this);
    return ok;
  }
  // Sorted, each once.
  std::span<const Reference> references() {
    std::ranges::sort(references_);
    references_.erase(std::unique(references_.begin(), references_.end()), references_.end());
    return references_;
  }
  std::vector<WholeRecord> take_wholes() { return std::move(wholes_); }

 private:
  void key(std::uint16_t db, ByteView key) override {
    const std::uint64_t print = key_print(db, key);
    if ((print * parts_) >> kPrintBits != part_) return;
    references_.push_back({.print = print, .position = first_ - first_lsn_});
  }
  void whole(WholeScope scope, std::uint16_t db) override {
    if (part_ != 0) return;
    const WholeRecord whole{.first = first_, .scope = scope, .db = db};
    for (auto each = wholes_.rbegin(); each != wholes_.rend() && each->first == first_; ++each) {
      if (each->scope == scope && each->db == db) return;
    }
    wholes_.push_back(whole);
  }

  RecordKeys& keys_;
  Lsn first_lsn_;
  std::uint64_t part_ = 0;
  std::uint64_t parts_ = 1;
  Lsn first_ = 0;
  MappedVector<Reference> references_;
  std::vector<WholeRecord> wholes_;
};

// Notes where frames lie, the bounds of time, and who declares sessions.
class Surveyor final : public RecordSink {
 public:
  explicit Surveyor(IndexTail& facts) : facts_(facts) {}

  void frame(const FrameView& frame, std::uint64_t offset) {
    if (!frame.sessions.empty()) {
      append_varint(sessions_, frame.head.first_lsn - session_lsn_);
      append_string(sessions_, frame.sessions);
      session_lsn_ = frame.head.first_lsn;
      ++declarations_;
    }
    if (!places_.empty() && offset < places_.back().offset + kPlaceStrideBytes) return;
    places_.push_back(
        {.lsn = frame.head.first_lsn, .offset = offset, .time_us = facts_.last_time_us});
  }
  Status on_record(const RecordView& record) override {
    if (facts_.records++ == 0) {
      facts_.first_time_us = record.time_us;
      facts_.last_time_us = record.time_us;
    }
    facts_.first_time_us = std::min(facts_.first_time_us, record.time_us);
    facts_.last_time_us = std::max(facts_.last_time_us, record.time_us);
    return ok;
  }
  void begin(Lsn first_lsn) { session_lsn_ = first_lsn; }
  const std::vector<IndexPlace>& places() const { return places_; }
  void append_sessions(Bytes& out) const {
    append_varint(out, declarations_);
    out.append(sessions_);
  }

 private:
  IndexTail& facts_;
  std::vector<IndexPlace> places_;
  Lsn session_lsn_ = 0;
  std::uint64_t declarations_ = 0;
  Bytes sessions_;
};

// Writes pages of postings:  (print:varint head:varint [more:varint] step:varint{more})*
class PageWriter {
 public:
  explicit PageWriter(File& file) : file_(file) {}

  Status add(std::span<const Reference> of_one_key) {
    for (std::size_t from = 0; from < of_one_key.size(); from += kChunkReferences) {
      const std::size_t count = std::min(kChunkReferences, of_one_key.size() - from);
      add_chunk(of_one_key.subspan(from, count));
      if (page_.size() < kIndexPageBytes) continue;
      if (Status done = end_page(); !done) return done;
    }
    return ok;
  }
  // The rest, and what follows the pages.
  Status finish(ByteView behind) {
    if (Status done = end_page(); !done) return done;
    buffer_.append(behind);
    return write();
  }
  Status end_page() {
    if (page_.empty()) return ok;
    pages_.push_back({.first_print = first_print_,
                      .offset = end_ + buffer_.size(),
                      .bytes = static_cast<std::uint32_t>(page_.size()),
                      .hash = static_cast<std::uint32_t>(hash_on_disk(page_))});
    buffer_.append(page_);
    page_.clear();
    return buffer_.size() < kWriteBytes ? Status(ok) : write();
  }
  const std::vector<IndexPage>& pages() const { return pages_; }
  std::uint64_t end() const { return end_ + buffer_.size(); }

 private:
  void add_chunk(std::span<const Reference> references) {
    const std::uint64_t print = references.front().print;
    if (page_.empty()) first_print_ = last_print_ = print;
    append_varint(page_, print - last_print_);
    last_print_ = print;
    const std::uint64_t more = references.size() - 1;
    append_varint(page_, references.front().position << 1 | (more > 0 ? 1 : 0));
    if (more == 0) return;
    append_varint(page_, more);
    for (std::size_t i = 1; i < references.size(); ++i) {
      append_varint(page_, references[i].position - references[i - 1].position);
    }
  }
  Status write() {
    Status done = file_.write(end_, buffer_);
    end_ += buffer_.size();
    buffer_.clear();
    if (!done || end_ < synced_ + kGentleSyncBytes) return done;
    synced_ = end_;
    return file_.sync();
  }

  File& file_;
  std::uint64_t first_print_ = 0;
  std::uint64_t last_print_ = 0;
  Bytes page_;
  Bytes buffer_;
  std::uint64_t end_ = 0;
  std::uint64_t synced_ = 0;
  std::vector<IndexPage> pages_;
};

template <class T>
void append_lines(Bytes& out, const std::vector<T>& lines) {
  append_varint(out, lines.size());
  out.append(reinterpret_cast<const char*>(lines.data()), lines.size() * sizeof(T));
}

class Builder {
 public:
  Builder(FileSystem& files, const SegmentFile& segment, Lsn limit, RecordKeys& keys)
      : files_(files),
        segment_(segment),
        limit_(limit),
        surveyor_(facts_),
        collector_(keys, segment.first_lsn) {}

  Status run(File& file, const IndexBuildOptions& options) {
    stop_ = options.stop;
    auto reader = SegmentReader::open(files_, segment_.path, kReadBytes);
    if (!reader) return failed(reader.peek_error());
    reader_ = *std::move(reader);
    if (Status done = begin(); !done) return done;
    PageWriter writer(file);
    const std::uint64_t parts = facts_.segment_bytes / options.pass_bytes + 1;
    for (std::uint64_t part = 0; part < parts; ++part) {
      collector_.begin(part, parts);
      if (Status done = read_all(part == 0); !done) return done;
      if (Status done = write_part(writer); !done) return done;
    }
    if (Status done = writer.end_page(); !done) return done;
    return writer.finish(meta_and_tail(writer));
  }

 private:
  Error failed(const Error& error) const {
    return Error(error.code(), segment_.path + ": " + error.text());
  }

  Status begin() {
    const SegmentHeader& header = reader_->header();
    const auto size = reader_->size();
    if (!size) return size.peek_error().clone();
    facts_.timeline = header.timeline;
    facts_.salt = header.salt;
    facts_.first_lsn = segment_.first_lsn;
    facts_.segment_bytes = *size;
    surveyor_.begin(segment_.first_lsn);
    return ok;
  }

  Status read_all(bool survey) {
    Lsn lsn = segment_.first_lsn;
    FrameView frame;
    for (reader_->seek(kSegmentHeaderBytes); lsn < limit_;) {
      if (stop_ != nullptr && *stop_) return Error(ErrorCode::kIo, "the journal is closing");
      const std::uint64_t offset = reader_->offset();
      auto outcome = reader_->next(frame);
      if (!outcome) return outcome.error();
      if (*outcome == SegmentReader::Outcome::kEnd && limit_ == UINT64_MAX) break;
      if (*outcome != SegmentReader::Outcome::kFrame || frame.head.first_lsn != lsn ||
          frame.head.end_lsn() > limit_) {
        return Error(ErrorCode::kCorrupt,
                     fmt::format("{} cannot be read on from offset {} (LSN {})", segment_.path,
                                 offset, lsn));
      }
      if (survey) {
        surveyor_.frame(frame, offset);
        if (Status done = deliver_frame(frame, 0, UINT64_MAX, surveyor_); !done) return done;
      }
      if (Status done = deliver_frame(frame, 0, UINT64_MAX, collector_); !done) return done;
      lsn = frame.head.end_lsn();
    }
    if (facts_.records == 0) {
      return Error(ErrorCode::kNotFound, segment_.path + ": there are no records in it");
    }
    facts_.end_lsn = lsn;
    return ok;
  }

  Status write_part(PageWriter& writer) {
    const std::span<const Reference> all = collector_.references();
    for (std::size_t from = 0; from < all.size();) {
      std::size_t to = from + 1;
      while (to < all.size() && all[to].print == all[from].print) ++to;
      if (Status done = writer.add(all.subspan(from, to - from)); !done) return done;
      ++facts_.keys;
      from = to;
    }
    facts_.references += all.size();
    return ok;
  }

  Bytes meta_and_tail(const PageWriter& writer) {
    Bytes out;
    append_lines(out, writer.pages());
    append_lines(out, surveyor_.places());
    const std::vector<WholeRecord> wholes = collector_.take_wholes();
    append_varint(out, wholes.size());
    Lsn lsn = segment_.first_lsn;
    for (const WholeRecord& whole : wholes) {
      append_varint(out, whole.first - lsn);
      append_varint(out, static_cast<std::uint64_t>(whole.scope));
      append_varint(out, whole.db);
      lsn = whole.first;
    }
    surveyor_.append_sessions(out);
    facts_.meta_offset = writer.end();
    facts_.meta_bytes = out.size();
    facts_.meta_hash = hash_on_disk(out);
    facts_.hash = hash_of(facts_);
    out.append(reinterpret_cast<const char*>(&facts_), sizeof(facts_));
    return out;
  }

  FileSystem& files_;
  const SegmentFile& segment_;
  Lsn limit_;
  const std::atomic<bool>* stop_ = nullptr;
  IndexTail facts_;
  Surveyor surveyor_;
  Collector collector_;
  std::unique_ptr<SegmentReader> reader_;
};

// Reads back what was written: every page, and that it is of this segment.
Status check_index(FileSystem& files, const std::string& path) {
  auto index = SegmentIndex::open(files, path);
  if (!index) return Error(index.peek_error().clone());
  return (*index)->verify();
}

}  // namespace

Status build_index(FileSystem& files, const SegmentFile& segment, Lsn limit, RecordKeys& keys,
                   IndexBuildOptions options) {
  const std::string path = index_path(segment);
  const std::string aside = path + ".tmp";
  Status done = ok;
  {
    auto file = files.open(aside, OpenMode::kCreate);
    if (!file) return file.error();
    done = Builder(files, segment, limit, keys).run(**file, options);
    if (done) done = (*file)->sync();
  }
  if (done) done = check_index(files, aside);
  if (done) done = files.rename(aside, path);
  if (!done) {
    (void)files.remove(aside);
    return done;
  }
  return files.sync_directory(parent_path(path));
}

}  // namespace memoir
