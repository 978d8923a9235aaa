#include "persistence/aof_export.h"

#include <memory>
#include <vector>

#include "persistence/aof_manifest.h"
#include "persistence/aof_translation.h"
#include "persistence/rdb_downgrade.h"
#include "persistence/timeline_reader.h"
#include "persistence/timeline_snapshots.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/base/moment.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr const char* kDirectory = "appendonlydir";
constexpr const char* kManifest = "appendonly.aof.manifest";
constexpr const char* kBase = "appendonly.aof.1.base.rdb";
constexpr const char* kIncrement = "appendonly.aof.1.incr.aof";
constexpr std::size_t kWriteBytes = 1UL << 20;

// Writes records as requests of an append-only file.
class IncrementWriter final : public RecordSink {
 public:
  IncrementWriter(File& file, AofExportSummary& summary) : file_(file), summary_(summary) {}

  Status on_record(const RecordView& record) override {
    annotate(record.time_us);
    std::uint64_t db = (record.flags & kForeign) != 0 ? record.db : 0;
    RequestCursor requests(record.words);
    while (requests.next(words_)) {
      if (words_.empty()) continue;
      if (equals_ignoring_case(words_[0], "select") && words_.size() == 2) {
        db = parse_unsigned(words_[1]).value_or(db);
        continue;
      }
      select(db);
      ++summary_.requests;
      if (Status done = translator_.translate(words_, out_); !done) return refused(record, done);
    }
    if (requests.failed()) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("the record at LSN {} is not made of requests", record.first));
    }
    ++summary_.records;
    summary_.end_lsn = record.lsn;
    return out_.size() < kWriteBytes ? Status(ok) : write_out();
  }

  Status finish() {
    if (Status written = write_out(); !written) return written;
    summary_.times_left_out += translator_.times_left_out();
    return file_.sync();
  }

 private:
  // As Redis: one annotation a second, and never back.
  void annotate(std::int64_t time_us) {
    const std::int64_t second = time_us / 1'000'000;
    if (second <= second_) return;
    second_ = second;
    fmt::format_to(std::back_inserter(out_), "#TS:{}\r\n", second);
  }
  void select(std::uint64_t db) {
    if (db == db_) return;
    db_ = db;
    char digits[kIntegerCharsMax];
    const ByteView words[] = {"SELECT", {digits, format_unsigned(db, digits)}};
    append_aof_request(out_, words);
  }
  Status refused(const RecordView& record, const Status& why) const {
    return Error(why.error().code(),
                 fmt::format("the record that ends at LSN {} ({}) cannot be exported: {}. Export a "
                             "moment before it, or let the server take a snapshot (BGSAVE) behind "
                             "it and export from that",
                             record.lsn, format_time_us(record.time_us), why.error().text()));
  }
  Status write_out() {
    if (out_.empty()) return ok;
    Status written = file_.write(offset_, out_);
    offset_ += out_.size();
    out_.clear();
    return written;
  }

  File& file_;
  AofExportSummary& summary_;
  AofTranslator translator_;
  std::vector<ByteView> words_;
  Bytes out_;
  std::uint64_t offset_ = 0;
  std::uint64_t db_ = 0;
  std::int64_t second_ = 0;
};

class AofExport {
 public:
  AofExport(FileSystem& files, const Timeline& timeline, const AofExportOptions& options)
      : files_(files), timeline_(timeline), options_(options) {}

  Result<AofExportSummary> run() {
    if (Status made = make_directory(); !made) return std::move(made).error();
    if (Status base = write_base(); !base) return std::move(base).error();
    if (Status increment = write_increment(); !increment) return std::move(increment).error();
    // Without the manifest nobody sees the files; with it they are all there.
    AofManifest manifest;
    manifest.base = AofFile{.name = kBase, .sequence = 1};
    manifest.increments.push_back({.name = kIncrement, .sequence = 1});
    Status written = write_file(files_, output(kManifest), format_aof_manifest(manifest));
    if (!written) return std::move(written).error();
    return std::move(summary_);
  }

 private:
  std::string output(const char* name) const { return join_path(summary_.directory, name); }

  Status make_directory() {
    summary_.directory = join_path(options_.output, kDirectory);
    if (files_.info(output(kManifest))) {
      return Error(ErrorCode::kIo, summary_.directory + " holds an append-only file already");
    }
    return files_.create_directories(summary_.directory);
  }

  // The newest snapshot that is sound and not behind the moment; or nothing, where everything
  // began.
  Status write_base() {
    auto snapshots = snapshots_of(files_, options_.data_directory, timeline_);
    if (!snapshots) return snapshots.error();
    for (auto at = snapshots->rbegin(); at != snapshots->rend(); ++at) {
      if (at->lsn > options_.to) continue;
      const std::string path = join_path(options_.data_directory, at->name);
      Status copied = copy_base(path);
      if (copied) {
        summary_.snapshot = at->lsn;
        summary_.end_lsn = at->lsn;
        return ok;
      }
      if (copied.error().code() == ErrorCode::kIo || copied.error().code() == ErrorCode::kNoSpace) {
        return copied;
      }
      log_warning("{} is left aside: {}", path, copied.error().text());
    }
    if (timeline_.segments.front().first_lsn == 0) return write_empty_base();
    return Error(ErrorCode::kNotFound,
                 fmt::format("the journal begins at LSN {}, and no sound snapshot lies between "
                             "that and the moment",
                             timeline_.segments.front().first_lsn));
  }

  Status copy_base(const std::string& path) {
    auto from = files_.open(path, OpenMode::kRead);
    if (!from) return from.error();
    auto size = (*from)->size();
    if (!size) return size.error();
    auto to = files_.open(output(kBase), OpenMode::kCreate);
    if (!to) return to.error();
    RdbFileSource source(**from, *size);
    RdbReader in(source);
    RdbFileSink sink(**to);
    auto copied = downgrade_rdb(in, sink);
    if (!copied) return copied.error();
    summary_.keys = copied->keys;
    summary_.times_left_out = copied->times_left_out;
    return (*to)->sync();
  }

  Status write_empty_base() {
    auto to = files_.open(output(kBase), OpenMode::kCreate);
    if (!to) return to.error();
    RdbFileSink sink(**to);
    RdbFileWriter writer(sink, RdbCompression::kYes, kRdbVersionRedis70);
    writer.aux("aof-base", 1);
    if (Status written = writer.finish(); !written) return written;
    return (*to)->sync();
  }

  Status write_increment() {
    auto to = files_.open(output(kIncrement), OpenMode::kCreate);
    if (!to) return to.error();
    IncrementWriter writer(**to, summary_);
    const Lsn from = summary_.snapshot.value_or(0);
    TimelineReader reader(files_, timeline_, std::max(from, timeline_.segments.front().first_lsn));
    FrameView frame;
    while (reader.lsn() < options_.to) {
      auto more = reader.next(frame);
      if (!more) return more.error();
      if (!*more) break;
      if (Status done = deliver_frame(frame, from, options_.to, writer); !done) return done;
    }
    return writer.finish();
  }

  FileSystem& files_;
  const Timeline& timeline_;
  const AofExportOptions& options_;
  AofExportSummary summary_;
};

}  // namespace

Result<AofExportSummary> export_append_only(FileSystem& files, const Timeline& timeline,
                                            const AofExportOptions& options) {
  return AofExport(files, timeline, options).run();
}

}  // namespace memoir
