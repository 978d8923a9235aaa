#include "persistence/aof_reader.h"

#include <algorithm>
#include <vector>

#include "persistence/aof_input.h"
#include "persistence/aof_manifest.h"
#include "src/base/clock.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

// An RDB begins with "REDIS" or, from Valkey 9 on, "VALKEY".
constexpr ByteView kRdbMagics[] = {"REDIS", "VALKEY"};
constexpr std::size_t kRdbMagicBytesMax = 6;
constexpr const char* kTornSuffix = ".torn";

enum class AofRole : std::uint8_t { kBase, kIncrement, kAlone };

struct AofPart {
  std::string name;
  std::string path;
  AofRole role = AofRole::kBase;
  std::uint64_t size = 0;
};

bool is_there(FileSystem& files, const std::string& path, bool directory) {
  const auto info = files.info(path);
  return info && info->is_directory == directory;
}

std::string manifest_path(const AofLocation& where) {
  return join_path(join_path(where.directory, where.append_directory),
                   where.file_name + ".manifest");
}

Result<AofManifest> load_manifest(FileSystem& files, const AofLocation& where) {
  const std::string path = manifest_path(where);
  if (!is_there(files, path, false)) return Result<AofManifest>(AofManifest{});
  auto text = read_file(files, path);
  if (!text) return Error(text.peek_error().code(), text.peek_error().text());
  auto manifest = parse_aof_manifest(*text);
  if (manifest) return manifest;
  return Error(manifest.peek_error().code(), fmt::format("the AOF manifest {}, {}", path,
                                                         manifest.peek_error().text()));
}

// Whether the one file of a Redis before 7 counts: there is no manifest yet, or it lists only that
// file and Redis has not come to move it.
bool takes_single_file(FileSystem& files, const AofLocation& where, const AofManifest& manifest) {
  if (!is_there(files, join_path(where.directory, where.file_name), false)) return false;
  if (manifest.empty()) return true;
  const std::string moved =
      join_path(join_path(where.directory, where.append_directory), where.file_name);
  return manifest.base && manifest.increments.empty() &&
         manifest.base->name == where.file_name && !is_there(files, moved, false);
}

// The files that are read, in their order; none if there is no AOF.
Result<std::vector<AofPart>> find_parts(FileSystem& files, const AofLocation& where) {
  auto manifest = load_manifest(files, where);
  if (!manifest) return manifest.error();
  std::vector<AofPart> parts;
  if (takes_single_file(files, where, *manifest)) {
    parts.push_back({.name = where.file_name,
                     .path = join_path(where.directory, where.file_name),
                     .role = AofRole::kAlone});
    return parts;
  }
  const std::string directory = join_path(where.directory, where.append_directory);
  const auto add = [&](const AofFile& file, AofRole role) {
    parts.push_back({.name = file.name, .path = join_path(directory, file.name), .role = role});
  };
  if (manifest->base) add(*manifest->base, AofRole::kBase);
  for (const AofFile& file : manifest->increments) add(file, AofRole::kIncrement);
  return parts;
}

bool is_word(std::span<const ByteView> words, ByteView name) {
  return equals_ignoring_case(words[0], name);
}

// The RDB in front of a file, with progress told while it is read.
class CountedSource final : public RdbSource {
 public:
  CountedSource(File& file, std::uint64_t size, std::function<void(std::uint64_t)> told)
      : source_(file, size), size_(size), told_(std::move(told)) {}
  Result<std::size_t> read(char* into, std::size_t bytes) override {
    told_(size_ - source_.left());
    return source_.read(into, bytes);
  }
  std::uint64_t left() const override { return source_.left(); }

 private:
  RdbFileSource source_;
  std::uint64_t size_;
  std::function<void(std::uint64_t)> told_;
};

class AofLoader {
 public:
  AofLoader(FileSystem& files, const AofOptions& options, AofEvents& events)
      : files_(files), options_(options), events_(events), time_us_(options.time_us) {}

  Result<AofSummary> load(std::vector<AofPart> parts) {
    summary_.found = true;
    for (AofPart& part : parts) {
      if (Status sized = measure(part); !sized) return std::move(sized).error();
      total_ += part.size;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      part_ = &parts[i];
      is_last_ = i + 1 == parts.size();
      if (Status read = read_part(); !read) return std::move(read).error();
      before_ += part_->size;
      ++summary_.files;
    }
    summary_.bytes = total_;
    return std::move(summary_);
  }

 private:
  using Item = AofInput::Item;

  Status measure(AofPart& part) {
    auto file = files_.open(part.path, OpenMode::kRead);
    if (!file && file.peek_error().code() == ErrorCode::kNotFound) {
      return Error(ErrorCode::kNotFound,
                   fmt::format("The append log file {} doesn't exist", part.name));
    }
    if (!file) {
      return Error(file.peek_error().code(),
                   fmt::format("can't open the append log file {} for reading: {}", part.name,
                               file.peek_error().text()));
    }
    auto size = (*file)->size();
    if (!size) return size.error();
    part.size = *size;
    return ok;
  }

  Status read_part() {
    if (part_->size == 0) return ok;
    const SystemClock clock;
    const std::int64_t started_us = clock.monotonic_us();
    auto file = files_.open(part_->path, OpenMode::kRead);
    if (!file) return file.error();
    std::uint64_t begin = 0;
    if (Status read = read_rdb(**file, begin); !read) return read;
    if (Status read = read_requests(**file, begin); !read) return read;
    const double seconds = static_cast<double>(clock.monotonic_us() - started_us) / 1e6;
    log_notice("DB loaded from {} file {}: {:.3f} seconds",
               part_->role == AofRole::kIncrement ? "incr" : "base", part_->name, seconds);
    return ok;
  }

  // ---- the RDB in front

  Status read_rdb(File& file, std::uint64_t& end) {
    char magic[kRdbMagicBytesMax];
    auto read = file.read(0, magic, sizeof(magic));
    if (!read) return cannot_read(read.error());
    const ByteView front(magic, *read);
    if (std::ranges::none_of(kRdbMagics, [&](ByteView m) { return front.starts_with(m); })) {
      return ok;
    }
    const bool old_style = part_->role == AofRole::kAlone;
    log_notice("{}", old_style ? "Reading RDB preamble from AOF file..."
                               : "Reading RDB base file on AOF loading...");
    CountedSource source(file, part_->size, [this](std::uint64_t at) { tell_progress(at); });
    RdbReader in(source);
    Status done = read_rdb_file(in, options_.checksum, events_);
    end = in.position();
    if (done && old_style) log_notice("Reading the remaining AOF tail...");
    if (done) return ok;
    return Error(done.error().code(),
                 fmt::format("Error reading the RDB {} {}, AOF loading aborted: {}",
                             old_style ? "preamble of the AOF file" : "base file", part_->name,
                             done.error().text()));
  }

  // ---- requests

  Status read_requests(File& file, std::uint64_t begin) {
    AofInput in(file, part_->size, begin, options_.buffer_bytes);
    db_ = 0;
    for (;;) {
      const std::uint64_t before = in.offset();
      const Item item = in.next();
      tell_progress(in.offset());
      switch (item) {
        case Item::kAnnotation:
          take_annotation(in.annotation());
          continue;
        case Item::kRequest:
          break;
        case Item::kEnd:
          return ok;
        case Item::kTorn:
          return torn(in.offset());
        default:
          return trouble(item, in);
      }
      if (is_word(in.words(), "multi")) {
        bool complete = false;
        if (Status done = read_transaction(in, complete); !done) return done;
        if (complete) continue;
        log_warning("Revert incomplete MULTI/EXEC transaction in AOF file {}", part_->name);
        return torn(before);
      }
      if (Status done = take_request(in, before, false); !done) return done;
    }
  }

  // Behind a MULTI: looks for its EXEC first, and gives what is between only if there is one. So a
  // transaction takes no more memory than its longest request.
  Status read_transaction(AofInput& in, bool& complete) {
    const std::uint64_t begin = in.offset();
    for (;;) {
      const Item item = in.next();
      if (item == Item::kEnd || item == Item::kTorn) return ok;
      if (item == Item::kAnnotation) continue;
      if (item != Item::kRequest) return trouble(item, in);
      if (is_word(in.words(), "exec")) break;
    }
    complete = true;
    in.rewind(begin);
    for (;;) {
      const std::uint64_t before = in.offset();
      const Item item = in.next();
      tell_progress(in.offset());
      if (item == Item::kAnnotation) {
        take_annotation(in.annotation());
      } else if (item != Item::kRequest) {
        return trouble(item, in);
      } else if (is_word(in.words(), "exec")) {
        return ok;
      } else if (Status done = take_request(in, before, true); !done) {
        return done;
      }
    }
  }

  Status take_request(AofInput& in, std::uint64_t at, bool in_transaction) {
    const std::span<const ByteView> words = in.words();
    Status done = ok;
    if (is_word(words, "select")) {
      const auto db = words.size() == 2 ? parse_integer(words[1]) : std::nullopt;
      if (db && *db >= 0) {
        db_ = static_cast<std::uint64_t>(*db);
        return ok;
      }
      done = Error(ErrorCode::kCorrupt, "invalid DB index");
    } else {
      ++summary_.requests;
      done = events_.request({.words = words,
                              .db = db_,
                              .time_us = time_us_,
                              .in_transaction = in_transaction});
    }
    if (done) return ok;
    return Error(done.error().code(),
                 fmt::format("{}, reading the append only file {} at offset {}",
                             done.error().text(), part_->name, at));
  }

  void take_annotation(ByteView text) {
    static constexpr ByteView kTime = "TS:";
    std::int64_t seconds = 0;
    if (!text.starts_with(kTime) || !parse_digits(text.substr(kTime.size()), seconds)) return;
    if (seconds < 0 || seconds > INT64_MAX / 1'000'000) return;
    time_us_ = seconds * 1'000'000;
    summary_.time_us = time_us_;
  }

  // ---- trouble

  Status torn(std::uint64_t offset) {
    const std::string& name = part_->name;
    if (!is_last_) {
      return Error(ErrorCode::kTruncated,
                   fmt::format("Unexpected end of file reading the append only file {} at offset "
                               "{}: the truncated file is not the last file",
                               name, offset));
    }
    if (!options_.load_truncated) {
      return Error(ErrorCode::kTruncated,
                   fmt::format("Unexpected end of file reading the append only file {} at offset "
                               "{}. Either make a backup of it and use redis-check-aof --fix "
                               "<filename.manifest>, or set aof-load-truncated to yes",
                               name, offset));
    }
    log_warning("!!! Warning: short read while loading the AOF file {}!!!", name);
    log_warning("!!! Truncating the AOF {} at offset {} !!!", name, offset);
    if (Status done = cut(offset); !done) {
      return Error(done.error().code(), fmt::format("Error truncating the AOF file {}: {}", name,
                                                    done.error().text()));
    }
    log_warning("AOF {} loaded anyway because aof-load-truncated is enabled; what was cut off is "
                "kept as {}{}",
                name, name, kTornSuffix);
    summary_.cut_bytes = part_->size - offset;
    return ok;
  }

  Status cut(std::uint64_t offset) {
    if (Status done = copy_file(files_, part_->path, offset, part_->path + kTornSuffix); !done) {
      return done;
    }
    auto file = files_.open(part_->path, OpenMode::kWrite);
    if (!file) return file.error();
    if (Status done = (*file)->truncate(offset); !done) return done;
    if (Status done = (*file)->sync(); !done) return done;
    return files_.sync_directory(parent_path(part_->path));
  }

  Status trouble(Item item, AofInput& in) {
    if (item == Item::kFailed) return cannot_read(in.take_error());
    // What rewind() led back to has been read once, so a file that is shorter now has changed.
    const bool bad = item == Item::kBad;
    return Error(ErrorCode::kCorrupt,
                 bad ? fmt::format("Bad file format reading the append only file {} at offset {}: "
                                   "make a backup of your AOF file, then use redis-check-aof "
                                   "--fix <filename.manifest>",
                                   part_->name, in.offset())
                     : fmt::format("the append only file {} changes while it is read",
                                   part_->name));
  }

  Error cannot_read(const Error& why) const {
    return {why.code(), fmt::format("Unrecoverable error reading the append only file {}: {}",
                                    part_->name, why.text())};
  }

  void tell_progress(std::uint64_t at) {
    if (!options_.progress || before_ + at < next_progress_) return;
    next_progress_ = before_ + at + options_.progress_bytes;
    options_.progress({.file = part_->name, .bytes_read = before_ + at, .bytes_total = total_});
  }

  FileSystem& files_;
  const AofOptions& options_;
  AofEvents& events_;
  AofSummary summary_;
  const AofPart* part_ = nullptr;
  bool is_last_ = false;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;  // bytes of the files that are done
  std::uint64_t next_progress_ = 0;
  std::uint64_t db_ = 0;
  std::int64_t time_us_;
};

}  // namespace

Result<bool> append_only_exists(FileSystem& files, const AofLocation& where) {
  auto parts = find_parts(files, where);
  if (!parts) return parts.error();
  return !parts->empty();
}

Result<AofSummary> read_append_only(FileSystem& files, const AofLocation& where,
                                    const AofOptions& options, AofEvents& events) {
  auto parts = find_parts(files, where);
  if (!parts) return parts.error();
  if (parts->empty()) return AofSummary{};
  return AofLoader(files, options, events).load(*std::move(parts));
}

}  // namespace memoir
