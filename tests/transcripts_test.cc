// Goal: commands reply, notify and journal what the transcripts say, and what was journaled leads
// to the same state. Method: plays tests/transcripts/*.txt on an engine in this process;
// tests/transcripts/README.md has the format.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "datatypes/stream/stream.h"
#include "protocol/reply_parser.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

namespace fs = std::filesystem;

class Digest final : public DigestSink {
 public:
  explicit Digest(const Object& value) : value_(value) {}
  void ordered(ByteView part) override { (text_ += part) += '\0'; }
  void unordered(std::span<const ByteView> parts) override {
    Bytes element;
    for (const ByteView part : parts) (element += part) += '\0';
    elements_.push_back(std::move(element));
  }
  void ending(std::span<const ByteView> parts) override {
    unordered(parts);
    elements_.back() += std::to_string(value_.member_ms(parts[0]));
  }
  Bytes finish() {
    std::sort(elements_.begin(), elements_.end());
    for (const Bytes& element : elements_) (text_ += element) += '\1';
    return std::move(text_);
  }

 private:
  const Object& value_;
  Bytes text_;
  std::vector<Bytes> elements_;
};

// What a digest does not tell of a stream. When a consumer was last seen is no part of it: reading
// nothing is not journaled.
Bytes groups_of(const Stream& stream) {
  const Stream::Marks& marks = stream.marks();
  Bytes text(ByteView(StreamIdText(marks.last)));
  text.append(" ").append(StreamIdText(marks.first));
  text.append(" ").append(StreamIdText(marks.max_deleted)).append(std::to_string(marks.added));
  for (const auto& group : stream.groups()) {
    text.append("\n").append(group->name).append(" ").append(StreamIdText(group->last_id));
    text.append(" ").append(std::to_string(group->entries_read));
    const StreamGroup::Pending& pending = group->pending();
    for (auto at = pending.first(); at; at = pending.next(at)) {
      text.append("\n  ").append(StreamIdText(at.key())).append(at.value().consumer->name);
      text.append(std::to_string(at.value().time_ms)).append(std::to_string(at.value().count));
    }
    for (const auto& consumer : group->consumers()) {
      text.append("\n  ").append(consumer->name).append(std::to_string(consumer->active_ms));
    }
  }
  return text;
}

Bytes contents_of(const Entry& entry) {
  Bytes text = std::to_string(static_cast<int>(entry.type())) + " " +
               std::to_string(entry.expire_ms()) + " ";
  if (entry.is_string()) {
    char scratch[kIntegerCharsMax];
    return text.append(string_view_of(entry, scratch));
  }
  Digest digest(*entry.object());
  entry.object()->digest(digest);
  if (entry.type() == TypeId::kStream) {
    text += groups_of(static_cast<const Stream&>(*entry.object()));
  }
  return text + digest.finish();
}

// "{300*ab}" in `line` becomes 300 times "ab".
Bytes expand(const Bytes& line) {
  Bytes out;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t count = 0;
    int read = 0;
    const std::size_t end = line.find('}', at);
    if (line[at] == '{' && end != Bytes::npos &&
        std::sscanf(line.c_str() + at, "{%zu*%n", &count, &read) == 1 && read > 0) {
      const auto skip = static_cast<std::size_t>(read);
      const Bytes part = line.substr(at + skip, end - at - skip);
      for (std::size_t i = 0; i < count; ++i) out += part;
      at = end + 1;
    } else {
      out += line[at++];
    }
  }
  return out;
}

// A request as a line that split_line() reads again.
Bytes line_of(std::span<const ByteView> words) {
  Bytes line;
  for (const ByteView word : words) {
    const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
      return c > ' ' && c < 127 && c != '"' && c != '\'' && c != '\\';
    });
    if (!line.empty()) line += ' ';
    Reply quoted;
    quoted.type = '$';
    quoted.text = word;
    line += plain ? Bytes(word) : quoted.to_string();
  }
  return line;
}

std::int64_t milliseconds(const Bytes& text) {
  std::size_t used = 0;
  const std::int64_t count = std::stoll(text, &used);
  static const std::map<Bytes, std::int64_t> kUnits = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  return count * kUnits.at(text.substr(used));
}

using Lines = std::vector<Bytes>;

class Transcript {
 public:
  explicit Transcript(fs::path file) : file_(std::move(file)) { build(); }

  void play() {
    std::ifstream in(file_);
    REQUIRE(in.good());
    Bytes line;
    while (std::getline(in, line)) {
      ++line_number_;
      if (line.empty() || line[0] == '#') continue;
      read(line);
    }
    settle();
    compare_with_replay();
  }

 private:
  void read(const Bytes& line) {
    const char mark = line[0];
    if (line.starts_with("< ") || line.starts_with("<~")) {
      any_order_ = any_order_ || line[1] == '~';
      replies_.push_back(expand(line.substr(line[1] == '~' ? 3 : 2)));
      awaits_ = true;
    } else if (mark == '!' || mark == '=') {
      (mark == '!' ? events_ : journal_).push_back(expand(line.substr(2)));
    } else if (mark == '>') {
      settle();
      send(expand(line.substr(2)));
    } else {
      settle();
      direct(line);
    }
  }

  void send(const Bytes& line) {
    request_ = line;
    request_line_ = line_number_;
    Lines words;
    REQUIRE(split_line(line, words));
    journal_from_ = memory_->records.size();
    engine_->events.clear();
    engine_->run(client_, words);
    sent_ = true;
  }

  // Compares what the last request did with what was said of it.
  void settle() {
    if (awaits_ || sent_) check("reply", replies_, actual_reply());
    if (sent_ && watch_events_) check("events", events_, actual_events());
    if (sent_ && !journal_.empty()) check("journal", journal_, actual_journal());
    replies_.clear();
    events_.clear();
    journal_.clear();
    sent_ = awaits_ = any_order_ = false;
  }

  void check(const char* what, Lines expected, Lines actual) {
    if (any_order_) {
      std::sort(expected.begin(), expected.end());
      std::sort(actual.begin(), actual.end());
    }
    if (expected == actual) {
      SUCCEED();
      return;
    }
    std::ostringstream text;
    text << file_.filename().string() << ":" << request_line_ << ": " << what << " of: " << request_
         << "\nexpected:\n";
    for (const Bytes& line : expected) text << "  " << line << "\n";
    text << "actual:\n";
    for (const Bytes& line : actual) text << "  " << line << "\n";
    FAIL_CHECK(text.str());
  }

  Lines actual_reply() {
    const Bytes bytes = engine_->take_reply(client_);
    if (bytes.empty()) return {};
    ByteView in = bytes;
    auto reply = parse_reply(in);
    if (!reply || !*reply || !in.empty()) return {"no single reply: " + bytes};
    Lines lines;
    std::istringstream text((*reply)->to_string());
    for (Bytes line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  Lines actual_events() {
    Lines lines;
    for (const KeyEvent& event : engine_->events) {
      lines.push_back(Bytes(event.name) + " " + event.key);
    }
    return lines;
  }

  Lines actual_journal() {
    Lines lines;
    for (std::size_t i = journal_from_; i < memory_->records.size(); ++i) {
      RequestCursor cursor(memory_->records[i].words);
      std::vector<ByteView> words;
      while (cursor.next(words)) lines.push_back(line_of(words));
    }
    if (lines.empty()) lines.push_back("nothing");
    return lines;
  }

  void direct(const Bytes& line) {
    std::istringstream in(line);
    Bytes word, value, more;
    in >> word >> value >> more;
    request_line_ = line_number_;
    request_ = line;
    if (word == "advance") {
      clock_.advance_ms(milliseconds(value));
      engine_->time_out();
    } else if (word == "restart") {
      build();
    } else if (word == "client") {
      client_ = value;
    } else if (word == "protocol") {
      engine_->session(client_).identity.resp = value == "3" ? Resp::kV3 : Resp::kV2;
    } else if (word == "events") {
      watch_events_ = value != "off";
      engine_->dispatcher->settings.events_wanted = watch_events_ ? kAllEvents : 0;
    } else if (word == "policy") {
      engine_->dispatcher->settings.maxmemory_policy =
          value == "allkeys-lfu" ? EvictionPolicy::kAllKeysLfu : EvictionPolicy::kAllKeysLru;
    } else if (word == "limit") {
      set_limit(value, std::stoll(more));
    } else if (word != "memoir") {
      FAIL(file_.filename().string() << ":" << line_number_ << ": what is this? " << line);
    }
  }

  void set_limit(const Bytes& name, std::int64_t value) {
    EncodingLimits& limits = engine_->keyspace.limits;
    const std::map<Bytes, std::size_t*> sizes = {
        {"hash-max-listpack-entries", &limits.hash_listpack_entries},
        {"hash-max-listpack-value", &limits.hash_listpack_value},
        {"set-max-intset-entries", &limits.set_intset_entries},
        {"set-max-listpack-entries", &limits.set_listpack_entries},
        {"set-max-listpack-value", &limits.set_listpack_value},
        {"zset-max-listpack-entries", &limits.zset_listpack_entries},
        {"zset-max-listpack-value", &limits.zset_listpack_value},
        {"hll-sparse-max-bytes", &limits.hll_sparse_bytes}};
    if (name == "stream-node-max-entries") {
      limits.stream_node_entries = value;
    } else if (name == "stream-node-max-bytes") {
      limits.stream_node_bytes = static_cast<std::size_t>(value);
    } else if (name == "list-max-listpack-size") {
      limits.list_listpack_size = static_cast<int>(value);
    } else {
      *sizes.at(name) = static_cast<std::size_t>(value);
    }
  }

  // A new engine with what the journal says.
  void build() {
    const DispatchSettings settings = engine_ ? engine_->dispatcher->settings : DispatchSettings{};
    const EncodingLimits limits = engine_ ? engine_->keyspace.limits : EncodingLimits{};
    engine_ = std::make_unique<TestEngine>(clock_, *memory_);
    engine_->dispatcher->settings = settings;
    engine_->keyspace.limits = limits;
    REQUIRE(engine_->replay());
  }

  void compare_with_replay() {
    TestEngine replayed(clock_, *memory_);
    replayed.keyspace.limits = engine_->keyspace.limits;
    REQUIRE(replayed.replay());
    CHECK(contents_of(replayed.keyspace, clock_.now_ms()) ==
          contents_of(engine_->keyspace, clock_.now_ms()));
  }

  // All that notify-keyspace-events has in "A", and K or E.
  static constexpr std::uint32_t kAllEvents =
      kEventKeyevent | kEventGeneric | kEventString | kEventList | kEventSet | kEventHash |
      kEventZset | kEventExpired | kEventEvicted | kEventStream | kEventModule;

  fs::path file_;
  ManualClock clock_;
  std::unique_ptr<MemoryJournal> memory_ = std::make_unique<MemoryJournal>();
  std::unique_ptr<TestEngine> engine_;
  Bytes client_ = "a";
  bool watch_events_ = false;

  std::size_t line_number_ = 0;
  std::size_t request_line_ = 0;
  Bytes request_;
  std::size_t journal_from_ = 0;
  bool sent_ = false;       // a request is to be settled
  bool awaits_ = false;     // a reply is to be settled
  bool any_order_ = false;
  Lines replies_;
  Lines events_;
  Lines journal_;
};

fs::path folder() {
  const fs::path beside = fs::path(__FILE__).parent_path() / "transcripts";
  return fs::exists(beside) ? beside : fs::path("tests/transcripts");
}

}  // namespace

std::map<Bytes, Bytes> contents_of(Keyspace& keyspace, std::int64_t now_ms) {
  std::map<Bytes, Bytes> contents;
  for (unsigned i = 0; i < kStripes; ++i) {
    for (unsigned db = 0; db < keyspace.databases(); ++db) {
      const Shard& shard = keyspace.shard(i, keyspace.physical(db));
      shard.keys.for_each([&](TableItem item) {
        const auto& entry = *static_cast<const Entry*>(item.pointer);
        if (entry.has_expiry() && entry.expire_ms() <= now_ms) return;
        contents[std::to_string(db) + " " + Bytes(entry.key())] = contents_of(entry);
      });
    }
  }
  return contents;
}

TEST_CASE("transcripts", "[transcripts]") {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder())) {
    if (file.path().extension() == ".txt") files.push_back(file.path());
  }
  REQUIRE(!files.empty());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    DYNAMIC_SECTION(file.stem().string()) { Transcript(file).play(); }
  }
}

}  // namespace memoir
