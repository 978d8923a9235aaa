#include "src/server/data_loader.h"

#include <algorithm>

#include "datatypes/serial/values.h"
#include "protocol/request_parser.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/scripting/script_engine.h"
#include "src/server/process.h"

namespace memoir {
namespace {

constexpr std::int64_t kTellEveryUs = 2'000'000;

// All that is imported is of the moment at which the journal begins, which is at this LSN or behind
// it. A version above the journal's end would have every read wait for a record that never comes.
constexpr Lsn kImportedLsn = 1;

// The dispatcher's host while data are loaded: there are no clients.
class LoadHost final : public DispatchHost {
 public:
  explicit LoadHost(Scripting& scripting) : scripts_(scripting) {}

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent&, Lsn) override {}
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&&, Lsn) override {}
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }
  ScriptEngine* script_engine() override { return &scripts_; }

 private:
  ScriptEngine scripts_;
};

bool uses_lfu_clock(const DispatchSettings& settings) {
  return uses_lfu(settings.maxmemory_policy);
}

// Nothing that was accepted once is refused now.
DispatchSettings without_limits(DispatchSettings settings) {
  settings.events_wanted = 0;
  settings.maxmemory = 0;
  settings.string_bytes_max = SIZE_MAX;
  settings.monitored = false;
  return settings;
}

// What is wrong with a file, in the words of Redis's log.
Error in_words_of_the_log(const Error& error) {
  if (error.code() != ErrorCode::kTruncated) return error.clone();
  return {ErrorCode::kTruncated,
          "Short read or OOM loading DB. Unrecoverable error, aborting now: " + error.text()};
}

}  // namespace

DataLoader::DataLoader(const LoadTarget& target, const LoadSettings& settings)
    : target_(target),
      settings_({.threads = settings.threads,
                 .checksum = settings.checksum,
                 .dispatch = without_limits(settings.dispatch)}),
      started_us_(target.clock.monotonic_us()),
      host_(std::make_unique<LoadHost>(target.scripting)),
      dispatcher_(target.keyspace, target.commands, target.journal, target.clock, *host_,
                  system_random()),
      told_us_(started_us_) {
  dispatcher_.settings = settings_.dispatch;
  session_.identity.may_block = false;
}

DataLoader::~DataLoader() = default;

Status DataLoader::apply(std::span<const ByteView> words, unsigned db, std::int64_t time_us) {
  std::vector<Word> request;
  for (const ByteView word : words) request.push_back({word, {}});
  session_.identity.db = db;
  return dispatcher_.replay(session_, request, time_us);
}

RdbLoadOptions DataLoader::rdb_options(Overdue overdue, Present present) {
  RdbLoadOptions options;
  options.threads = settings_.threads;
  options.checksum = settings_.checksum;
  options.overdue = overdue;
  options.present = present;
  options.access = uses_lfu_clock(settings_.dispatch) ? AccessPolicy::kLfu : AccessPolicy::kLru;
  options.now_ms = target_.clock.now_us() / 1000;
  options.stop = &target_.stop;
  options.delay_us = &target_.delay_us;
  options.progress = [this](std::uint64_t bytes) { note_progress(bytes); };
  options.used_memory = [this](std::uint64_t bytes) { target_.figures.used_memory = bytes; };
  options.function = [this, present](ByteView source) {
    const ByteView words[] = {"FUNCTION", "LOAD", "REPLACE", source};
    const ByteView fresh[] = {"FUNCTION", "LOAD", source};
    return apply(present == Present::kReplace ? std::span<const ByteView>(words)
                                              : std::span<const ByteView>(fresh),
                 0, target_.clock.now_us());
  };
  return options;
}

void DataLoader::note_progress(std::uint64_t loaded_bytes) {
  target_.figures.loaded_bytes = loaded_bytes;
  const std::int64_t now_us = target_.clock.monotonic_us();
  if (now_us - told_us_ < kTellEveryUs) return;
  told_us_ = now_us;
  const std::uint64_t total = target_.figures.total_bytes;
  log_notice("Loading: {} of {} bytes, {:.1f} %", loaded_bytes, total,
             total == 0 ? 0.0
                        : 100.0 * static_cast<double>(loaded_bytes) / static_cast<double>(total));
}

Result<RdbLoaded> DataLoader::load_file(const std::string& path, Overdue overdue,
                                        Present present) {
  const std::int64_t began_us = target_.clock.monotonic_us();
  auto file = target_.files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  target_.figures.total_bytes = *size;
  target_.figures.loaded_bytes = 0;
  auto loaded = load_rdb(target_.keyspace, **file, rdb_options(overdue, present));
  if (!loaded) return in_words_of_the_log(loaded.peek_error());
  target_.figures.loaded_bytes = *size;
  snapshot_bytes_ = *size;
  target_.figures.keys = loaded->keys;
  target_.figures.expired_keys = loaded->expired;
  log_notice("Done loading RDB, keys loaded: {}, keys expired: {}{}.", loaded->keys,
             loaded->expired,
             loaded->empty > 0 ? fmt::format(", empty keys skipped: {}", loaded->empty) : "");
  log_notice("DB loaded from disk: {:.3f} seconds",
             static_cast<double>(target_.clock.monotonic_us() - began_us) / 1e6);
  return loaded;
}

Status DataLoader::load_snapshot(const std::string& path, Lsn) {
  auto loaded = load_file(path, Overdue::kKeep);
  if (!loaded) return loaded.error();
  return ok;
}

ParallelReplayer& DataLoader::replayer() {
  if (replayer_) return *replayer_;
  ParallelReplayOptions options;
  options.threads = settings_.threads;
  options.settings = settings_.dispatch;
  options.make_host = [this] { return std::make_unique<LoadHost>(target_.scripting); };
  options.on_thread = [](unsigned number) { name_thread("loader " + std::to_string(number)); };
  options.delay_us = &target_.delay_us;
  options.stop = &target_.stop;
  replayer_ = std::make_unique<ParallelReplayer>(target_.keyspace, target_.commands,
                                                 target_.journal, target_.clock,
                                                 std::move(options));
  return *replayer_;
}

Status DataLoader::on_record(const RecordView& record) {
  if (target_.stop.load(std::memory_order_relaxed)) {
    return Error(ErrorCode::kIo, "the server is stopping");
  }
  ++records_;
  return replayer().on_record(record);
}

Status DataLoader::finish() {
  if (!replayer_) return ok;
  Status done = replayer_->finish();
  replayer_.reset();
  return done;
}

void DataLoader::clear() {
  replayer_.reset();
  records_ = 0;
  snapshot_bytes_ = 0;
  empty_keyspace(target_.keyspace, target_.scripting);
}

void DataLoader::journal_progress(const RecoveryProgress& progress) {
  target_.figures.total_bytes = snapshot_bytes_ + progress.bytes_total;
  note_progress(snapshot_bytes_ + progress.bytes_read);
}

// ---- append-only files --------------------------------------------------------------------------

// Gives the requests as records, whole transactions as one, and puts the keys of the RDB in front
// in as they come.
class DataLoader::AofSink final : public AofEvents {
 public:
  explicit AofSink(DataLoader& loader) : loader_(loader) {}

  Status aux(ByteView, ByteView) override { return ok; }
  Status function(ByteView source) override {
    const ByteView words[] = {"FUNCTION", "LOAD", source};
    return loader_.apply(words, 0, loader_.target_.clock.now_us());
  }
  Status database(std::uint64_t index) override {
    db_ = index;
    return check(index);
  }
  Status key(const RdbKey& key, RdbReader& in) override;

  Status request(const AofRequest& request) override {
    if (Status known = check(request.db); !known) return known;
    words_.clear();
    append_request(words_, request.words);
    Bytes record;
    append_record_words(record, static_cast<std::uint16_t>(request.db), words_);
    const RecordView view{.first = 0,
                          .lsn = kImportedLsn,
                          .time_us = request.time_us,
                          .db = static_cast<std::uint16_t>(request.db),
                          .words = record};
    return loader_.on_record(view);
  }

 private:
  Status check(std::uint64_t db) const {
    if (db < loader_.target_.keyspace.databases()) return ok;
    return Error(ErrorCode::kUnsupported,
                 fmt::format("database {} is out of range: the server has {}", db,
                             loader_.target_.keyspace.databases()));
  }

  DataLoader& loader_;
  std::uint64_t db_ = 0;
  Bytes words_;
};

Status DataLoader::AofSink::key(const RdbKey& key, RdbReader& in) {
  EntryOwner entry = load_value(in, key.type, key.name, key.expire_ms,
                                loader_.target_.keyspace.limits);
  if (!entry) {
    Status status = in.status();
    return Error(status.error().code(), fmt::format("{} of key '{}': {}", name_of(key.type),
                                                    key.name, status.error().text()));
  }
  if (is_empty(*entry)) return ok;
  // What is overdue stays: the requests that follow were made with it there.
  entry->set_access(loader_.access_of(key));
  return put_key(loader_.target_.keyspace, static_cast<unsigned>(db_), entry.release());
}

Result<AofSummary> DataLoader::load_append_only(const AofLocation& where, bool load_truncated) {
  AofOptions options;
  options.load_truncated = load_truncated;
  options.checksum = settings_.checksum;
  options.time_us = target_.clock.now_us();
  options.progress = [this](const AofProgress& progress) {
    target_.figures.total_bytes = progress.bytes_total;
    note_progress(progress.bytes_read);
  };
  AofSink sink(*this);
  auto summary = read_append_only(target_.files, where, options, sink);
  if (!summary) return summary.error();
  if (Status applied = finish(); !applied) return std::move(applied).error();
  return summary;
}

std::uint32_t DataLoader::access_of(const RdbKey& key) const {
  const std::int64_t now_ms = target_.clock.now_us() / 1000;
  if (uses_lfu_clock(settings_.dispatch)) {
    return (lfu_initial(now_ms) & ~0xffU) | key.frequency.value_or(lfu_initial(now_ms) & 0xff);
  }
  const std::uint32_t now = lru_now(now_ms);
  return now - static_cast<std::uint32_t>(std::min<std::uint64_t>(key.idle_seconds.value_or(0),
                                                                  now));
}

}  // namespace memoir
