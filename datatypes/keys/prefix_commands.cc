// DELPREFIX: deletes the keys that begin with some text.
//
// It walks through the stripes and holds one of them for some hundred keys at a time; what it
// removed there is a record of its own, DEL with those keys. Inside EXEC and scripts, where all
// stripes are held, the whole is one. Keys whose time has come are passed over.

#include <limits>
#include <vector>

#include "datatypes/keys/rows.h"
#include "src/command/dispatcher.h"

namespace memoir {
namespace {

class PrefixRemoval {
 public:
  PrefixRemoval(Context& ctx, ByteView prefix, std::uint64_t limit)
      : ctx_(ctx), prefix_(prefix), left_(limit), in_parts_(ctx.stripes().held().empty()) {}

  std::uint64_t removed() const { return removed_; }
  // Errors: the journal takes no more; what was removed stays so.
  Status remove_from(unsigned stripe);
  bool done() const { return left_ == 0; }

 private:
  static constexpr std::size_t kSeenAtOnce = 2048;
  static constexpr std::size_t kRemovedAtOnce = 256;

  Status remove_some(unsigned stripe, std::uint64_t& place);
  void collect(const Shard& shard, std::uint64_t& place);

  Context& ctx_;
  const ByteView prefix_;
  std::uint64_t left_;
  std::uint64_t removed_{0};
  const bool in_parts_;  // whether this takes and lets go of the locks itself
  std::vector<Bytes> keys_;
};

Status PrefixRemoval::remove_from(unsigned stripe) {
  std::uint64_t place = 0;
  do {
    if (in_parts_) ctx_.stripes().lock_one(stripe);
    Status removed = remove_some(stripe, place);
    if (in_parts_) ctx_.stripes().unlock();
    if (!removed) return removed;
  } while (place != 0 && left_ != 0);
  return ok;
}

// Keys that begin with the prefix, from `place` on, until enough were seen or found; `place` is
// then where to go on, 0 at the end.
void PrefixRemoval::collect(const Shard& shard, std::uint64_t& place) {
  keys_.clear();
  std::size_t seen = 0;
  do {
    place = shard.keys.scan(place, [&](TableItem item) {
      const auto* entry = static_cast<const Entry*>(item.pointer);
      ++seen;
      if (keys_.size() < left_ && entry->key().starts_with(prefix_)) {
        keys_.emplace_back(entry->key());
      }
    });
  } while (place != 0 && seen < kSeenAtOnce && keys_.size() < kRemovedAtOnce);
}

Status PrefixRemoval::remove_some(unsigned stripe, std::uint64_t& place) {
  collect(ctx_.stripes().shard_at(stripe, ctx_.db().index()), place);
  if (keys_.empty()) return ok;
  std::size_t bytes = 64;
  for (const Bytes& key : keys_) bytes += key.size() + 16;
  Dispatcher& dispatcher = ctx_.dispatcher();
  if (in_parts_ && dispatcher.settings.stop_writes_on_error) {
    if (Status writable = dispatcher.journal().writable(bytes); !writable) return writable;
  }
  std::vector<ByteView> words{"DEL"};
  for (const Bytes& key : keys_) {
    if (ctx_.db().remove(key)) words.push_back(key);
  }
  if (words.size() == 1) return ok;
  removed_ += words.size() - 1;
  left_ -= words.size() - 1;
  ctx_.effects().add(words);
  if (in_parts_) ctx_.settle_part();
  return ok;
}

// DELPREFIX prefix [COUNT count]
// Replies how many keys were deleted.
Status delprefix(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView prefix = args.next();
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  if (args.more() && !args.take("COUNT", 1)) return Error(kSyntaxError);
  if (args.more()) {
    limit = static_cast<std::uint64_t>(args.integer_between(
        1, std::numeric_limits<std::int64_t>::max(), "ERR COUNT must be a positive integer"));
  }
  if (args.more()) args.fail(kSyntaxError);
  if (args.failed()) return args.status();

  bool& lazy_free = ctx.environment().lazy_free;
  const bool before = std::exchange(lazy_free, true);
  PrefixRemoval removal(ctx, prefix, limit);
  Status removed = ok;
  for (unsigned stripe = 0; stripe < kStripes && removed && !removal.done(); ++stripe) {
    removed = removal.remove_from(stripe);
  }
  lazy_free = before;
  if (!removed) return removed;
  reply.integer(static_cast<std::int64_t>(removal.removed()));
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "delprefix",
     .arity = at_least(2),
     .access = Access::kWrite,
     .flags = kDangerous,
     .journal = JournalForm::kEffects,
     .locks = Locks::kEach,
     .run = delprefix,
     .syntax = "prefix [COUNT count]",
     .summary = "Deletes the keys of the database that begin with a text, at most so many.",
     .since = "7.2.0",
     .complexity = "O(N) where N is the number of keys in the database; values are freed in the "
                   "background.",
     .tips = "request_policy:all_shards,response_policy:agg_sum"},
};

}  // namespace

std::span<const CommandSpec> prefix_commands() { return kRows; }

}  // namespace memoir
