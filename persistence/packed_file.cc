#include "persistence/packed_file.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/base/log.h"

namespace memoir {

namespace {

// The zstd format has sixteen magics for frames that its readers skip.
constexpr std::uint32_t kFrontMagic = 0x184D'2A5D;
constexpr std::uint32_t kTableMagic = 0x184D'2A5E;
constexpr std::uint64_t kPackedMagic = 0x314B'4341'5052'4D4D;  // "MMRPACK1" on disk
constexpr std::uint32_t kPackedVersion = 1;
// No block of ours is larger than one record and what stands around it.
constexpr std::uint64_t kImageBytesMax = std::uint64_t{kRecordBytesMax} + (64UL << 20);
constexpr std::size_t kTableHeadBytes = 8;
constexpr char kDamagedByte = '\xFF';

struct Front {
  std::uint32_t skippable = kFrontMagic;
  std::uint32_t bytes = 32;
  std::uint64_t magic = kPackedMagic;
  std::uint32_t version = kPackedVersion;
  std::uint32_t reserved = 0;
  Lsn first_lsn = 0;
  std::uint64_t hash = 0;
};
static_assert(sizeof(Front) == 40);

// The last bytes of the file.
struct Tail {
  Lsn end_lsn = 0;
  std::uint64_t image_bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t table_hash = 0;  // of the lines before
  std::uint64_t magic = kPackedMagic;
  std::uint64_t hash = 0;
};
static_assert(sizeof(Tail) == 48);

template <class T>
ByteView bytes_of_struct(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}
template <class T>
std::uint64_t hash_of_struct(const T& value) {
  return hash_on_disk(bytes_of_struct(value).substr(0, offsetof(T, hash)));
}

Error read_only() { return Error(ErrorCode::kIo, "a packed segment is not written to"); }

Error bad_table(const char* what) {
  return Error(ErrorCode::kCorrupt, fmt::format("not a packed segment: {}", what));
}

}  // namespace

// ---- writing -----------------------------------------------------------------------------------

PackedWriter::PackedWriter(File& file, Lsn first_lsn, int level)
    : file_(file), first_lsn_(first_lsn), level_(level), context_(nullptr) {}

PackedWriter::~PackedWriter() { ZSTD_freeCCtx(context_); }

Status PackedWriter::add_block(ByteView image, Lsn first_lsn, std::int64_t time_us) {
  ASSERT(!image.empty() && image.size() <= kImageBytesMax);
  if (context_ == nullptr) context_ = ZSTD_createCCtx();
  ASSERT(context_ != nullptr);
  if (end_ == 0) {
    Front front;
    front.first_lsn = first_lsn_;
    front.hash = hash_of_struct(front);
    if (Status done = file_.write(0, bytes_of_struct(front)); !done) return done;
    end_ = sizeof(front);
  }
  buffer_.resize(ZSTD_compressBound(image.size()));
  const std::size_t size = ZSTD_compressCCtx(context_, buffer_.data(), buffer_.size(),
                                             image.data(), image.size(), level_);
  if (ZSTD_isError(size)) {
    return Error(ErrorCode::kIo, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  }
  const ByteView packed = ByteView(buffer_).substr(0, size);
  if (Status done = file_.write(end_, packed); !done) return done;
  blocks_.push_back({.offset = end_,
                     .bytes = static_cast<std::uint32_t>(size),
                     .image_bytes = static_cast<std::uint32_t>(image.size()),
                     .image_offset = image_end_,
                     .first_lsn = first_lsn,
                     .time_us = time_us,
                     .hash = hash_on_disk(packed)});
  end_ += size;
  image_end_ += image.size();
  return ok;
}

Status PackedWriter::finish(Lsn end_lsn) {
  ASSERT(!blocks_.empty());
  const ByteView lines(reinterpret_cast<const char*>(blocks_.data()),
                       blocks_.size() * sizeof(PackedBlock));
  Tail tail;
  tail.end_lsn = end_lsn;
  tail.image_bytes = image_end_;
  tail.blocks = blocks_.size();
  tail.table_hash = hash_on_disk(lines);
  tail.hash = hash_of_struct(tail);
  Bytes head;
  append_fixed(head, kTableMagic);
  append_fixed(head, static_cast<std::uint32_t>(lines.size() + sizeof(tail)));
  const ByteView parts[] = {head, lines, bytes_of_struct(tail)};
  if (Status done = file_.write(end_, parts); !done) return done;
  end_ += head.size() + lines.size() + sizeof(tail);
  return ok;
}

// ---- reading -----------------------------------------------------------------------------------

PackedFile::PackedFile(std::unique_ptr<File> file)
    : file_(std::move(file)), context_(nullptr), held_(SIZE_MAX) {}

PackedFile::~PackedFile() { ZSTD_freeDCtx(context_); }

Result<std::unique_ptr<PackedFile>> PackedFile::open(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  std::unique_ptr<PackedFile> packed(new PackedFile(*std::move(file)));
  Status status = packed->read_front();
  if (status) status = packed->read_table();
  if (status) return packed;
  if (status.error().code() != ErrorCode::kIo) return std::move(status).error();
  return Error(ErrorCode::kIo, path + ": " + status.error().text());
}

Status PackedFile::read_front() {
  Front front;
  const auto got = file_->read(0, reinterpret_cast<char*>(&front), sizeof(front));
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  if (*got < sizeof(front)) {
    return Error(ErrorCode::kTruncated, "the file is shorter than a packed segment's head");
  }
  if (front.magic != kPackedMagic || front.hash != hash_of_struct(front)) {
    return bad_table("its head is damaged");
  }
  if (front.version != kPackedVersion) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("packed segment of version {}; this program reads version {}",
                             front.version, kPackedVersion));
  }
  first_lsn_ = front.first_lsn;
  return ok;
}

Status PackedFile::read_table() {
  const auto size = file_->size();
  if (!size) return Error(ErrorCode::kIo, size.peek_error().text());
  packed_bytes_ = *size;
  Tail tail;
  if (packed_bytes_ < sizeof(Front) + sizeof(tail)) return bad_table("it is cut short");
  const std::uint64_t tail_offset = packed_bytes_ - sizeof(tail);
  auto got = file_->read(tail_offset, reinterpret_cast<char*>(&tail), sizeof(tail));
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  if (*got < sizeof(tail) || tail.magic != kPackedMagic || tail.hash != hash_of_struct(tail)) {
    return bad_table("its end is damaged or missing");
  }
  if (tail.blocks == 0 || tail.blocks > (tail_offset - sizeof(Front)) / sizeof(PackedBlock)) {
    return bad_table("wrong number of blocks");
  }
  blocks_.resize(tail.blocks);
  const std::size_t bytes = blocks_.size() * sizeof(PackedBlock);
  got = file_->read(tail_offset - bytes, reinterpret_cast<char*>(blocks_.data()), bytes);
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  const ByteView lines(reinterpret_cast<const char*>(blocks_.data()), bytes);
  if (*got < bytes || hash_on_disk(lines) != tail.table_hash) {
    return bad_table("its table of blocks is damaged");
  }
  // Nobody but the zstd program needs the head, but damage is damage.
  char head[kTableHeadBytes];
  got = file_->read(tail_offset - bytes - sizeof(head), head, sizeof(head));
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  if (*got < sizeof(head) || load<std::uint32_t>(head) != kTableMagic ||
      load<std::uint32_t>(head + 4) != bytes + sizeof(tail)) {
    return bad_table("the head of its table is damaged");
  }
  image_bytes_ = tail.image_bytes;
  end_lsn_ = tail.end_lsn;
  return blocks_agree(tail_offset - bytes) ? Status(ok) : Status(bad_table("wrong blocks"));
}

// Whether the blocks follow one another, in the file and in the segment, up to the table's head.
bool PackedFile::blocks_agree(std::uint64_t lines_offset) const {
  std::uint64_t end = sizeof(Front);
  std::uint64_t image_end = 0;
  for (const PackedBlock& block : blocks_) {
    if (block.offset != end || block.image_offset != image_end || block.image_bytes == 0) {
      return false;
    }
    end += block.bytes;
    image_end += block.image_bytes;
  }
  return end + kTableHeadBytes == lines_offset && image_end == image_bytes_;
}

std::size_t PackedFile::block_of(Lsn lsn) const {
  const auto after = std::ranges::upper_bound(blocks_, lsn, {}, &PackedBlock::first_lsn);
  if (after == blocks_.begin()) return blocks_.size();
  return static_cast<std::size_t>(after - blocks_.begin()) - 1;
}

Status PackedFile::unpack(const PackedBlock& block, char* into) {
  if (context_ == nullptr) context_ = ZSTD_createDCtx();
  ASSERT(context_ != nullptr);
  packed_.resize(block.bytes);
  const auto got = file_->read(block.offset, packed_.data(), packed_.size());
  if (!got) return Error(ErrorCode::kIo, got.peek_error().text());
  const char* wrong = nullptr;
  if (*got < packed_.size() || hash_on_disk(packed_) != block.hash) {
    wrong = "wrong hash";
  } else {
    const std::size_t size = ZSTD_decompressDCtx(context_, into, block.image_bytes, packed_.data(),
                                                 packed_.size());
    if (ZSTD_isError(size)) {
      wrong = ZSTD_getErrorName(size);
    } else if (size != block.image_bytes) {
      wrong = "wrong length";
    }
  }
  if (wrong == nullptr) return ok;
  damage_ = fmt::format("the packed block at {} of the file is damaged: {}", block.offset, wrong);
  std::memset(into, kDamagedByte, block.image_bytes);
  return ok;
}

Result<std::size_t> PackedFile::read(std::uint64_t offset, char* into, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes && offset + done < image_bytes_) {
    const std::uint64_t at = offset + done;
    const auto after = std::ranges::upper_bound(blocks_, at, {}, &PackedBlock::image_offset);
    ASSERT(after != blocks_.begin());
    const PackedBlock& block = *(after - 1);
    const std::uint64_t skip = at - block.image_offset;
    const std::size_t size = std::min<std::uint64_t>(bytes - done, block.image_bytes - skip);
    if (size == block.image_bytes) {
      if (Status status = unpack(block, into + done); !status) return std::move(status).error();
    } else {
      const auto index = static_cast<std::size_t>(after - 1 - blocks_.begin());
      if (held_ != index) {
        held_ = SIZE_MAX;
        image_.resize(block.image_bytes);
        if (Status status = unpack(block, image_.data()); !status) {
          return std::move(status).error();
        }
        held_ = index;
      }
      std::memcpy(into + done, image_.data() + skip, size);
    }
    done += size;
  }
  return done;
}

Status PackedFile::write(std::uint64_t, std::span<const ByteView>) { return read_only(); }
Status PackedFile::sync() { return read_only(); }
Status PackedFile::allocate(std::uint64_t, std::uint64_t, Fill) { return read_only(); }
Status PackedFile::truncate(std::uint64_t) { return read_only(); }

}  // namespace memoir
