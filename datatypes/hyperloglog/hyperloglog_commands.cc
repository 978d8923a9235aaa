// PFADD, PFCOUNT and PFMERGE; and the list of all rows of this folder.

#include <memory>
#include <vector>

#include "datatypes/hyperloglog/rows.h"
#include "datatypes/hyperloglog/value.h"
#include "datatypes/registry.h"
#include "src/command/dispatcher.h"

namespace memoir {
namespace {

// PFADD key [element [element ...]]
// Replies whether a register changed (or the key is new).
Status pfadd(Context& ctx, Args args, ReplyWriter& reply) {
  using Raised = HllEdit::Raised;
  auto hll = HllEdit::open(ctx, args.next());
  if (!hll) return hll.error();
  bool changed = hll->created();
  while (args.more()) {
    const Raised raised = hll->raise(hll::sample_of(args.next()));
    changed = changed || raised == Raised::kYes;
    if (raised != Raised::kCorrupt) continue;
    if (changed) {
      hll->invalidate_estimate();
      hll->add_to_journal(ctx, false);
      hll->mark_changed(nullptr);
    }
    return Error(kCorruptHll);
  }
  if (changed) {
    hll->invalidate_estimate();
    hll->add_to_journal(ctx, true);
    hll->mark_changed("pfadd");
  }
  reply.integer(changed);
  return ok;
}

// The entry of a key, null if there is none; errors if it holds no HyperLogLog.
Result<const Entry*> read_hll(Context& ctx, ByteView key) {
  const Entry* entry = ctx.db().lookup(key);
  if (!entry) return entry;
  if (!entry->is_string()) return Error(kWrongType);
  if (entry->storage() == Storage::kInteger) return Error(kNotHll);
  if (!hll::is_hyperloglog(entry->bytes())) return Error(kNotHll);
  return entry;
}

// The registers of several keys, and whether one of them is dense.
struct Union {
  hll::Registers registers{};
  bool any_dense = false;

  Status read(Context& ctx, std::span<const Word> keys) {
    for (const Word& key : keys) {
      auto entry = read_hll(ctx, key.text);
      if (!entry) return entry.error();
      if (!*entry) continue;
      const ByteView value = (*entry)->bytes();
      any_dense = any_dense || hll::encoding_of(value) == hll::Encoding::kDense;
      if (!hll::merge_into(registers, value)) return Error(kCorruptHll);
    }
    return ok;
  }
};

// Whether a read may put its estimate into the value: it is a change like any other, which a
// replica leaves to its primary, and for which there must be room in the journal.
bool may_cache(Context& ctx) {
  constexpr std::size_t kRecordBytes = 1024;
  if (ctx.replaying()) return true;
  if (ctx.environment().expiry != ExpiryMode::kDelete) return false;
  return static_cast<bool>(ctx.dispatcher().journal().writable(kRecordBytes));
}

Status count_one(Context& ctx, ByteView key, ReplyWriter& reply) {
  auto found = read_hll(ctx, key);
  if (!found) return found.error();
  if (!*found) {
    reply.integer(0);
    return ok;
  }
  const ByteView value = keep_raw(ctx, key, *found)->bytes();
  if (const auto cached = hll::cached_estimate(value)) {
    reply.integer(static_cast<std::int64_t>(*cached));
    return ok;
  }
  const auto estimate = hll::estimate(value);
  if (!estimate) return Error(kCorruptHll);
  if (may_cache(ctx)) {
    auto edit = ctx.db().edit_string(key, IfMissing::kNone);
    if (!edit) return edit.error();
    hll::set_cached_estimate(edit->resize(edit->size(), 0), *estimate);
    edit->mark_changed(nullptr);
  }
  reply.integer(static_cast<std::int64_t>(*estimate));
  return ok;
}

// PFCOUNT key [key ...]
// One key's estimate is kept in the value, which is journaled as the request itself.
Status pfcount(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.left() == 1) return count_one(ctx, args.next(), reply);
  auto all = std::make_unique<Union>();
  if (Status read = all->read(ctx, args.rest()); !read) return read;
  reply.integer(static_cast<std::int64_t>(hll::estimate(all->registers)));
  return ok;
}

// PFMERGE destkey [sourcekey [sourcekey ...]]
Status pfmerge(Context& ctx, Args args, ReplyWriter& reply) {
  auto all = std::make_unique<Union>();
  if (Status read = all->read(ctx, args.rest()); !read) return read;
  auto hll = HllEdit::open(ctx, args.next());
  if (!hll) return hll.error();
  if (all->any_dense && hll->encoding() == hll::Encoding::kSparse) hll->make_dense();
  hll::SparseHint hint;
  for (unsigned i = 0; i < hll::kRegisters && hll->encoding() == hll::Encoding::kSparse; ++i) {
    if (all->registers[i] != 0) hll->raise({i, all->registers[i]}, hint);
  }
  if (hll->encoding() == hll::Encoding::kDense) hll->write_registers(all->registers);
  hll->invalidate_estimate();
  hll->add_to_journal(ctx, true);
  hll->mark_changed("pfadd");
  reply.ok();
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "pfadd",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = pfadd,
     .group = Group::kHyperLogLog,
     .syntax = "key [element [element ...]]",
     .summary = "Counts elements in with a HyperLogLog, creating it if needed.",
     .since = "2.8.9",
     .complexity = "O(1) to add every element."},
    {.name = "pfcount",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRW | kKeyAccess),
     .access = Access::kRead,
     .flags = kMayReplicate,
     .journal = JournalForm::kVerbatim,
     .run = pfcount,
     .group = Group::kHyperLogLog,
     .syntax = "key [key ...]",
     .summary = "Estimates how many different elements HyperLogLogs have seen together.",
     .since = "2.8.9",
     .complexity = "O(1) for one key whose estimate is still known; O(N) with N being the number "
                   "of keys else, at 16384 registers each."},
    {.name = "pfmerge",
     .arity = at_least(2),
     .keys = {key_range(1, 1, 1, kKeyRW | kKeyAccess | kKeyInsert),
              key_range(2, -1, 1, kKeyRO | kKeyAccess)},
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = pfmerge,
     .group = Group::kHyperLogLog,
     .syntax = "destkey [sourcekey [sourcekey ...]]",
     .summary = "Merges HyperLogLogs into one.",
     .since = "2.8.9",
     .complexity = "O(N) to merge N HyperLogLogs, at 16384 registers each."},
};

}  // namespace

std::span<const CommandSpec> hyperloglog_element_commands() { return kRows; }

std::span<const CommandSpec> hyperloglog_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {hyperloglog_element_commands(), hyperloglog_debug_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
