#include "persistence/segment.h"

#include <algorithm>
#include <cstring>

#include "persistence/packed_file.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/number.h"
#include "src/base/random.h"

namespace memoir {

namespace {

constexpr std::string_view kSegmentSuffix = ".journal";
constexpr std::string_view kPackedSuffix = ".journal.zst";
constexpr std::size_t kSegmentDigits = 20;
constexpr std::size_t kTimelineDigits = 8;

std::uint64_t header_hash(const SegmentHeader& header) {
  return hash_on_disk(bytes_of(header).substr(0, offsetof(SegmentHeader, hash)));
}

bool parse_name(std::string_view name, std::string_view suffix, Lsn& first_lsn) {
  return name.size() == kSegmentDigits + suffix.size() && name.ends_with(suffix) &&
         parse_digits(name.substr(0, kSegmentDigits), first_lsn);
}

bool all_zero(ByteView bytes) {
  if (bytes.empty()) return true;
  // The first byte is zero and every byte equals the one before it.
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

ByteView bytes_of(const SegmentHeader& header) {
  return {reinterpret_cast<const char*>(&header), sizeof(header)};
}

SegmentHeader make_segment_header(std::uint32_t timeline, ByteView replication_id,
                                  std::int64_t created_us) {
  ASSERT(replication_id.size() == kReplicationIdChars);
  SegmentHeader header;
  header.timeline = timeline;
  header.created_us = created_us;
  header.salt = system_random();
  std::memcpy(header.replication_id, replication_id.data(), kReplicationIdChars);
  seal_header(header);
  return header;
}

void seal_header(SegmentHeader& header) { header.hash = header_hash(header); }

Result<SegmentHeader> decode_segment_header(ByteView in) {
  if (in.size() < kSegmentHeaderBytes) {
    return Error(ErrorCode::kTruncated, "the file is shorter than a segment's header");
  }
  auto header = load<SegmentHeader>(in.data());
  if (header.magic != kSegmentMagic) {
    return Error(ErrorCode::kCorrupt, "not a journal segment, or its header is damaged");
  }
  if (header.hash != header_hash(header)) {
    return Error(ErrorCode::kCorrupt, "wrong hash of the segment's header");
  }
  if (header.version != kSegmentVersion) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("segment of version {}; this program reads version {}", header.version,
                             kSegmentVersion));
  }
  return header;
}

std::string segment_name(Lsn first_lsn) {
  return fmt::format("{:0{}}{}", first_lsn, kSegmentDigits, kSegmentSuffix);
}

bool parse_segment_name(std::string_view name, Lsn& first_lsn) {
  return parse_name(name, kSegmentSuffix, first_lsn);
}

std::string packed_name(Lsn first_lsn) {
  return fmt::format("{:0{}}{}", first_lsn, kSegmentDigits, kPackedSuffix);
}

bool parse_packed_name(std::string_view name, Lsn& first_lsn) {
  return parse_name(name, kPackedSuffix, first_lsn);
}

std::string timeline_name(std::uint32_t timeline) {
  return fmt::format("{:0{}}", timeline, kTimelineDigits);
}

bool parse_timeline_name(std::string_view name, std::uint32_t& timeline) {
  return name.size() == kTimelineDigits && parse_digits(name, timeline);
}

Result<Timeline> list_segments(FileSystem& files, const std::string& path, std::uint32_t number) {
  auto entries = files.list(path);
  if (!entries) return entries.error();
  Timeline timeline{.number = number, .path = path, .segments = {}};
  for (const DirectoryEntry& entry : *entries) {
    Lsn first_lsn = 0;
    if (entry.is_directory) continue;
    const bool plain = parse_segment_name(entry.name, first_lsn);
    if (!plain && !parse_packed_name(entry.name, first_lsn)) continue;
    // By name the plain form comes first.
    auto& segments = timeline.segments;
    if (!segments.empty() && segments.back().first_lsn == first_lsn) continue;
    segments.push_back(
        {.first_lsn = first_lsn, .path = join_path(path, entry.name), .packed = !plain});
  }
  return timeline;
}

Result<std::vector<Timeline>> list_timelines(FileSystem& files, const std::string& directory) {
  std::vector<Timeline> timelines;
  auto entries = files.list(directory);
  if (!entries && entries.peek_error().code() == ErrorCode::kNotFound) return timelines;
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    std::uint32_t number = 0;
    if (!entry.is_directory || !parse_timeline_name(entry.name, number)) continue;
    auto timeline = list_segments(files, join_path(directory, entry.name), number);
    if (!timeline) return timeline.error();
    if (!timeline->segments.empty()) timelines.push_back(*std::move(timeline));
  }
  return timelines;
}

Result<std::uint64_t> segment_bytes(FileSystem& files, const SegmentFile& segment) {
  auto size = [&]() -> Result<std::uint64_t> {
    if (!segment.packed) {
      auto file = files.open(segment.path, OpenMode::kRead);
      if (!file) return file.error();
      return (*file)->size();
    }
    auto file = PackedFile::open(files, segment.path);
    if (!file) return file.error();
    return (*file)->size();
  }();
  if (size) return size;
  return Error(size.peek_error().code(), segment.path + ": " + size.peek_error().text());
}

Result<bool> is_blank_file(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  Bytes buffer(1UL << 20, '\0');
  for (std::uint64_t at = 0;; ) {
    const auto got = (*file)->read(at, buffer.data(), buffer.size());
    if (!got) return Error(ErrorCode::kIo, path + ": " + got.peek_error().text());
    if (*got == 0) return true;
    if (!all_zero(ByteView(buffer).substr(0, *got))) return false;
    at += *got;
  }
}

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(FileSystem& files,
                                                           const std::string& path,
                                                           std::size_t buffer_bytes) {
  Lsn first_lsn = 0;
  if (parse_packed_name(base_name(path), first_lsn)) return open_packed(files, path, buffer_bytes);
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  std::unique_ptr<SegmentReader> reader(new SegmentReader(*std::move(file), path, buffer_bytes));
  if (Status status = reader->read_header(); !status) return std::move(status).error();
  return reader;
}

Result<std::unique_ptr<SegmentReader>> SegmentReader::open_packed(FileSystem& files,
                                                                  const std::string& path,
                                                                  std::size_t buffer_bytes) {
  auto file = PackedFile::open(files, path);
  if (!file) return file.error();
  PackedFile* const packed = file->get();
  std::unique_ptr<SegmentReader> reader(new SegmentReader(*std::move(file), path, buffer_bytes));
  reader->packed_ = packed;
  Status status = reader->read_header();
  if (!status && !packed->damage().empty()) return Error(ErrorCode::kCorrupt, packed->damage());
  if (!status) return std::move(status).error();
  return reader;
}

Status SegmentReader::read_header() {
  auto front = view(0, kSegmentHeaderBytes);
  if (!front) return Error(front.peek_error().clone());
  auto header = decode_segment_header(*front);
  if (!header) return Error(header.peek_error().clone());
  header_ = *header;
  return ok;
}

Error SegmentReader::read_error(const Error& error) const {
  return Error(ErrorCode::kIo, path_ + ": " + error.text());
}

Result<std::uint64_t> SegmentReader::size() const {
  auto size = file_->size();
  if (!size) return read_error(size.peek_error());
  return size;
}

// The file from `offset` on: at least `need` bytes, or all there are.
Result<ByteView> SegmentReader::view(std::uint64_t offset, std::size_t need) {
  const std::uint64_t window_end = window_offset_ + window_bytes_;
  if (offset >= window_offset_ && offset + need <= window_end) {
    return ByteView(window_.get() + (offset - window_offset_), window_end - offset);
  }
  const bool inside = offset >= window_offset_ && offset < window_end;
  const std::size_t kept = inside ? window_end - offset : 0;
  const std::size_t wanted = std::max(need, buffer_bytes_);
  if (wanted > window_capacity_) {
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (kept > 0) std::memcpy(larger.get(), window_.get() + (offset - window_offset_), kept);
    window_ = std::move(larger);
    window_capacity_ = wanted;
  } else if (kept > 0) {
    std::memmove(window_.get(), window_.get() + (offset - window_offset_), kept);
  }
  window_offset_ = offset;
  window_bytes_ = kept;
  const auto got = file_->read(offset + kept, window_.get() + kept, window_capacity_ - kept);
  if (!got) {
    window_bytes_ = 0;
    return read_error(got.peek_error());
  }
  window_bytes_ += *got;
  return ByteView(window_.get(), window_bytes_);
}

Result<bool> SegmentReader::zeros_from(std::uint64_t offset) {
  for (;;) {
    auto bytes = view(offset, 1);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return true;
    if (!all_zero(*bytes)) return false;
    offset += bytes->size();
  }
}

Result<SegmentReader::Outcome> SegmentReader::damage(const Error& why) {
  auto zeros = zeros_from(offset_);
  window_bytes_ = 0;  // the file may have grown by the next call
  if (!zeros) return zeros.error();
  if (*zeros) return Outcome::kEnd;
  reason_ = packed_ && !packed_->damage().empty() ? packed_->damage() : why.text();
  return Outcome::kDamage;
}

Result<SegmentReader::Outcome> SegmentReader::next(FrameView& frame) {
  auto bytes = view(offset_, kFrameHeadBytes);
  if (!bytes) return bytes.error();
  FrameHead head;
  if (Status status = decode_head(*bytes, header_.salt, head); !status) {
    return damage(status.error());
  }
  const std::uint64_t frame_bytes = kFrameHeadBytes + head.body_bytes();
  if (bytes->size() < frame_bytes) {
    const auto length = size();
    if (!length) return Error(length.peek_error().clone());
    if (offset_ + frame_bytes > *length) {
      return damage(Error(ErrorCode::kTruncated, "the file ends within a frame"));
    }
    bytes = view(offset_, frame_bytes);
    if (!bytes) return bytes.error();
  }
  if (Status status = decode_frame(*bytes, header_.salt, frame); !status) {
    return damage(status.error());
  }
  offset_ += frame_bytes;
  return Outcome::kFrame;
}

Result<SegmentReader::Later> SegmentReader::look_ahead(First first) {
  char magic[sizeof(kFrameMagic)];
  std::memcpy(magic, &kFrameMagic, sizeof(magic));
  const ByteView needle(magic, sizeof(magic));

  Later later;
  std::uint64_t at = offset_;
  for (;;) {
    auto bytes = view(at, kFrameHeadBytes);
    if (!bytes) return bytes.error();
    if (bytes->size() < kFrameHeadBytes) return later;
    FrameHead head;
    if (decode_head(*bytes, header_.salt, head)) {
      // A head with a sound hash tells the truth even if its body does not.
      const bool sound = at != offset_ || first == First::kMayBeSound;
      if (sound && later.frames++ == 0) {
        later.first_offset = at;
        later.first_lsn = head.first_lsn;
      }
      later.synced_lsn = std::max(later.synced_lsn, head.synced_lsn);
      const auto length = size();
      if (!length) return Error(length.peek_error().clone());
      const std::uint64_t end = at + kFrameHeadBytes + head.body_bytes();
      at = end <= *length ? end : at + kFrameHeadBytes;
      continue;
    }
    const std::size_t found = bytes->find(needle, 1);
    // Without one, all but the last three bytes, which may begin one, are done with.
    at += found != ByteView::npos ? found : bytes->size() - (sizeof(magic) - 1);
  }
}

}  // namespace memoir
