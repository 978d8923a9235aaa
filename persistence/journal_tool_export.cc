// memoir-journal export: the journal for others: as an append-only file of Redis, or as JSON lines.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "persistence/aof_export.h"
#include "persistence/journal_position.h"
#include "persistence/journal_tool.h"
#include "persistence/json_lines.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

int failed(const Error& error) {
  complain(error.text());
  const bool damage = error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kTruncated;
  return damage ? kDamaged : kFailed;
}

// Where --at lies; without it, behind everything.
Result<Lsn> end_of(FileSystem& files, const Timeline& timeline, const Options& options) {
  if (!options.at) return std::numeric_limits<Lsn>::max();
  auto position = find_position(files, timeline, *options.at);
  if (!position) return position.error();
  return position->lsn;
}

int export_aof(FileSystem& files, const Target& target, const Timeline& timeline,
               const Options& options) {
  if (options.output.empty()) {
    complain("export --aof needs --to DIR, the directory that is to hold appendonlydir");
    return kFailed;
  }
  if (target.directory.empty()) {
    complain("export --aof takes a directory, since it begins with a snapshot");
    return kFailed;
  }
  auto to = end_of(files, timeline, options);
  if (!to) return failed(to.error());
  auto done = export_append_only(files, timeline,
                                 {.data_directory = parent_path(target.directory),
                                  .to = *to,
                                  .output = options.output});
  if (!done) return failed(done.peek_error());
  fmt::print("{}: {} keys from {}, then {} requests of {} records, up to LSN {}\n",
             done->directory, done->keys,
             done->snapshot ? fmt::format("the snapshot at LSN {}", *done->snapshot)
                            : std::string("the journal's beginning"),
             done->requests, done->records, done->end_lsn);
  if (done->times_left_out > 0) {
    fmt::print("Left out, since Redis 7 does not know it: when fields or members end ({} times). "
               "They are there to stay\n",
               done->times_left_out);
  }
  fmt::print("redis-server loads it with: redis-server --appendonly yes --dir {}\n",
             options.output);
  return kWell;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

int export_json(FileSystem& files, const Target& target, const Timeline& timeline,
                const Options& options) {
  std::unique_ptr<std::FILE, CloseFile> file;
  if (!options.output.empty()) {
    file.reset(std::fopen(options.output.c_str(), "we"));
    if (!file) {
      complain(fmt::format("{}: {}", options.output, std::strerror(errno)));
      return kFailed;
    }
  }
  std::FILE* const out = file ? file.get() : stdout;
  JsonLines lines([out](ByteView text) -> Status {
    if (std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0) {
      return ok;
    }
    return Error(ErrorCode::kIo, fmt::format("cannot write: {}", std::strerror(errno)));
  });
  auto to = end_of(files, timeline, options);
  if (!to) return failed(to.error());
  const Lsn end = std::min(*to, target.until);
  const Lsn first = timeline.segments.front().first_lsn;
  TimelineReader reader(files, timeline, std::max(first, options.from));
  FrameView frame;
  while (reader.lsn() < end) {
    auto more = reader.next(frame);
    if (!more) {
      (void)lines.finish();
      return failed(more.peek_error());
    }
    if (!*more) break;
    if (Status given = deliver_frame(frame, options.from, end, lines); !given) {
      return failed(given.error());
    }
  }
  Status written = lines.finish();
  return written ? kWell : failed(written.error());
}

}  // namespace

int export_journal(FileSystem& files, const Options& options) {
  if (options.aof == options.json) {
    complain("export needs --aof or --json; see --help");
    return kFailed;
  }
  auto target = find_target(files, options.paths.front());
  if (!target) return failed(target.peek_error());
  const Timeline* timeline = find_timeline(*target, options);
  if (timeline == nullptr) return kFailed;
  return options.aof ? export_aof(files, *target, *timeline, options)
                     : export_json(files, *target, *timeline, options);
}

}  // namespace memoir::tool
