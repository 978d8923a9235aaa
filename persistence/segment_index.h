// SegmentIndex: which records of a sealed segment touch a key, and where LSNs and moments lie.
//
//   <first LSN, 20 digits>.index    beside the segment
//
// A key is known by 48 bits of its hash and database, so a lookup gives every record that touches
// it and, once in many millions, one that does not. It costs a read of some 4 KB, or two. A record
// is named by the LSN at which it begins: the index stays true when the segment is packed, but for
// its places, which tell where frames lie; these serve only for the form they were made from.
//
// An index can always be made again from its segment (index_builder.h), so a damaged one is an
// error here and never an answer. FORMAT.md has the grammar. Not for several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/record_keys.h"
#include "persistence/segment.h"

namespace memoir {

inline constexpr std::uint64_t kIndexMagic = 0x3158'444E'4952'4D4D;  // "MMRINDX1" on disk
inline constexpr std::uint32_t kIndexVersion = 1;
inline constexpr std::size_t kIndexPageBytes = 4096;       // postings are cut behind that many
inline constexpr std::size_t kPlaceStrideBytes = 32 << 10;  // of the segment, between two places

std::string index_name(Lsn first_lsn);
bool parse_index_name(std::string_view name, Lsn& first_lsn);
// The index that belongs to a segment, in whichever form that is.
std::string index_path(const SegmentFile& segment);

// The 48 bits a key is known by.
std::uint64_t key_print(std::uint16_t db, ByteView key);

// As on disk.
struct IndexPage {
  std::uint64_t first_print = 0;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t hash = 0;  // the lower half of XXH3
};
struct IndexPlace {
  Lsn lsn = 0;               // where a frame begins
  std::uint64_t offset = 0;  // in the (plain) segment
  std::int64_t time_us = 0;  // the latest time of all records before it
};
static_assert(sizeof(IndexPage) == 24 && sizeof(IndexPlace) == 24);

// The last bytes of the file.
struct IndexTail {
  std::uint64_t magic = kIndexMagic;
  std::uint32_t version = kIndexVersion;
  std::uint32_t timeline = 0;
  std::uint64_t salt = 0;         // the segment's
  Lsn first_lsn = 0;
  Lsn end_lsn = 0;
  std::uint64_t segment_bytes = 0;  // of the plain segment the places are for
  std::int64_t first_time_us = 0;   // the earliest and latest record's
  std::int64_t last_time_us = 0;
  std::uint64_t records = 0;
  std::uint64_t keys = 0;
  std::uint64_t references = 0;
  std::uint64_t meta_offset = 0;
  std::uint64_t meta_bytes = 0;
  std::uint64_t meta_hash = 0;
  std::uint64_t hash = 0;           // of the bytes before it
};
static_assert(sizeof(IndexTail) == 120);

// A record that concerns more than keys.
struct WholeRecord {
  Lsn first = 0;
  WholeScope scope = WholeScope::kDatabase;
  std::uint16_t db = 0;
};

class SegmentIndex {
 public:
  // kNotFound; kTruncated, kCorrupt, kUnsupported if it is to be made again; kIo.
  static Result<std::unique_ptr<SegmentIndex>> open(FileSystem& files, const std::string& path);

  // What is known of the segment.
  const IndexTail& facts() const { return tail_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  // Where the records begin that touch the key, ascending; those that concern its database or all
  // of them included. kCorrupt if the index is damaged there.
  Result<std::vector<Lsn>> find(std::uint16_t db, ByteView key);
  // Ascending.
  const std::vector<WholeRecord>& whole_records() const { return wholes_; }

  // The last place at or before `lsn`, which is at or behind the segment's begin.
  const IndexPlace& place_of(Lsn lsn) const;
  // The last place before which no record is later than `time_us`.
  const IndexPlace& place_at(std::int64_t time_us) const;
  // Gives the declarations of the sessions up to `lsn`, as they come in the segment.
  Status sessions_before(Lsn lsn, RecordSink& sink) const;

  // Reads every byte and compares hashes.
  Status verify();

 private:
  explicit SegmentIndex(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Status read_tail();
  Status read_meta();
  Result<ByteView> read_page(const IndexPage& page);

  std::unique_ptr<File> file_;
  std::uint64_t file_bytes_ = 0;
  IndexTail tail_;
  std::vector<IndexPage> pages_;
  std::vector<IndexPlace> places_;
  std::vector<WholeRecord> wholes_;
  struct Declarations {
    Lsn lsn;
    Bytes bytes;
  };
  std::vector<Declarations> sessions_;
  Bytes page_;
};

// Of the tail's bytes before its hash.
std::uint64_t hash_of(const IndexTail& tail);

}  // namespace memoir
