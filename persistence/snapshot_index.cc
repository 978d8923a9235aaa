#include "persistence/snapshot_index.h"

#include "persistence/rdb_skip.h"
#include "persistence/snapshot_index_writer.h"
#include "src/base/crc64.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/number.h"
#include "src/store/rdb_reader.h"

namespace memoir {
namespace {

// --- reading a snapshot ---

constexpr std::size_t kHeadBytes = 9;  // "REDIS0011"
constexpr std::size_t kChecksumBytes = 8;

// The file piece by piece, summed up on the way.
class Pieces final : public RdbWindow {
 public:
  Pieces(File& file, const std::function<bool()>& stop) : file_(file), stop_(stop) {}

  ByteView more(const char*) override {
    if (stop_ && stop_()) status_ = Error(ErrorCode::kIo, "it was called off");
    if (!status_) return {};
    crc_ = crc64(crc_, view());
    before_ += bytes_;
    bytes_ = 0;
    auto got = file_.read(before_, buffer_.get(), kPieceBytes);
    if (got) {
      bytes_ = *got;
    } else {
      status_ = got.error();
    }
    return view();
  }
  std::uint64_t offset_of(const char* at) const {
    return before_ + static_cast<std::uint64_t>(at - buffer_.get());
  }
  // Of everything before `at`, which lies in the present piece.
  std::uint64_t checksum_before(const char* at) const {
    return crc64(crc_, view().substr(0, static_cast<std::size_t>(at - buffer_.get())));
  }
  const Status& status() const { return status_; }
  const char* start() const { return buffer_.get(); }

 private:
  static constexpr std::size_t kPieceBytes = 1UL << 20;
  ByteView view() const { return {buffer_.get(), bytes_}; }

  File& file_;
  const std::function<bool()>& stop_;
  std::unique_ptr<char[]> buffer_{new char[kPieceBytes]};
  std::size_t bytes_{0};
  std::uint64_t before_{0};
  std::uint64_t crc_{0};
  Status status_{ok};
};

class Checker {
 public:
  Checker(File& file, const SnapshotCheck& check, SnapshotIndexWriter* index)
      : check_(check), index_(index), pieces_(file, check.stop),
        in_(pieces_.start(), pieces_.start(), &pieces_) {}

  Result<SnapshotCheckResult> run() {
    Status read = read_all();
    if (read) {
      return SnapshotCheckResult{.keys = keys_, .bytes = bytes_};
    }
    return Error(read.error().code(), fmt::format("{}: at byte {}: {}", check_.path,
                                                  pieces_.offset_of(in_.at()),
                                                  read.error().text()));
  }
  std::uint64_t keys_end() const { return keys_end_; }

 private:
  Status read_all() {
    Bytes head;
    for (std::size_t i = 0; i < kHeadBytes; ++i) head += static_cast<char>(in_.byte());
    if (in_.good() && !head.starts_with("REDIS")) {
      return Error(ErrorCode::kCorrupt, "not an RDB file");
    }
    while (in_.good() && !ended_) {
      if (Status read = read_item(); !read) return read;
    }
    if (in_.good()) return check_end();
    if (!pieces_.status()) return Error(pieces_.status().error().clone());
    return Error(in_.state() == RdbSkipper::State::kShort ? ErrorCode::kTruncated
                                                          : ErrorCode::kCorrupt,
                 Bytes(in_.reason()));
  }

  Status read_item() {
    // Not before there is a byte: the offset of what comes would be that of the piece before.
    const std::uint8_t first = in_.byte();
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kEof:
        ended_ = true;
        return ok;
      case RdbOpcode::kSelectDb:
        db_ = in_.length();
        return ok;
      case RdbOpcode::kResizeDb:
        in_.length();
        in_.length();
        return ok;
      case RdbOpcode::kAux:
        in_.string();
        in_.string();
        return ok;
      case RdbOpcode::kFunction2:
        in_.string();
        return ok;
      default:
        return read_key(first);
    }
  }

  Status read_key(std::uint8_t first) {
    if (!in_.good()) return ok;
    const std::uint64_t offset = pieces_.offset_of(in_.at()) - 1;
    for (;; first = in_.byte()) {
      const auto opcode = static_cast<RdbOpcode>(first);
      if (opcode == RdbOpcode::kExpireTimeMs) {
        in_.skip(8);
      } else if (opcode == RdbOpcode::kIdle) {
        in_.length();
      } else if (opcode == RdbOpcode::kFreq) {
        in_.byte();
      } else {
        break;
      }
    }
    read_name();
    in_.value(static_cast<RdbType>(first));
    if (!in_.good()) return ok;
    keys_end_ = pieces_.offset_of(in_.at());
    ++keys_;
    if (!index_) return ok;
    return index_->add(static_cast<std::uint32_t>(db_), name_, offset);
  }

  // The key as text. Most are as they are; others go through the reader of such forms.
  void read_name() {
    constexpr std::uint64_t kLongest = 512UL << 20;
    name_.clear();
    packed_.clear();
    const std::uint8_t first = in_.byte();
    std::uint64_t bytes = 0;
    if (first < 0x40) return take(first, name_);
    packed_ += static_cast<char>(first);
    if (first < 0x80) {
      packed_ += static_cast<char>(in_.byte());
      bytes = (std::uint64_t{first & 63U} << 8) | static_cast<unsigned char>(packed_.back());
      return take(bytes, name_);
    }
    if (first == 0xc0 || first == 0xc1 || first == 0xc2) {
      take(std::uint64_t{1} << (first - 0xc0), packed_);
    } else if (first == 0xc3) {
      const std::uint64_t size = length_into(packed_);
      length_into(packed_);
      if (size < kLongest) take(size, packed_);
    } else {
      take(first == 0x80 ? 4 : 8, packed_);
      RdbReader length(packed_);
      bytes = length.length();
      if (bytes < kLongest) return take(bytes, name_);
    }
    RdbReader text(packed_);
    name_ = text.string();
  }

  std::uint64_t length_into(Bytes& out) {
    const std::uint8_t first = in_.byte();
    Bytes form(1, static_cast<char>(first));
    if (first >= 0x40) take(first < 0x80 ? 1 : first == 0x80 ? 4 : 8, form);
    out += form;
    RdbReader length(form);
    return length.length();
  }

  void take(std::uint64_t bytes, Bytes& into) {
    for (; bytes > 0 && in_.good(); --bytes) into += static_cast<char>(in_.byte());
  }

  // The checksum, and nothing behind it.
  Status check_end() {
    const std::uint64_t sum = pieces_.checksum_before(in_.at());
    Bytes told;
    take(kChecksumBytes, told);
    if (!in_.good()) return Error(ErrorCode::kTruncated, "the checksum is missing");
    bytes_ = pieces_.offset_of(in_.at());
    const auto expected = load<std::uint64_t>(told.data());
    if (check_.checksum && expected != 0 && expected != sum) {
      return Error(ErrorCode::kCorrupt, "the checksum is wrong");
    }
    RdbSkipper rest(in_);
    rest.byte();
    if (rest.good()) return Error(ErrorCode::kCorrupt, "there is something behind the end");
    return ok;
  }

  const SnapshotCheck& check_;
  SnapshotIndexWriter* index_;
  Pieces pieces_;
  RdbSkipper in_;
  std::uint64_t db_{0};
  std::uint64_t keys_{0};
  std::uint64_t keys_end_{0};
  std::uint64_t bytes_{0};
  Bytes name_;
  Bytes packed_;
  bool ended_{false};
};

}  // namespace

Result<SnapshotCheckResult> check_snapshot(FileSystem& files, const SnapshotCheck& check) {
  auto file = files.open(check.path, OpenMode::kRead);
  if (!file) return file.error();
  std::unique_ptr<SnapshotIndexWriter> index;
  if (!check.index_path.empty()) {
    index = std::make_unique<SnapshotIndexWriter>(files, check.index_path);
  }
  Checker checker(**file, check, index.get());
  auto checked = checker.run();
  if (!checked || !index) return checked;
  SnapshotIndexHead head;
  head.lsn = check.lsn;
  head.snapshot_bytes = checked->bytes;
  head.keys_end = checker.keys_end();
  if (Status written = index->finish(head); !written) return std::move(written).error();
  return checked;
}

// --- the index ---

namespace {

Error unsound(const std::string& path) {
  return Error(ErrorCode::kCorrupt, path + ": the index is not sound");
}

// False if so much is not there.
Result<bool> read_all(File& file, std::uint64_t offset, void* into, std::size_t bytes) {
  auto got = file.read(offset, static_cast<char*>(into), bytes);
  if (!got) return got.error();
  return *got == bytes;
}

}  // namespace

Result<std::unique_ptr<SnapshotIndex>> SnapshotIndex::open(FileSystem& files,
                                                           const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  std::unique_ptr<SnapshotIndex> index(new SnapshotIndex);
  SnapshotIndexHead& head = index->head_;
  auto there = read_all(**file, 0, &head, sizeof(head));
  if (!there) return there.error();
  const ByteView bytes(reinterpret_cast<const char*>(&head), sizeof(head) - sizeof(head.hash));
  if (!*there || head.magic != kSnapshotIndexMagic || hash_on_disk(bytes) != head.hash) {
    return unsound(path);
  }
  if (head.version != kSnapshotIndexVersion) {
    return Error(ErrorCode::kUnsupported, path + ": unknown version of the index");
  }
  const std::uint64_t expected = sizeof(head) + head.blocks * sizeof(SnapshotBlock) +
                                 (head.buckets + 1) * sizeof(SnapshotIndexBucket) +
                                 head.keys * sizeof(SnapshotIndexEntry);
  if (*size != expected) return unsound(path);
  index->blocks_.resize(head.blocks);
  const std::size_t block_bytes = head.blocks * sizeof(SnapshotBlock);
  there = read_all(**file, sizeof(head), index->blocks_.data(), block_bytes);
  if (!there) return there.error();
  const ByteView blocks(reinterpret_cast<const char*>(index->blocks_.data()), block_bytes);
  if (!*there || hash_on_disk(blocks) != head.blocks_hash) return unsound(path);
  index->file_ = *std::move(file);
  return index;
}

Result<std::vector<std::uint64_t>> SnapshotIndex::find(std::uint32_t db, ByteView key) {
  constexpr std::uint64_t kBucketEntriesMax = 1UL << 20;
  const std::uint64_t hash = hash_on_disk(key);
  const std::uint64_t number = snapshot_index_bucket(hash, head_.buckets);
  const std::uint64_t buckets_at = sizeof(head_) + head_.blocks * sizeof(SnapshotBlock);
  SnapshotIndexBucket bucket[2];
  auto there = read_all(*file_, buckets_at + number * sizeof(bucket[0]), bucket, sizeof(bucket));
  if (!there) return there.error();
  const bool sound = *there && bucket[0].first <= bucket[1].first &&
                     bucket[1].first <= head_.keys &&
                     bucket[1].first - bucket[0].first <= kBucketEntriesMax;
  if (!sound) return unsound("snapshot");
  std::vector<SnapshotIndexEntry> entries(bucket[1].first - bucket[0].first);
  const std::uint64_t entries_at = buckets_at + (head_.buckets + 1) * sizeof(bucket[0]);
  const std::size_t bytes = entries.size() * sizeof(SnapshotIndexEntry);
  there = read_all(*file_, entries_at + bucket[0].first * sizeof(SnapshotIndexEntry),
                   entries.data(), bytes);
  if (!there) return there.error();
  const ByteView view(reinterpret_cast<const char*>(entries.data()), bytes);
  if (!*there || hash_on_disk(view) != bucket[0].hash) return unsound("snapshot");
  std::vector<std::uint64_t> offsets;
  for (const SnapshotIndexEntry& entry : entries) {
    if (entry.hash == hash && entry.db() == db) offsets.push_back(entry.offset());
  }
  return offsets;
}

}  // namespace memoir
