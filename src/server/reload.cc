// DEBUG RELOAD: while all other workers stand still, memory is emptied and built again from the
// journal on disk.
#include <condition_variable>
#include <mutex>

#include "persistence/file.h"
#include "persistence/file_journal.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"
#include "src/server/replayer.h"
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

Status replay_all(FileSystem& files, const std::string& directory, Replayer& replayer) {
  auto timelines = list_timelines(files, directory);
  if (!timelines) return timelines.error();
  if (timelines->empty()) return ok;
  Timeline timeline = std::move(timelines->back());
  if (timeline.segments.empty()) return ok;
  const Lsn from = timeline.segments.front().first_lsn;
  TimelineReader reader(files, std::move(timeline), from);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more) return more.error();
    if (!*more) return ok;
    if (Status done = deliver_frame(frame, from, UINT64_MAX, replayer); !done) return done;
  }
}

}  // namespace

Status Server::reload(Context& ctx) {
  if (ctx.in_transaction()) return Error("ERR Command not allowed inside a transaction");
  if (!file_journal_) return ok;  // nothing is on disk, so what is in memory is all there is
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
    done = rebuild();
  }
  halt->end();
  return done;
}

Status Server::rebuild() {
  const bool locking = keyspace_.locking();
  keyspace_.set_locking(false);
  Replayer replayer(keyspace_, commands_, *idle_journal_, clock_, scripting_, stopping_,
                    load_delay_us_);
  const Word flush{"FLUSHALL", {}};
  const Word flush_functions[] = {{"FUNCTION", {}}, {"FLUSH", {}}};
  Status done = replayer.apply({&flush, 1}, clock_.now_us());
  if (done) done = replayer.apply(flush_functions, clock_.now_us());
  if (done) {
    const std::string directory = join_path(config_.current()->dir, "journal");
    done = replay_all(posix_file_system(), directory, replayer);
  }
  keyspace_.set_locking(locking);
  if (done) return ok;
  log_warning("DEBUG RELOAD: {}", done.error().text());
  return Error("ERR Error trying to load the journal: " + done.error().text());
}

}  // namespace memoir
