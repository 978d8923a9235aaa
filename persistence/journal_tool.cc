// memoir-journal: looks at a journal without a server: print, verify, repair.
//
// Exit codes: 0 all is well, 1 damage was found (or repair wants to be confirmed), 2 the command
// cannot be carried out.
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/recovery.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {

namespace {

constexpr int kWell = 0;
constexpr int kDamaged = 1;
constexpr int kFailed = 2;
constexpr std::size_t kOutputBytes = 256UL << 10;

constexpr std::string_view kHelp =
    R"(memoir-journal: look at, check and repair a Memoir journal. No server is needed.

  memoir-journal print [options] PATH...    records as text, one request a line
      --from LSN        only records that end behind this position
      --to LSN          only records that end at or before this position
      --timeline N      this timeline instead of the newest
      --session-info    with the user, address and client name behind each record
  memoir-journal verify PATH...             checks every byte; exit code 1 on damage
  memoir-journal repair [--yes] PATH        cuts a journal at its first damage; what is
                                            taken away stays beside it as *.damaged
  memoir-journal --help

PATH is the server's data directory, its journal directory, a timeline's directory in that,
or one segment (not for repair). print and verify may run beside a server;
for repair the server must be down.

A line of print:  time (UTC)  LSN  db  [user address client]  "WORD" "WORD" ...
)";

void complain(const std::string& text) {
  std::fprintf(stderr, "memoir-journal: %s\n", text.c_str());
}

// ---- what a path means -------------------------------------------------------------------------

// The timelines a path stands for, ascending; `directory` is the journal's. Of one segment: the
// timeline from that segment on, of which only LSNs below `until` are meant, and no directory.
struct Target {
  std::string directory;
  std::vector<Timeline> timelines;
  Lsn until = std::numeric_limits<Lsn>::max();
};

Result<Target> single_segment(FileSystem& files, const std::string& path) {
  Lsn first_lsn = 0;
  if (!parse_segment_name(base_name(path), first_lsn)) {
    return Error(ErrorCode::kNotFound,
                 path + " is not a segment: its name is not 20 digits and '.journal'");
  }
  auto reader = SegmentReader::open(files, path, kSegmentHeaderBytes);
  if (!reader) return Error(reader.peek_error().code(), path + ": " + reader.peek_error().text());
  Target target{.directory = "",
                .timelines = {{.number = (*reader)->header().timeline,
                               .path = parent_path(path),
                               .segments = {{.first_lsn = first_lsn, .path = path}}}}};
  // The segments that follow tell whether its end is damaged or torn.
  auto siblings = list_segments(files, parent_path(path), target.timelines[0].number);
  if (!siblings) return siblings.error();
  for (const SegmentFile& later : siblings->segments) {
    if (later.first_lsn <= first_lsn) continue;
    target.until = std::min(target.until, later.first_lsn);
    target.timelines[0].segments.push_back(later);
  }
  return target;
}

Result<Target> find_target(FileSystem& files, const std::string& path) {
  const auto known = files.info(path);
  if (!known) return known.peek_error().clone();
  if (!known->is_directory) return single_segment(files, path);
  std::uint32_t number = 0;
  if (parse_timeline_name(base_name(path), number)) {
    auto timeline = list_segments(files, path, number);
    if (!timeline) return timeline.error();
    if (timeline->segments.empty()) return Error(ErrorCode::kNotFound, path + ": no segments");
    Target target;
    target.directory = parent_path(path);
    target.timelines.push_back(*std::move(timeline));
    return target;
  }
  for (const std::string& directory : {path, join_path(path, "journal")}) {
    auto timelines = list_timelines(files, directory);
    if (!timelines) return timelines.error();
    if (timelines->empty()) continue;
    Target target;
    target.directory = directory;
    target.timelines = *std::move(timelines);
    return target;
  }
  return Error(ErrorCode::kNotFound,
               path + ": no journal here (a journal is 'journal/<8 digits>/<20 digits>.journal')");
}

// ---- print -------------------------------------------------------------------------------------

// Quoted as MONITOR quotes: printable characters as they are, others as escapes.
void append_quoted(Bytes& out, ByteView word) {
  out.push_back('"');
  for (const char c : word) {
    switch (c) {
      case '\\':
      case '"': out.append({'\\', c}); break;
      case '\n': out.append("\\n"); break;
      case '\r': out.append("\\r"); break;
      case '\t': out.append("\\t"); break;
      case '\a': out.append("\\a"); break;
      case '\b': out.append("\\b"); break;
      default:
        if (c >= 0x20 && c < 0x7F) {
          out.push_back(c);
        } else {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  out.push_back('"');
}

class Printer final : public RecordSink {
 public:
  explicit Printer(bool with_sessions) : with_sessions_(with_sessions) {}
  ~Printer() override { write_out(); }

  void on_session(const SessionView& session) override {
    Bytes& text = sessions_[session.id];
    text.clear();
    append_quoted(text, session.user);
    text.push_back(' ');
    append_quoted(text, session.address);
    text.push_back(' ');
    append_quoted(text, session.client_name);
  }

  Status on_record(const RecordView& record) override {
    prefix_.clear();
    append_time(record.time_us);
    fmt::format_to(std::back_inserter(prefix_), " {} {} ", record.lsn, record.db);
    if (with_sessions_) append_session_of(record.session);
    RequestCursor cursor(record.words);
    // The SELECTs around a record of another database belong to the stream, not to the change.
    const bool wrapped = record.db != 0 && (record.flags & kForeign) == 0;
    bool more = cursor.next(words_);
    if (wrapped && more) more = cursor.next(words_);
    while (more) {
      line_ = prefix_;
      for (const ByteView word : words_) {
        append_quoted(line_, word);
        line_.push_back(' ');
      }
      line_.back() = '\n';
      more = cursor.next(words_);
      if (more || !wrapped) put(line_);
    }
    if (cursor.failed()) {
      append_quoted(prefix_, record.words);
      put(prefix_ + " (not a request)\n");
    }
    return ok;
  }

  void write_out() {
    std::fwrite(out_.data(), 1, out_.size(), stdout);
    std::fflush(stdout);
    out_.clear();
  }

 private:
  void put(ByteView line) {
    out_.append(line);
    if (out_.size() >= kOutputBytes) write_out();
  }
  void append_time(std::int64_t time_us) {
    const std::int64_t second = time_us / 1'000'000;
    if (second != second_) {
      second_ = second;
      const auto when = static_cast<std::time_t>(second);
      std::tm parts = {};
      gmtime_r(&when, &parts);
      char text[40];
      second_text_ = Bytes(text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts));
    }
    fmt::format_to(std::back_inserter(prefix_), "{}.{:06}Z", second_text_, time_us % 1'000'000);
  }
  void append_session_of(std::uint32_t id) {
    const auto found = sessions_.find(id);
    prefix_.append(found == sessions_.end() || id == 0 ? "- - -" : found->second);
    prefix_.push_back(' ');
  }

  bool with_sessions_;
  std::map<std::uint32_t, Bytes> sessions_;
  std::vector<ByteView> words_;
  Bytes prefix_;
  Bytes line_;
  Bytes out_;
  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();
  Bytes second_text_;
};

struct Options {
  Lsn from = 0;
  Lsn to = std::numeric_limits<Lsn>::max();
  std::optional<std::uint64_t> timeline;
  bool session_info = false;
  bool yes = false;
  std::vector<std::string> paths;
};

int print_timeline(FileSystem& files, const Timeline& timeline, Lsn until,
                   const Options& options) {
  Printer printer(options.session_info);
  TimelineReader reader(files, timeline, options.from);
  FrameView frame;
  until = std::min(until, options.to);
  while (reader.lsn() < until) {
    auto more = reader.next(frame);
    if (!more) {
      printer.write_out();
      complain(more.peek_error().text());
      return reader.damage() ? kDamaged : kFailed;
    }
    if (!*more) break;
    if (Status done = deliver_frame(frame, options.from, options.to, printer); !done) {
      printer.write_out();
      complain(done.error().text());
      return kDamaged;
    }
  }
  printer.write_out();
  if (reader.torn()) {
    complain(fmt::format("note: {} ends in a torn write at offset {} (LSN {}): {}",
                         reader.torn()->path, reader.torn()->offset, reader.torn()->lsn,
                         reader.torn()->reason));
  }
  return kWell;
}

int print(FileSystem& files, const Options& options) {
  int code = kWell;
  for (const std::string& path : options.paths) {
    auto target = find_target(files, path);
    if (!target) {
      complain(target.peek_error().text());
      return kFailed;
    }
    const Timeline* chosen = &target->timelines.back();
    if (options.timeline) {
      chosen = nullptr;
      for (const Timeline& timeline : target->timelines) {
        if (timeline.number == *options.timeline) chosen = &timeline;
      }
      if (chosen == nullptr) {
        complain(fmt::format("{}: there is no timeline {}", path, *options.timeline));
        return kFailed;
      }
    }
    code = std::max(code, print_timeline(files, *chosen, target->until, options));
  }
  return code;
}

// ---- verify ------------------------------------------------------------------------------------

// Counts records and checks that each is made of requests.
class Inspector final : public RecordSink {
 public:
  Status on_record(const RecordView& record) override {
    ++records;
    RequestCursor cursor(record.words);
    while (cursor.next(words_)) {
    }
    if (!cursor.failed() || (record.flags & kForeign) != 0) return ok;
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the record at LSN {} is not made of requests", record.first));
  }
  std::uint64_t records = 0;

 private:
  std::vector<ByteView> words_;
};

constexpr const char* kClosed = "closed in good order";
constexpr const char* kOpen = "not closed: a running server or a crash";

void report(const TimelineReader& reader, Lsn first_lsn, std::uint64_t frames,
            std::uint64_t records, const char* end, std::size_t segments) {
  fmt::print("timeline {}: {} {}, LSN {} to {}, {} frames, {} records; {}\n",
             reader.timeline().number, segments, segments == 1 ? "segment" : "segments", first_lsn,
             reader.lsn(), frames, records, reader.torn() ? "a torn write at its end" : end);
  if (!reader.torn()) return;
  const TimelineReader::Place& torn = *reader.torn();
  fmt::print("  {} at offset {} (LSN {}): {}; {} frames behind it. None of that was ever synced; "
             "the server cuts it when it starts\n",
             torn.path, torn.offset, torn.lsn, torn.reason, torn.frames_behind);
}

int verify_timeline(FileSystem& files, const Timeline& timeline, Lsn until) {
  const Lsn first_lsn = timeline.segments.front().first_lsn;
  TimelineReader reader(files, timeline, first_lsn);
  Inspector inspector;
  FrameView frame;
  std::uint64_t frames = 0;
  bool closed = false;
  while (reader.lsn() < until) {
    auto more = reader.next(frame);
    if (!more) {
      complain(more.peek_error().text());
      return reader.damage() ? kDamaged : kFailed;
    }
    if (!*more) break;
    ++frames;
    closed = frame.head.count == 0;
    if (Status done = deliver_frame(frame, 0, UINT64_MAX, inspector); !done) {
      complain(fmt::format("{} before offset {}: {}", timeline.segments[reader.segment()].path,
                           reader.offset(), done.error().text()));
      return kDamaged;
    }
  }
  const bool one = until != std::numeric_limits<Lsn>::max();
  report(reader, first_lsn, frames, inspector.records, one ? "sealed" : closed ? kClosed : kOpen,
         one ? 1 : timeline.segments.size());
  return kWell;
}

int verify(FileSystem& files, const Options& options) {
  int code = kWell;
  for (const std::string& path : options.paths) {
    auto target = find_target(files, path);
    if (!target) {
      complain(target.peek_error().text());
      code = std::max(code, target.peek_error().code() == ErrorCode::kCorrupt ||
                                    target.peek_error().code() == ErrorCode::kTruncated
                                ? kDamaged
                                : kFailed);
      continue;
    }
    for (const Timeline& timeline : target->timelines) {
      code = std::max(code, verify_timeline(files, timeline, target->until));
    }
  }
  return code;
}

// ---- repair ------------------------------------------------------------------------------------

// The first place of the timeline that cannot be read, damage or torn; nothing if all is well.
Result<std::optional<TimelineReader::Place>> first_bad_place(FileSystem& files,
                                                             const Timeline& timeline) {
  TimelineReader reader(files, timeline, timeline.segments.front().first_lsn);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more && reader.damage()) return reader.damage();
    if (!more) return more.error();
    if (!*more) return reader.torn();
  }
}

int cut(FileSystem& files, const Timeline& timeline, const TimelineReader::Place& place,
        bool confirmed) {
  const std::size_t later = timeline.segments.size() - place.segment - 1;
  fmt::print("{} is bad at offset {} (LSN {}): {}\n", place.path, place.offset, place.lsn,
             place.reason);
  fmt::print("Repair cuts the journal there: it then ends at LSN {}. The database loses {} sound "
             "frames behind that place, those of {} later segments included.\n",
             place.lsn, place.frames_behind, later);
  if (!confirmed) {
    fmt::print("Nothing has been changed. To do it: memoir-journal repair --yes PATH\n");
    return kDamaged;
  }
  if (Status done = cut_timeline(files, timeline, place.segment, place.offset, ".damaged"); !done) {
    complain(done.error().text());
    return kFailed;
  }
  fmt::print("Done. What was taken away is kept in {} as *.damaged\n", timeline.path);
  return kWell;
}

int repair(FileSystem& files, const Options& options) {
  auto target = find_target(files, options.paths.front());
  if (!target) {
    complain(target.peek_error().text());
    return kFailed;
  }
  if (target->directory.empty()) {
    complain("repair takes a directory, since it must see the segments that follow");
    return kFailed;
  }
  auto lock = files.lock(join_path(target->directory, "lock"));
  if (!lock) {
    complain(lock.peek_error().text() + "; stop the server first");
    return kFailed;
  }
  const Timeline& timeline = target->timelines.back();
  auto place = first_bad_place(files, timeline);
  if (!place) {
    complain(place.peek_error().text());
    return kFailed;
  }
  if (*place) return cut(files, timeline, **place, options.yes);
  fmt::print("Timeline {} is sound: there is nothing to repair.\n", timeline.number);
  return kWell;
}

// ---- command line ------------------------------------------------------------------------------

bool take_number(const std::vector<std::string>& args, std::size_t& at, std::uint64_t& value) {
  const std::string& option = args[at];
  const auto number =
      at + 1 < args.size() ? parse_unsigned(args[++at]) : std::optional<std::uint64_t>();
  if (!number) complain(option + " needs a number");
  value = number.value_or(0);
  return number.has_value();
}

bool parse_options(const std::vector<std::string>& args, const std::string& command,
                   Options& options) {
  bool only_paths = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    const bool printing = command == "print";
    if (only_paths || arg.empty() || arg[0] != '-') {
      options.paths.push_back(arg);
    } else if (arg == "--") {
      only_paths = true;
    } else if (printing && arg == "--from") {
      if (!take_number(args, i, options.from)) return false;
    } else if (printing && arg == "--to") {
      if (!take_number(args, i, options.to)) return false;
    } else if (printing && arg == "--timeline") {
      if (!take_number(args, i, options.timeline.emplace())) return false;
    } else if (printing && arg == "--session-info") {
      options.session_info = true;
    } else if (command == "repair" && arg == "--yes") {
      options.yes = true;
    } else {
      complain(fmt::format("'{}' does not know the option {}; see --help", command, arg));
      return false;
    }
  }
  if (options.paths.empty()) complain(command + " needs a path; see --help");
  if (command == "repair" && options.paths.size() > 1) complain("repair takes one path");
  return !options.paths.empty() && (command != "repair" || options.paths.size() == 1);
}

int run(const std::vector<std::string>& args) {
  if (args.empty()) {
    std::fputs(kHelp.data(), stderr);
    return kFailed;
  }
  const std::string& command = args[0];
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h" || command == "help") {
      std::fputs(kHelp.data(), stdout);
      return kWell;
    }
  }
  if (command != "print" && command != "verify" && command != "repair") {
    complain(fmt::format("unknown command '{}'; see --help", command));
    return kFailed;
  }
  Options options;
  if (!parse_options({args.begin() + 1, args.end()}, command, options)) return kFailed;
  FileSystem& files = posix_file_system();
  if (command == "print") return print(files, options);
  if (command == "verify") return verify(files, options);
  return repair(files, options);
}

}  // namespace

}  // namespace memoir

int main(int argc, char** argv) {
  memoir::set_log_role('X');
  return memoir::run({argv + 1, argv + argc});
}
