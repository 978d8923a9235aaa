// DEBUG RELOAD: while all other workers stand still, memory is saved, emptied and built again from
// disk.
#include <condition_variable>
#include <mutex>

#include "persistence/file.h"
#include "persistence/file_journal.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// Where workers wait until the one that stopped them is done. Shared, for a worker may leave last.
class Halt {
 public:
  void wait_here() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return over_; });
  }
  // False if they have not all come in time: one may be about to end.
  bool wait_for(unsigned workers) {
    constexpr std::chrono::seconds kPatience{10};
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return arrived_ == workers; });
  }
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned arrived_ = 0;
  bool over_ = false;
};

// Reads the newest timeline from where a snapshot of it stands.
Status load_journal(FileSystem& files, const std::string& directory, DataLoader& loader) {
  auto timelines = list_timelines(files, journal_directory(directory));
  if (!timelines) return timelines.error();
  if (timelines->empty()) return ok;
  Timeline timeline = std::move(timelines->back());
  auto snapshot = load_snapshot_of(files, {.directory = directory}, timeline, loader);
  if (!snapshot) return snapshot.error();
  const Lsn from = snapshot->value_or(timeline.segments.front().first_lsn);
  TimelineReader reader(files, std::move(timeline), from);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more) return more.error();
    if (!*more) return loader.finish();
    if (Status done = deliver_frame(frame, from, UINT64_MAX, loader); !done) return done;
  }
}

}  // namespace

Status Server::reload(Context& ctx, Reload how) {
  if (ctx.in_transaction()) return Error("ERR Command not allowed inside a transaction");
  if (journal_is_on() && !how.flush && !how.save) {
    return Error("ERR NOFLUSH with NOSAVE would leave memory and journal at odds");
  }
  const std::unique_lock only_one(reload_mutex_, std::try_to_lock);
  if (!only_one) return Error("ERR another reload is under way");

  // A worker that waits for a stripe could not come to rest.
  ctx.stripes().unlock();
  const auto halt = std::make_shared<Halt>();
  each_worker([&](Worker& worker) {
    if (worker.current() == &ctx.session()) return;
    worker.loop().post([halt] { halt->wait_here(); });
  });
  Status done = ok;
  if (!halt->wait_for(worker_count() - 1)) {
    done = Error("ERR the workers do not come to rest");
  } else if (Status synced = journal().sync_now(); !synced) {
    done = Error("ERR " + synced.error().text());
  } else {
    snapshots_->call_off();
    done = rebuild(how);
  }
  halt->end();
  return done;
}

Status Server::rebuild(Reload how) {
  snapshots_->call_off();  // nobody tells it what is loaded
  const bool locking = keyspace_.locking();
  keyspace_.set_locking(true);  // several threads load
  Status done = how.save ? snapshots_->save_now() : Status(ok);
  if (done) {
    DataLoader loader(load_target(), start_settings().load);
    done = load_again(loader, how);
  }
  keyspace_.set_locking(locking);
  if (done) return ok;
  log_warning("DEBUG RELOAD: {}", done.error().text());
  return Error(how.save || !journal_is_on()
                   ? "ERR Error trying to load the RDB dump, check server logs."
                   : "ERR Error trying to load the journal: " + done.error().text());
}

Status Server::load_again(DataLoader& loader, Reload how) {
  const auto config = config_.current();
  if (how.flush) {
    const ByteView flush[] = {"FLUSHALL"};
    const ByteView flush_functions[] = {"FUNCTION", "FLUSH"};
    Status done = loader.apply(flush, 0, clock_.now_us());
    if (done) done = loader.apply(flush_functions, 0, clock_.now_us());
    if (!done) return done;
    if (journal_is_on()) return load_journal(posix_file_system(), config->dir, loader);
  }
  const std::string name =
      journal_is_on() ? snapshot_name(journal().position()) : std::string(config->dbfilename);
  auto loaded = loader.load_file(join_path(config->dir, name),
                                 journal_is_on() ? Overdue::kKeep : Overdue::kDrop,
                                 how.merge ? Present::kReplace : Present::kRefuse);
  if (!loaded) return loaded.error();
  return ok;
}

}  // namespace memoir
