// memoir-journal print: records as text.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>

#include "persistence/journal_tool.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

constexpr std::size_t kOutputBytes = 256UL << 10;

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

}  // namespace

int print(FileSystem& files, const Options& options) {
  int code = kWell;
  for (const std::string& path : options.paths) {
    auto target = find_target(files, path);
    if (!target) {
      complain(target.peek_error().text());
      return kFailed;
    }
    const Timeline* chosen = find_timeline(*target, options);
    if (chosen == nullptr) return kFailed;
    code = std::max(code, print_timeline(files, *chosen, target->until, options));
  }
  return code;
}

}  // namespace memoir::tool
