// Snapshots: when the keyspace is saved, by whom, and how it went.
//
// A snapshot begins with a cut on worker 0, between two requests, with all stripes locked. From
// there a thread of its own walks over the keyspace (SnapshotWalk) into a file (SnapshotFileWriter)
// and, with a journal, reads it back and makes its index; what is older may be removed after that.
// With one worker, where no locks are taken otherwise, they are while a walk is under way.
//
// What asks for one: BGSAVE, save points, journal-checkpoint-bytes, BGREWRITEAOF. SAVE and the end
// of the server write one in place. A snapshot gets its name no earlier than the journal is on disk
// up to its LSN, so that it never tells of what the journal does not know.
//
// Thread-safe but for what says "worker 0".
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "persistence/snapshot_writer.h"
#include "src/command/context.h"
#include "src/server/config.h"
#include "src/server/info.h"
#include "src/store/snapshot_walk.h"

namespace memoir {

class Server;

class Snapshots {
 public:
  enum class Why : std::uint8_t { kRequest, kSavePoint, kCheckpoint, kRewrite };

  explicit Snapshots(Server& server);
  // Calls off what is under way.
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  // The data is there: worker 0, before any snapshot is asked for.
  void ready();

  // Begins one in the background. False: one is under way already.
  bool begin(Why why);
  // The same, or as soon as the one under way is over. False: it has to wait.
  bool begin_or_schedule(Why why);
  bool saving() const { return state_.load() != State::kIdle; }
  // Why the one under way was begun.
  Why reason() const { return why_.load(); }
  // Writes one now. All stripes are locked, by the calling worker, or no worker runs any more.
  Status save_now();
  // Whether writes are to be refused, since the last one failed and save points are configured.
  bool refuses_writes(const Config& config) const {
    return config.stop_writes_on_bgsave_error && !config.save.empty() && !last_good_.load();
  }
  std::int64_t last_save_s() const { return last_save_s_.load(); }
  // Whether anything has changed since the last one.
  bool is_behind();
  void fill(PersistenceFigures& figures);

  // Worker 0, some times a second: what is due, and what could not be done at once.
  void cron();
  // Calls off the one under way, and waits until it has let go of the keyspace and its file is
  // gone.
  void call_off();
  // Asked for after a snapshot was verified, on the thread of the snapshots.
  void set_after_verified(std::function<void(Lsn)> hook) { after_verified_ = std::move(hook); }

 private:
  enum class State : std::uint8_t { kIdle, kWanted, kWriting };
  struct Job;

  SnapshotSettings settings();
  std::uint64_t changes();
  void post();
  void try_cut();
  void try_unlock();
  void work();
  void write(Job& job);
  Status write_file(Job& job, bool& ended);
  void end_walk(Job& job);
  Status wait_until_synced(Lsn lsn);
  bool delay(const Job& job, std::uint64_t& delayed);
  void finished(const Job& job, const Status& done);
  void succeeded(const SnapshotSettings& of, std::uint64_t changes_then, std::uint64_t bytes);
  void verify(const SnapshotSettings& settings);
  bool due_by_save_points(const Config& config);
  bool due_by_journal(const Config& config);
  void tell_workers();

  Server& server_;
  std::atomic<State> state_{State::kIdle};
  std::atomic<Why> why_{Why::kRequest};
  std::atomic<bool> called_off_{false};
  std::atomic<bool> stopping_{false};
  bool locks_added_{false};  // worker 0: locking is on for a walk only

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Job> job_;         // under the mutex; for the thread
  std::unique_ptr<SnapshotSettings> to_verify_;  // likewise
  std::shared_ptr<const SnapshotWalk> walk_;     // likewise; of the one under way
  std::atomic<bool> scheduled_{false};
  std::atomic<Why> scheduled_why_{Why::kRequest};

  std::atomic<bool> last_good_{true};
  std::atomic<std::int64_t> last_save_s_{0};
  std::atomic<std::int64_t> last_try_s_{0};
  std::atomic<std::int64_t> last_took_s_{-1};
  std::atomic<std::int64_t> began_us_{0};
  std::atomic<std::uint64_t> saves_{0};
  std::atomic<std::uint64_t> saved_changes_{0};  // that the last one has
  std::atomic<Lsn> saved_lsn_{0};
  std::atomic<std::uint64_t> saved_bytes_{0};
  std::atomic<std::size_t> last_pending_max_{0};
  // Of those that BGREWRITEAOF asked for.
  std::atomic<std::uint64_t> rewrites_{0};
  std::atomic<std::uint64_t> failed_rewrites_{0};  // since the last good one
  std::atomic<std::int64_t> last_rewrite_took_s_{-1};
  std::function<void(Lsn)> after_verified_;
  std::thread thread_;
};

}  // namespace memoir
