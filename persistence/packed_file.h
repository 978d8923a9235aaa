// Packed files: a sealed segment compressed with zstd, which reads as the segment it was made of.
//
// "<first LSN>.journal.zst" is a row of zstd frames, one a block of about 256 KB of the segment's
// bytes, between two skippable frames of our own: a head that names the segment, and at the end the
// table of blocks with LSNs and hashes. So any byte is reached by unpacking one block, and the zstd
// program unpacks the whole to the plain segment. FORMAT.md has the grammar.
//
// PackedFile is a File whose bytes are the segment's; SegmentReader reads it as any other. A
// packed file is written aside, synced and read back before it gets its name, so whatever is wrong
// with one is damage, never a torn write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/record.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace memoir {

// As on disk, one line of the table.
struct PackedBlock {
  std::uint64_t offset = 0;        // in the packed file
  std::uint32_t bytes = 0;
  std::uint32_t image_bytes = 0;   // unpacked
  std::uint64_t image_offset = 0;  // in the segment
  Lsn first_lsn = 0;               // of its first record
  std::int64_t time_us = 0;        // of its first record
  std::uint64_t hash = 0;          // XXH3 of its bytes in the packed file
};
static_assert(sizeof(PackedBlock) == 48);

// Writes a packed file front to back.
class PackedWriter {
 public:
  PackedWriter(File& file, Lsn first_lsn, int level);
  ~PackedWriter();
  PackedWriter(const PackedWriter&) = delete;
  PackedWriter& operator=(const PackedWriter&) = delete;

  // The next bytes of the segment as one block.
  Status add_block(ByteView image, Lsn first_lsn, std::int64_t time_us);
  // The table. `end_lsn` is where the segment's last record ends. Not synced.
  Status finish(Lsn end_lsn);
  std::uint64_t bytes() const { return end_; }

 private:
  File& file_;
  Lsn first_lsn_;
  int level_;
  ZSTD_CCtx_s* context_;
  std::vector<PackedBlock> blocks_;
  Bytes buffer_;
  std::uint64_t end_ = 0;
  std::uint64_t image_end_ = 0;
};

class PackedFile final : public File {
 public:
  // kTruncated, kCorrupt, kUnsupported: not a whole packed file. kIo, kNotFound.
  static Result<std::unique_ptr<PackedFile>> open(FileSystem& files, const std::string& path);
  ~PackedFile() override;

  // Bytes of the segment. Those of a block that is damaged read as 0xFF, which is no frame, and
  // damage() then tells why. Not for several threads at once.
  Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t bytes) override;
  // The segment's length.
  Result<std::uint64_t> size() override { return image_bytes_; }
  const std::string& damage() const { return damage_; }

  const std::vector<PackedBlock>& blocks() const { return blocks_; }
  Lsn first_lsn() const { return first_lsn_; }
  Lsn end_lsn() const { return end_lsn_; }
  // Its own length.
  std::uint64_t packed_bytes() const { return packed_bytes_; }
  // The last block that begins at or before `lsn`; blocks().size() if there is none.
  std::size_t block_of(Lsn lsn) const;

  // Packed files are never written to.
  Status write(std::uint64_t offset, std::span<const ByteView> parts) override;
  Status sync() override;
  Status allocate(std::uint64_t offset, std::uint64_t bytes, Fill fill) override;
  Status truncate(std::uint64_t bytes) override;

 private:
  explicit PackedFile(std::unique_ptr<File> file);
  Status read_front();
  Status read_table();
  bool blocks_agree(std::uint64_t lines_offset) const;
  // Unpacks a block, whose image has room at `into`.
  Status unpack(const PackedBlock& block, char* into);

  std::unique_ptr<File> file_;
  ZSTD_DCtx_s* context_;  // from the first block that is unpacked on
  std::vector<PackedBlock> blocks_;
  Lsn first_lsn_ = 0;
  Lsn end_lsn_ = 0;
  std::uint64_t image_bytes_ = 0;
  std::uint64_t packed_bytes_ = 0;
  std::string damage_;
  Bytes packed_;      // the bytes of one block
  Bytes image_;       // the last block that was wanted in part
  std::size_t held_;  // which; blocks_.size() for none
};

}  // namespace memoir
