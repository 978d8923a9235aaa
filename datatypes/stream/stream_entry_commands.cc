// Commands that change a stream's entries: XADD, XDEL, XTRIM, XSETID; and XLEN.
#include <vector>

#include "datatypes/registry.h"
#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

// The id as XADD's request has it.
struct WantedId {
  enum class Form : std::uint8_t {
    kClock,   // *: now
    kNumber,  // ms-*: the next number within that millisecond
    kWhole,
  };
  Form form = Form::kClock;
  StreamId id;
};

struct AddRequest {
  StreamTrimOptions options;
  bool create = true;
  std::size_t id_at = 0;  // the id's word
  WantedId wanted;
  std::span<const Word> pairs;

  // Whether the request gives the same result at any time.
  bool is_exact() const {
    return wanted.form == WantedId::Form::kWhole && !options.trim.whole_nodes;
  }
};

WantedId read_wanted_id(ByteView word, Args& args) {
  ByteView text = c_text(word);
  if (text == "*") return {};
  WantedId wanted{WantedId::Form::kWhole, {}};
  if (text.ends_with("-*")) {
    wanted.form = WantedId::Form::kNumber;
    text.remove_suffix(2);
    // A whole id must not hide before the asterisk.
    if (text.find('-') != ByteView::npos) text = {};
  }
  const auto id = parse_stream_id(text);
  if (!id) args.fail(kInvalidStreamId);
  wanted.id = id.value_or(StreamId());
  return wanted;
}

Result<AddRequest> read_add_request(Context& ctx, Args& args) {
  AddRequest request;
  const std::span<const Word> words = ctx.words();
  std::size_t i = 2;
  for (; i < words.size() && !args.failed();) {
    if (words[i].text == "*") break;
    if (read_trim_option(words, i, request.options, args)) continue;
    if (!equals_ignoring_case(words[i].text, "nomkstream")) break;
    request.create = false;
    ++i;
  }
  if (i < words.size() && !args.failed()) request.wanted = read_wanted_id(words[i].text, args);
  if (args.failed()) return args.status().error();
  Status good = settle_trim_options(ctx, request.options);
  if (!good) return std::move(good).error();
  request.id_at = i;
  const std::size_t rest = i < words.size() ? words.size() - i - 1 : 0;
  if (rest < 2 || rest % 2 != 0) return Error("ERR wrong number of arguments for 'xadd' command");
  request.pairs = words.subspan(i + 1);
  return request;
}

// The id of an entry that is to be added.
Result<StreamId> choose_id(const WantedId& wanted, StreamId last, std::int64_t now_ms) {
  constexpr std::string_view kTooSmall =
      "ERR The ID specified in XADD is equal or smaller than the target stream top item";
  if (last == kStreamIdMax) {
    return Error(
        "ERR The stream has exhausted the last possible ID, unable to add more items");
  }
  StreamId id = wanted.id;
  if (wanted.form == WantedId::Form::kClock) {
    id = {static_cast<std::uint64_t>(now_ms), 0};
    if (id.ms <= last.ms) {
      id = last;
      id.increment();
    }
  } else if (wanted.form == WantedId::Form::kNumber && id.ms == last.ms) {
    if (last.seq == StreamId::kPartMax) return Error(kTooSmall);
    id.seq = last.seq + 1;
  }
  if (id <= last) return Error(kTooSmall);
  return id;
}

// What a trimmed stream's own state says about where trimming ended.
Bytes trim_result(const Stream& stream, const StreamTrim& trim, const StreamTrimmed& done) {
  if (trim.by == StreamTrim::By::kId) return Bytes(ByteView(StreamIdText(done.reached)));
  return Bytes(ByteView(Decimal(static_cast<std::int64_t>(stream.size()))));
}

void journal_add(Context& ctx, const AddRequest& request, StreamId id, ByteView threshold) {
  if (request.is_exact()) return;
  const std::span<const Word> words = ctx.words();
  std::vector<ByteView> exact = exact_trim_words(words, request.options, threshold);
  const StreamIdText id_text(id);
  const bool chosen = request.wanted.form != WantedId::Form::kWhole;
  if (chosen) exact[exact.size() - (words.size() - request.id_at)] = id_text;
  ctx.effects().add(exact);
}

// XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED]
//      [MAXLEN | MINID [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]
// Replies the new entry's id.
Status xadd(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto parsed = read_add_request(ctx, args);
  if (!parsed) return parsed.error();
  const AddRequest& request = *parsed;
  if (request.wanted.form == WantedId::Form::kWhole && request.wanted.id.is_zero()) {
    return Error("ERR The ID specified in XADD must be greater than 0-0");
  }
  auto stream =
      ctx.db().edit<Stream>(key, request.create ? IfMissing::kCreate : IfMissing::kNone);
  if (!stream) return stream.error();
  if (!*stream) {
    reply.null();
    return ok;
  }
  auto id = choose_id(request.wanted, (*stream)->marks().last, ctx.now_ms());
  if (!id) return id.error();
  if (stream_entry_bytes(request.pairs) > Stream::kNodeBytesMax) {
    return Error("ERR Elements are too large to be stored");
  }
  (*stream)->append(*id, request.pairs, ctx.limits());
  const StreamTrimmed trimmed = (*stream)->trim(request.options.trim);
  Bytes threshold;
  if (request.options.trim.whole_nodes) {
    threshold = trim_result(**stream, request.options.trim, trimmed);
  }
  stream->mark_changed("xadd");
  stream->close();
  if (trimmed.entries > 0) ctx.db().notify(kEventStream, "xtrim", key);
  journal_add(ctx, request, *id, threshold);
  reply_id(reply, *id);
  return ok;
}

// XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]
// Replies how many entries went.
Status xtrim(Context& ctx, Args args, ReplyWriter& reply) {
  const std::span<const Word> words = ctx.words();
  const ByteView key = args.next();
  StreamTrimOptions options;
  for (std::size_t i = 2; i < words.size() && !args.failed();) {
    if (!read_trim_option(words, i, options, args)) args.fail(kSyntaxError);
  }
  if (args.failed()) return args.status();
  if (options.trim.limit == 0 && options.trim.by == StreamTrim::By::kNothing) {
    return Error("ERR syntax error, XTRIM must be called with a trimming strategy");
  }
  if (Status good = settle_trim_options(ctx, options); !good) return good;
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  if (!*stream) {
    reply.integer(0);
    return ok;
  }
  const StreamTrimmed trimmed = (*stream)->trim(options.trim);
  if (trimmed.entries > 0) {
    if (options.trim.whole_nodes) {
      const Bytes threshold = trim_result(**stream, options.trim, trimmed);
      ctx.effects().add(exact_trim_words(words, options, threshold));
    }
    stream->mark_changed("xtrim", trimmed.entries);
    stream->wake_nobody();
  }
  reply.integer(static_cast<std::int64_t>(trimmed.entries));
  return ok;
}

// XDEL key id [id ...]
// Replies how many entries were there.
Status xdel(Context& ctx, Args args, ReplyWriter& reply) {
  auto stream = ctx.db().edit<Stream>(args.next());
  if (!stream) return stream.error();
  if (!*stream) {
    reply.integer(0);
    return ok;
  }
  const std::vector<StreamId> ids = take_stream_ids(args);
  if (args.failed()) return args.status();
  std::uint64_t deleted = 0;
  for (const StreamId id : ids) deleted += (*stream)->erase(id) ? 1 : 0;
  if (deleted > 0) {
    (*stream)->settle_first();
    stream->mark_changed("xdel", deleted);
    stream->wake_nobody();
  }
  reply.integer(static_cast<std::int64_t>(deleted));
  return ok;
}

// XLEN key
Status xlen(Context& ctx, Args args, ReplyWriter& reply) {
  auto stream = ctx.db().read<Stream>(args.next());
  if (!stream) return stream.error();
  reply.integer(*stream ? static_cast<std::int64_t>((*stream)->size()) : 0);
  return ok;
}

struct NewMarks {
  StreamId last;
  std::optional<std::int64_t> added;
  StreamId max_deleted;
};

NewMarks read_new_marks(Args& args) {
  NewMarks marks;
  marks.last = take_stream_id(args);
  while (args.more() && !args.failed()) {
    if (args.take("entriesadded", 1)) {
      marks.added = args.integer();
      if (*marks.added < 0) args.fail("ERR entries_added must be positive");
    } else if (args.take("maxdeletedid", 1)) {
      marks.max_deleted = take_stream_id(args);
      if (marks.last < marks.max_deleted) {
        args.fail(
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      }
    } else {
      args.fail(kSyntaxError);
    }
  }
  return marks;
}

// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
Status xsetid(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const NewMarks wanted = read_new_marks(args);
  if (args.failed()) return args.status();
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  if (!*stream) return Error("ERR no such key");
  Stream::Marks marks = (*stream)->marks();
  if (wanted.last < marks.max_deleted) {
    return Error("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
  }
  if ((*stream)->size() > 0) {
    if (wanted.last < (*stream)->last_entry_id()) {
      return Error("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if (wanted.added && (*stream)->size() > static_cast<std::uint64_t>(*wanted.added)) {
      return Error(
          "ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
  }
  marks.last = wanted.last;
  if (wanted.added) marks.added = static_cast<std::uint64_t>(*wanted.added);
  if (!wanted.max_deleted.is_zero()) marks.max_deleted = wanted.max_deleted;
  (*stream)->set_marks(marks);
  stream->mark_changed("xsetid");
  stream->wake_nobody();
  reply.ok();
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "xadd",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = xadd,
     .group = Group::kStream,
     .syntax = "key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [<MAXLEN | MINID> [= | ~] threshold "
               "[LIMIT count]] <* | id> field value [field value ...]",
     .summary = "Adds an entry to a stream, which is created if missing.",
     .since = "5.0.0",
     .complexity = "O(1) when adding a new entry, O(N) when trimming where N being the number of "
                   "entries evicted.",
     .tips = "nondeterministic_output"},
    {.name = "xtrim",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = xtrim,
     .group = Group::kStream,
     .syntax = "key <<MAXLEN | MINID> [= | ~] threshold [LIMIT count]> [KEEPREF | DELREF | ACKED]",
     .summary = "Deletes entries at the beginning of a stream.",
     .since = "5.0.0",
     .complexity = "O(N), with N being the number of evicted entries. Constant times are very "
                   "small however, since entries are organized in macro nodes containing "
                   "multiple entries that can be released with a single deallocation.",
     .tips = "nondeterministic_output"},
    {.name = "xdel",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = xdel,
     .group = Group::kStream,
     .syntax = "key id [id ...]",
     .summary = "Deletes entries of a stream.",
     .since = "5.0.0",
     .complexity = "O(1) for each single item to delete in the stream, regardless of the stream "
                   "size."},
    {.name = "xlen",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = xlen,
     .group = Group::kStream,
     .syntax = "key",
     .summary = "Replies how many entries a stream has.",
     .since = "5.0.0"},
    {.name = "xsetid",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = xsetid,
     .group = Group::kStream,
     .syntax = "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
     .summary = "Sets what a stream remembers beside its entries.",
     .since = "5.0.0"},
};

}  // namespace

std::span<const CommandSpec> stream_entry_commands() { return kRows; }

std::span<const CommandSpec> stream_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part :
         {stream_entry_commands(), stream_range_commands(), stream_read_commands(),
          stream_group_commands(), stream_ack_commands(), stream_pending_commands(),
          stream_claim_commands(), stream_info_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
