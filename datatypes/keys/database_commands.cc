// Commands on whole databases: FLUSHDB, FLUSHALL, SWAPDB, SELECT.

#include <vector>

#include "datatypes/keys/database_number.h"
#include "datatypes/keys/rows.h"
#include "src/command/dispatcher.h"
#include "src/store/undo.h"

namespace memoir {
namespace {

// Flushed tables on their way to the background, in the dress of a value.
class FlushedTables final : public Object {
 public:
  ~FlushedTables() override {
    for (Shard& shard : shards_) free_entries(shard);
  }

  void count(const Shard& shard) { size_ += shard.keys.size(); }
  // Takes all entries of a shard, which is left empty.
  void take(Shard& shard) { shards_.push_back(std::move(shard)); }

  TypeId type() const override { return TypeId::kString; }
  const char* encoding() const override { return "hashtable"; }
  std::size_t size() const override { return size_; }
  std::size_t memory_usage(std::size_t) const override { return sizeof(*this); }
  std::unique_ptr<Object> copy() const override { UNREACHABLE(); }
  std::size_t free_effort() const override { return size_; }
  void digest(DigestSink&) const override {}
  RdbType rdb_type() const override { UNREACHABLE(); }
  void save(RdbWriter&) const override { UNREACHABLE(); }
  Status verify() const override { return ok; }

 private:
  std::vector<Shard> shards_;
  std::size_t size_{0};
};

enum class Flush : std::uint8_t {
  kLater,  // memory is freed in the background
  kNow,    // it is free when the reply leaves
};

// [ASYNC | SYNC]; lazyfree-lazy-user-flush decides where nothing is said.
Result<Flush> flush_mode(Context& ctx, Args& args) {
  Flush mode = ctx.dispatcher().settings.lazyfree_user_flush ? Flush::kLater : Flush::kNow;
  if (args.take("SYNC")) {
    mode = Flush::kNow;
  } else if (args.take("ASYNC")) {
    mode = Flush::kLater;
  }
  if (args.more()) return Error(kSyntaxError);
  return mode;
}

// Lets a snapshot keep what is about to go. True: it has taken the tables' contents.
bool announce_flush(Context& ctx, unsigned number, unsigned stripe, Shard& shard) {
  Keyspace& keyspace = ctx.stripes().keyspace();
  ChangeObserver* const observer = keyspace.observer();
  if (!observer) return false;
  const unsigned physical = keyspace.physical(number);
  const bool undoable = ctx.environment().undo != nullptr;
  if (!undoable) {
    const auto wish = observer->before_flush(physical, stripe, shard);
    if (wish != ChangeObserver::FlushWish::kEach) return wish == ChangeObserver::FlushWish::kTaken;
  }
  shard.keys.for_each([&](TableItem item) {
    const auto* entry = static_cast<const Entry*>(item.pointer);
    const std::uint64_t hash = hash_in_memory(entry->key());
    observer->before_change(physical, hash, entry->key(), entry, shard.keys.home(hash));
  });
  if (undoable) observer->before_undoable_flush(physical, stripe);
  return false;
}

void flush_database(Context& ctx, unsigned number, FlushedTables& flushed) {
  const std::size_t before = flushed.size();
  UndoLog* const undo = ctx.environment().undo;
  for (unsigned i = 0; i < kStripes; ++i) {
    ctx.stripes().with(i, number, [&](Shard& shard, Stripe&) {
      if (shard.keys.empty()) return;
      flushed.count(shard);
      if (announce_flush(ctx, number, i, shard)) return;
      undo ? undo->before_flush(number, i, shard) : flushed.take(shard);
    });
  }
  if (flushed.size() > before) {
    ctx.environment().changes->touched_databases.push_back(number);
  }
}

Status flush(Context& ctx, Args args, unsigned first, unsigned last, ReplyWriter& reply) {
  auto mode = flush_mode(ctx, args);
  if (!mode) return mode.error();
  auto flushed = std::make_unique<FlushedTables>();
  for (unsigned number = first; number <= last; ++number) flush_database(ctx, number, *flushed);
  // Even an empty database is flushed for the journal: a replica may have keys there.
  ctx.db().add_changes(std::max<std::size_t>(flushed->size(), 1));
  ctx.environment().changes->flushed = true;
  if (*mode == Flush::kLater && flushed->size() > 0) {
    ctx.environment().changes->garbage.push_back(std::move(flushed));
  }
  reply.ok();
  return ok;
}

// FLUSHDB [ASYNC | SYNC]
Status flushdb(Context& ctx, Args args, ReplyWriter& reply) {
  return flush(ctx, args, ctx.db().index(), ctx.db().index(), reply);
}

// FLUSHALL [ASYNC | SYNC]
Status flushall(Context& ctx, Args args, ReplyWriter& reply) {
  return flush(ctx, args, 0, ctx.databases() - 1, reply);
}

// SWAPDB index1 index2
Status swapdb(Context& ctx, Args args, ReplyWriter& reply) {
  const auto in_32_bits = [&args](std::string_view error) {
    return args.integer_between(std::numeric_limits<std::int32_t>::min(),
                                std::numeric_limits<std::int32_t>::max(), error);
  };
  const std::int64_t first = in_32_bits("ERR invalid first DB index");
  const std::int64_t second = in_32_bits("ERR invalid second DB index");
  const auto count = static_cast<std::int64_t>(ctx.databases());
  if (first < 0 || first >= count || second < 0 || second >= count) {
    args.fail("ERR DB index is out of range");
  }
  if (args.failed()) return args.status();
  const auto a = static_cast<unsigned>(first);
  const auto b = static_cast<unsigned>(second);
  if (a != b) {
    if (UndoLog* undo = ctx.environment().undo) undo->before_swap(a, b);
    ctx.stripes().keyspace().swap_databases(a, b);
    std::vector<unsigned>& touched = ctx.environment().changes->touched_databases;
    touched.insert(touched.end(), {a, b});
  }
  ctx.db().add_changes();
  reply.ok();
  return ok;
}

// SELECT index
Status select(Context& ctx, Args args, ReplyWriter& reply) {
  const unsigned number = database_number(ctx, args);
  if (args.failed()) return args.status();
  ctx.select(number);
  reply.ok();
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "flushdb",
     .arity = at_least(1),
     .access = Access::kWrite,
     .flags = kDangerous | kKeyspaceCategory,
     .journal = JournalForm::kVerbatim,
     .locks = Locks::kAll,
     .reach = Reach::kDatabase,
     .run = flushdb,
     .group = Group::kServer,
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of the database.",
     .complexity = "O(N) where N is the number of keys; mostly in the background.",
     .tips = "request_policy:all_shards,response_policy:all_succeeded"},
    {.name = "flushall",
     .arity = at_least(1),
     .access = Access::kWrite,
     .flags = kDangerous | kKeyspaceCategory,
     .journal = JournalForm::kVerbatim,
     .locks = Locks::kAll,
     .reach = Reach::kAllDatabases,
     .run = flushall,
     .group = Group::kServer,
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of all databases.",
     .complexity = "O(N) where N is the number of keys; mostly in the background.",
     .tips = "request_policy:all_shards,response_policy:all_succeeded"},
    {.name = "swapdb",
     .arity = exactly(3),
     .access = Access::kWrite,
     .flags = kFast | kDangerous | kKeyspaceCategory,
     .journal = JournalForm::kVerbatim,
     .locks = Locks::kAll,
     .reach = Reach::kTwoDatabases,
     .run = swapdb,
     .group = Group::kServer,
     .syntax = "index1 index2",
     .summary = "Exchanges two databases.",
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of keys watched or awaited in the two databases."},
    {.name = "select",
     .arity = exactly(2),
     .flags = kLoading | kStale | kFast,
     .locks = Locks::kNone,
     .reach = Reach::kSelects,
     .run = select,
     .group = Group::kConnection,
     .syntax = "index",
     .summary = "Changes the database of the connection."},
};

}  // namespace

std::span<const CommandSpec> database_commands() { return kRows; }

}  // namespace memoir
