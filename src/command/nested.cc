// Commands that a command runs, for scripts: each through its own row and handler like any other,
// inside the run of the command that calls it.
//
// What they did gathers in the outer run's effects, in order, so that its row's journal form
// (kEffects) writes all of it as one record; events, watchers and waiting clients are told at the
// outer run's end.
#include <algorithm>

#include "src/base/cycles.h"
#include "src/command/interlude.h"
#include "src/command/misconf.h"
#include "src/command/removals.h"
#include "src/store/undo.h"

namespace memoir {

void Dispatcher::run_nested(Context& outer, Session& session, const CommandTable::Row& row,
                            std::span<const Word> words, ReplyWriter& reply, Journaled journaled) {
  const std::uint64_t changes_before = changes_.count;
  changes_.count = 0;
  nested_effects_.clear();
  outer.env_.hashed_keys = {};
  Context inner(*this, session, outer.env_, nested_effects_);
  inner.in_transaction_ = true;
  std::size_t request_bytes = 0;
  for (const Word& word : words) request_bytes += word.text.size();
  const ReplyWriter::Mark mark = reply.begin();
  const std::uint64_t began = cycles_;
  cycles_ = cycles_now();
  call(inner, row, words, reply);
  count(row, session, words, {.request = request_bytes, .reply = reply.begin() - mark});
  cycles_ = began;
  host_.ran_nested();

  const bool changed = changes_.count > 0;
  // A primary's own doing, whatever the script says of its commands.
  if (!changes_.expired.empty()) [[unlikely]] add_nested_removals(outer);
  const JournalForm form = row.spec->journal;
  const bool told = journaled == Journaled::kYes && form != JournalForm::kNone &&
                    !nested_effects_.suppressed();
  if (changed && told) {
    if (nested_effects_.count() > 0) {
      add_nested_effects(outer, inner.first_db_, nested_effects_.resp(), nested_effects_.count());
    } else if (form == JournalForm::kVerbatim) {
      words_scratch_.clear();
      append_words(words_scratch_, words);
      add_nested_effects(outer, inner.first_db_, words_scratch_, 1);
    }
  }
  changes_.count += changes_before;
}

void Dispatcher::add_nested_removals(Context& outer) {
  for (const Removal& removal : changes_.expired) {
    each_removal_request(removal, settings.lazyfree_expire ? "UNLINK" : "DEL", words_scratch_,
                         [&](ByteView words) { add_nested_effects(outer, removal.db, words, 1); });
    ++changes_.count;
  }
  tell_trackers(*outer.env_.stripes, changes_);
  changes_.expired.clear();
}

void Dispatcher::add_nested_effects(Context& outer, unsigned db, ByteView resp,
                                    std::size_t commands) {
  if (db != outer.effects_db_) {
    outer.effects_.add({"SELECT", Decimal(db)});
    outer.effects_db_ = db;
  }
  outer.effects_.add_resp(resp, commands);
}

void Dispatcher::end_nested(Context& outer) {
  if (outer.effects_db_ == outer.first_db_) return;
  outer.effects_.add({"SELECT", Decimal(outer.first_db_)});
  outer.effects_db_ = outer.first_db_;
}

Status Dispatcher::refuse_first_write(const CommandTable::Row& row,
                                      std::span<const Word> words) const {
  if (row.spec->access != Access::kWrite) return ok;
  if (settings.snapshots_failing) [[unlikely]] return Error(kSnapshotsFailing);
  if (!settings.stop_writes_on_error) return ok;
  std::size_t bytes = 0;
  for (const Word& word : words) bytes += word.text.size() + 32;
  return journal().writable(bytes);
}

void Dispatcher::count_rejected(const CommandTable::Row* row, ByteView error) {
  if (row) KeyspaceStats::bump(command_stats_[row->index].rejected);
  host_.failed(error);
}

Dispatcher::NestedMark Dispatcher::mark_nested(const Context& outer) const {
  return {.effects_bytes = outer.effects_.resp().size(),
          .effects_count = outer.effects_.count(),
          .events = changes_.events.size(),
          .touched = changes_.touched.size(),
          .touched_databases = changes_.touched_databases.size(),
          .changes = changes_.count,
          .effects_db = outer.effects_db_};
}

void Dispatcher::undo_nested(Context& outer, UndoLog& undo, const NestedMark& mark) {
  undo.undo(outer.env_);
  outer.effects_.truncate(mark.effects_bytes, mark.effects_count);
  outer.effects_db_ = mark.effects_db;
  changes_.events.resize(mark.events);
  changes_.touched.resize(mark.touched);
  changes_.touched_databases.resize(mark.touched_databases);
  changes_.touched_told = std::min(changes_.touched_told, mark.touched);
  changes_.databases_told = std::min(changes_.databases_told, mark.touched_databases);
  changes_.expired.clear();
  changes_.count = mark.changes;
}

// ---- requests in the midst of another -----------------------------------------------------------

Dispatcher::Interlude::Interlude(Dispatcher& dispatcher)
    : dispatcher_(dispatcher),
      batch_(std::exchange(dispatcher.batch_, nullptr)),
      batch_next_(dispatcher.batch_next_),
      batch_db_(dispatcher.batch_db_),
      prepared_(std::exchange(dispatcher.prepared_, {})),
      prepared_at_(std::exchange(dispatcher.prepared_at_, 0)),
      hashes_(std::exchange(dispatcher.hashes_, {})),
      own_hashes_(std::exchange(dispatcher.own_hashes_, {})),
      now_us_(dispatcher.now_us_),
      cycles_(dispatcher.cycles_),
      clock_cycles_(dispatcher.clock_cycles_),
      changes_(std::exchange(dispatcher.changes_, {})),
      effects_(std::exchange(dispatcher.effects_, {})),
      nested_effects_(std::exchange(dispatcher.nested_effects_, {})),
      words_scratch_(std::exchange(dispatcher.words_scratch_, {})),
      pieces_(std::exchange(dispatcher.pieces_, {})),
      ready_(std::exchange(dispatcher.ready_, {})),
      invalidations_(std::exchange(dispatcher.invalidations_, {})),
      source_(dispatcher.source_),
      serving_(std::exchange(dispatcher.serving_, false)),
      out_of_memory_(dispatcher.out_of_memory_) {}

Dispatcher::Interlude::~Interlude() {
  dispatcher_.batch_ = batch_;
  dispatcher_.batch_next_ = batch_next_;
  dispatcher_.batch_db_ = batch_db_;
  dispatcher_.prepared_ = std::move(prepared_);
  dispatcher_.prepared_at_ = prepared_at_;
  dispatcher_.hashes_ = std::move(hashes_);
  dispatcher_.own_hashes_ = std::move(own_hashes_);
  dispatcher_.now_us_ = now_us_;
  dispatcher_.cycles_ = cycles_;
  dispatcher_.clock_cycles_ = clock_cycles_;
  dispatcher_.changes_ = std::move(changes_);
  dispatcher_.effects_ = std::move(effects_);
  dispatcher_.nested_effects_ = std::move(nested_effects_);
  dispatcher_.words_scratch_ = std::move(words_scratch_);
  dispatcher_.pieces_ = std::move(pieces_);
  dispatcher_.ready_ = std::move(ready_);
  dispatcher_.invalidations_ = std::move(invalidations_);
  dispatcher_.source_ = source_;
  dispatcher_.serving_ = serving_;
  dispatcher_.out_of_memory_ = out_of_memory_;
}

}  // namespace memoir
