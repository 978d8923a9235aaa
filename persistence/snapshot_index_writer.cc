#include "persistence/snapshot_index_writer.h"

#include <algorithm>
#include <queue>
#include <span>

#include "src/base/hash.h"

namespace memoir {
namespace {

constexpr std::uint64_t kEntriesInBucket = 200;
constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMergedAtOnce = 1024;  // entries of a run in memory while it is merged

template <class T>
ByteView bytes_of(std::span<const T> items) {
  return {reinterpret_cast<const char*>(items.data()), items.size_bytes()};
}

}  // namespace

std::uint64_t snapshot_index_bucket(std::uint64_t hash, std::uint64_t buckets) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * buckets) >> 64);
}

// Writes in pieces of a quarter of a megabyte.
class SnapshotIndexWriter::Output {
 public:
  Output(File& file, std::uint64_t offset) : file_(file), offset_(offset) {}
  void write(ByteView bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= kPieceBytes) (void)flush();  // finally asked for
  }
  Status flush() {
    if (status_ && !buffer_.empty()) status_ = file_.write(offset_, buffer_);
    offset_ += buffer_.size();
    buffer_.clear();
    return status_ ? Status(ok) : Status(status_.error().clone());
  }

 private:
  static constexpr std::size_t kPieceBytes = 256 * 1024;
  File& file_;
  std::uint64_t offset_;
  Bytes buffer_;
  Status status_{ok};
};

// The runs in the temporary file as one ascending sequence.
class SnapshotIndexWriter::Merge {
 public:
  Merge(File& file, const std::vector<std::uint64_t>& sizes) : file_(file) {
    std::uint64_t first = 0;
    for (const std::uint64_t size : sizes) {
      runs_.push_back({.next = first, .end = first + size, .entries = {}, .at = 0});
      first += size;
    }
  }

  Status begin() {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (Status read = refill(runs_[i]); !read) return read;
      heap_.push({runs_[i].entries[0], i});
    }
    return ok;
  }
  bool empty() const { return heap_.empty(); }
  const SnapshotIndexEntry& top() const { return heap_.top().first; }
  Status pop() {
    const std::size_t index = heap_.top().second;
    heap_.pop();
    Run& run = runs_[index];
    if (++run.at == run.entries.size()) {
      if (run.next == run.end) return ok;
      if (Status read = refill(run); !read) return read;
    }
    heap_.push({run.entries[run.at], index});
    return ok;
  }

 private:
  struct Run {
    std::uint64_t next;
    std::uint64_t end;
    std::vector<SnapshotIndexEntry> entries;
    std::size_t at;
  };

  Status refill(Run& run) {
    run.entries.resize(std::min<std::uint64_t>(kMergedAtOnce, run.end - run.next));
    run.at = 0;
    const std::size_t bytes = run.entries.size() * sizeof(SnapshotIndexEntry);
    auto got = file_.read(run.next * sizeof(SnapshotIndexEntry),
                          reinterpret_cast<char*>(run.entries.data()), bytes);
    if (!got) return got.error();
    if (*got != bytes) return Error(ErrorCode::kTruncated, "a temporary file got shorter");
    run.next += run.entries.size();
    return ok;
  }

  using Head = std::pair<SnapshotIndexEntry, std::size_t>;
  File& file_;
  std::vector<Run> runs_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heap_;
};

SnapshotIndexWriter::SnapshotIndexWriter(FileSystem& files, std::string path,
                                         std::size_t entries_in_memory)
    : files_(files),
      path_(std::move(path)),
      temporary_(path_ + ".tmp"),
      runs_path_(path_ + ".runs.tmp"),
      entries_in_memory_(entries_in_memory) {}

SnapshotIndexWriter::~SnapshotIndexWriter() {
  if (runs_) (void)files_.remove(runs_path_);
  if (created_) (void)files_.remove(temporary_);
}

Status SnapshotIndexWriter::add(std::uint32_t db, ByteView key, std::uint64_t offset) {
  if (blocks_.empty() || offset - blocks_.back().offset >= kBlockBytes ||
      blocks_.back().db != db) {
    blocks_.push_back({.offset = offset, .db = db, .keys = 0});
  }
  ++blocks_.back().keys;
  const std::uint64_t place =
      (std::uint64_t{db} << SnapshotIndexEntry::kOffsetBits) | offset;
  entries_.push_back({hash_on_disk(key), place});
  return entries_.size() < entries_in_memory_ ? Status(ok) : spill();
}

Status SnapshotIndexWriter::spill() {
  if (!runs_) {
    auto file = files_.open(runs_path_, OpenMode::kCreate);
    if (!file) return file.error();
    runs_ = *std::move(file);
  }
  std::ranges::sort(entries_);
  const std::span<const SnapshotIndexEntry> run(entries_);
  Status written = runs_->write(spilled_ * sizeof(SnapshotIndexEntry), bytes_of(run));
  if (!written) return written;
  run_sizes_.push_back(entries_.size());
  spilled_ += entries_.size();
  entries_.clear();
  return ok;
}

// Writes all entries, ascending, and tells the buckets.
Status SnapshotIndexWriter::write_entries(File& file, const SnapshotIndexHead& head,
                                          std::vector<SnapshotIndexBucket>& buckets) {
  const std::uint64_t start = sizeof(head) + head.blocks * sizeof(SnapshotBlock) +
                              (head.buckets + 1) * sizeof(SnapshotIndexBucket);
  Output out(file, start);
  std::vector<SnapshotIndexEntry> bucket;
  std::uint64_t written = 0;
  const auto close_bucket = [&] {
    const ByteView bytes = bytes_of(std::span<const SnapshotIndexEntry>(bucket));
    buckets.push_back({written, hash_on_disk(bytes)});
    out.write(bytes);
    written += bucket.size();
    bucket.clear();
  };
  const auto take = [&](const SnapshotIndexEntry& entry) {
    const std::uint64_t mine = snapshot_index_bucket(entry.hash, head.buckets);
    while (buckets.size() < mine) close_bucket();
    bucket.push_back(entry);
  };
  if (runs_) {
    Merge merge(*runs_, run_sizes_);
    if (Status begun = merge.begin(); !begun) return begun;
    while (!merge.empty()) {
      take(merge.top());
      if (Status more = merge.pop(); !more) return more;
    }
  } else {
    for (const SnapshotIndexEntry& entry : entries_) take(entry);
  }
  while (buckets.size() < head.buckets) close_bucket();
  buckets.push_back({written, 0});
  return out.flush();
}

Status SnapshotIndexWriter::finish(SnapshotIndexHead head) {
  if (runs_ && !entries_.empty()) {
    if (Status spilled = spill(); !spilled) return spilled;
  }
  std::ranges::sort(entries_);
  head.keys = spilled_ + entries_.size();
  head.blocks = blocks_.size();
  head.buckets = head.keys / kEntriesInBucket + 1;

  auto file = files_.open(temporary_, OpenMode::kCreate);
  if (!file) return file.error();
  created_ = true;
  std::vector<SnapshotIndexBucket> buckets;
  buckets.reserve(head.buckets + 1);
  if (Status done = write_entries(**file, head, buckets); !done) return done;
  const ByteView block_bytes = bytes_of(std::span<const SnapshotBlock>(blocks_));
  const ByteView bucket_bytes = bytes_of(std::span<const SnapshotIndexBucket>(buckets));
  head.blocks_hash = hash_on_disk(block_bytes);
  head.buckets_hash = hash_on_disk(bucket_bytes);
  const ByteView head_bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  head.hash = hash_on_disk(head_bytes.substr(0, sizeof(head) - sizeof(head.hash)));
  const ByteView parts[] = {head_bytes, block_bytes, bucket_bytes};
  if (Status done = (*file)->write(0, parts); !done) return done;
  if (Status done = (*file)->sync(); !done) return done;
  if (Status done = files_.rename(temporary_, path_); !done) return done;
  created_ = false;
  return files_.sync_directory(parent_path(path_));
}

}  // namespace memoir
