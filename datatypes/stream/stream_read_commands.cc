// XREAD and XREADGROUP.
//
// A request that finds nothing may wait: it parks and runs again from the start when one of its
// keys gets an entry. "$" means the last entry of the time of asking, so the parked request gets
// that entry's id in its place. XREADGROUP also runs again when a key or its group goes, and fails.
//
// What XREADGROUP does is journaled as XCLAIM and XGROUP SETID. That a consumer was seen reading
// nothing is not journaled.
#include <vector>

#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_claims.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

struct ReadRequest {
  std::size_t count = 0;        // 0: all
  std::int64_t timeout_ms = -1;  // -1: no BLOCK
  bool grouped = false;
  bool no_ack = false;
  const Word* group = nullptr;
  const Word* consumer = nullptr;
  std::size_t first_key = 0;  // the word; as many ids follow the keys
  std::size_t keys = 0;

  std::size_t id_at(std::size_t i) const { return first_key + keys + i; }
};

// The word STREAMS, with every option before it skipped as the command reads it; 0 if there is
// none. A plain search would take a group of that name for it.
int find_streams(std::span<const Word> words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const ByteView word = words[i].text;
    if (equals_ignoring_case(word, "streams")) return static_cast<int>(i);
    if (equals_ignoring_case(word, "block") || equals_ignoring_case(word, "count")) ++i;
    else if (equals_ignoring_case(word, "group")) i += 2;
    else if (!equals_ignoring_case(word, "noack")) return 0;
  }
  return 0;
}

std::int64_t read_block_time(Context& ctx, ByteView text, Args& args) {
  const auto ms = parse_integer(text);
  if (!ms) args.fail("ERR timeout is not an integer or out of range");
  else if (*ms < 0) args.fail("ERR timeout is negative");
  else if (*ms > std::numeric_limits<std::int64_t>::max() - ctx.now_ms()) {
    args.fail("ERR timeout is out of range");
  }
  return ms.value_or(0);
}

Error unbalanced(bool grouped) {
  return Error(Bytes("ERR Unbalanced '") + (grouped ? "xreadgroup" : "xread") +
               "' list of streams: for each stream key an ID or '" + (grouped ? ">" : "$") +
               "' must be specified.");
}

Error only_grouped(const char* option) {
  return Error(Bytes("ERR The ") + option +
               " option is only supported by XREADGROUP. You called XREAD instead.");
}

Status read_option(Context& ctx, std::size_t& i, ReadRequest& request) {
  const std::span<const Word> words = ctx.words();
  const std::size_t more = words.size() - i - 1;
  const ByteView word = words[i].text;
  Args args(words);
  if (more >= 1 && equals_ignoring_case(word, "block")) {
    if (!ctx.session().identity.may_block && !ctx.replaying()) {
      return Error("ERR " + Bytes(c_text(words[0].text)) +
                   " command is not allowed with BLOCK option from scripts");
    }
    request.timeout_ms = read_block_time(ctx, words[++i].text, args);
  } else if (more >= 1 && equals_ignoring_case(word, "count")) {
    const auto count = parse_integer(words[++i].text);
    if (!count) return Error(kNotInteger);
    request.count = *count > 0 ? static_cast<std::size_t>(*count) : 0;
  } else if (more >= 2 && equals_ignoring_case(word, "group")) {
    if (!request.grouped) return only_grouped("GROUP");
    request.group = &words[i + 1];
    request.consumer = &words[i + 2];
    i += 2;
  } else if (equals_ignoring_case(word, "noack")) {
    if (!request.grouped) return only_grouped("NOACK");
    request.no_ack = true;
  } else {
    return Error(kSyntaxError);
  }
  return args.status();
}

Result<ReadRequest> read_request(Context& ctx, bool grouped) {
  const std::span<const Word> words = ctx.words();
  ReadRequest request;
  request.grouped = grouped;
  for (std::size_t i = 1; i < words.size() && request.first_key == 0; ++i) {
    if (i + 1 < words.size() && equals_ignoring_case(words[i].text, "streams")) {
      request.first_key = i + 1;
    } else if (Status good = read_option(ctx, i, request); !good) {
      return std::move(good).error();
    }
  }
  if (request.first_key == 0) return Error(kSyntaxError);
  const std::size_t rest = words.size() - request.first_key;
  if (rest % 2 != 0) return unbalanced(grouped);
  request.keys = rest / 2;
  if (grouped && !request.group) return Error("ERR Missing GROUP option for XREADGROUP");
  return request;
}

Error meaningless(ByteView id) {
  return Error("ERR The " + Bytes(id) +
               " ID is meaningless in the context of XREADGROUP: you want to read the history of "
               "this consumer by specifying a proper ID, or use the > ID to get new messages. "
               "The " +
               Bytes(id) + " ID would just return an empty result set.");
}

// The id behind which XREAD is to begin.
Result<StreamId> id_to_read_after(const Stream* stream, ByteView text) {
  if (text == "$") return stream ? stream->marks().last : StreamId();
  if (text == "+") {
    if (!stream || stream->size() == 0) return stream ? stream->marks().last : StreamId();
    StreamId id = stream->last_entry_id();
    id.decrement();
    return id;
  }
  if (text == ">") {
    return Error(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
        "<consumer> option.");
  }
  const auto id = parse_stream_id(text);
  if (!id) return Error(kInvalidStreamId);
  return *id;
}

// The reply of either command: stream by stream, null if there is none.
class StreamsReply {
 public:
  explicit StreamsReply(ReplyWriter& reply) : reply_(reply), mark_(reply.begin()) {}
  // A stream's entries are to follow.
  void begin(ByteView key) {
    ++streams_;
    if (reply_.version() == Resp::kV2) reply_.array(2);
    reply_.bulk(key);
  }
  bool any() const { return streams_ > 0; }
  void end() {
    if (reply_.version() == Resp::kV2) reply_.end_array(mark_, streams_);
    else reply_.end_map(mark_, streams_);
  }

 private:
  ReplyWriter& reply_;
  ReplyWriter::Mark mark_;
  std::size_t streams_{0};
};

// Parks the request if it says so, or replies null. `ids`: what "$" stands for.
Status wait_or_reply(Context& ctx, const ReadRequest& request, std::span<const StreamId> ids,
                     ReplyWriter& reply) {
  if (request.timeout_ms < 0) {
    reply.null_array();
    return ok;
  }
  const std::span<const Word> words = ctx.words();
  std::vector<ByteView> keys;
  for (std::size_t i = 0; i < request.keys; ++i) {
    keys.push_back(words[request.first_key + i].text);
    const std::size_t id_at = request.id_at(i);
    if (words[id_at].text == "$") ctx.rewrite_parked(id_at, ByteView(StreamIdText(ids[i])));
  }
  if (request.grouped) ctx.wake_on_any_change();
  return ctx.park(keys, TypeId::kStream, request.timeout_ms, TimeoutReply::kNullArray, reply);
}

// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
// Replies the entries behind each id, or a null array if there are none.
Status xread(Context& ctx, Args, ReplyWriter& reply) {
  auto parsed = read_request(ctx, false);
  if (!parsed) return parsed.error();
  const ReadRequest& request = *parsed;
  const std::span<const Word> words = ctx.words();
  std::vector<const Stream*> streams;
  std::vector<StreamId> ids;
  for (std::size_t i = 0; i < request.keys; ++i) {
    auto stream = ctx.db().read<Stream>(words[request.first_key + i].text);
    if (!stream) return stream.error();
    auto id = id_to_read_after(*stream, words[request.id_at(i)].text);
    if (!id) return id.error();
    streams.push_back(*stream);
    ids.push_back(*id);
  }
  StreamsReply out(reply);
  for (std::size_t i = 0; i < request.keys; ++i) {
    const Stream* const stream = streams[i];
    if (!stream || stream->size() == 0 || stream->last_entry_id() <= ids[i]) continue;
    out.begin(words[request.first_key + i].text);
    StreamId first = ids[i];
    first.increment();
    reply_entries(reply, StreamReader(*stream, first, kStreamIdMax), request.count);
  }
  if (!out.any()) return wait_or_reply(ctx, request, ids, reply);
  out.end();
  return ok;
}

// --- groups --------------------------------------------------------------------------------------

// One stream being read for a consumer.
struct GroupRead {
  Context& ctx;
  const ReadRequest& request;
  ByteView key;
  Edit<Stream>& stream;
  StreamGroup& group;
  StreamConsumer& consumer;
};

// Entries that nobody of the group has been given yet.
void reply_new_entries(const GroupRead& read, ReplyWriter& reply) {
  Context& ctx = read.ctx;
  StreamClaims claims(ctx, read.key, read.group, read.consumer);
  StreamId first = read.group.last_id;
  first.increment();
  StreamReader reader(*read.stream, first, kStreamIdMax);
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t replied = 0;
  StreamEntry entry;
  while ((read.request.count == 0 || replied < read.request.count) && reader.next(entry)) {
    read.stream->advance(read.group, entry.id);
    reply_entry(reply, entry);
    ++replied;
    if (read.request.no_ack) continue;
    read.group.deliver(entry.id, read.consumer, ctx.now_ms(), 1);
    claims.add(entry.id, ctx.now_ms(), 1);
  }
  reply.end_array(mark, replied);
  if (claims.any()) read.consumer.active_ms = ctx.now_ms();
  claims.flush();
  journal_group_position(ctx, read.key, read.group);
  read.stream.mark_changed(nullptr);
}

// Entries behind `after` that the consumer has been given and not acknowledged yet.
void reply_own_entries(const GroupRead& read, StreamId after, ReplyWriter& reply) {
  StreamClaims claims(read.ctx, read.key, read.group, read.consumer, StreamClaims::Why::kReread);
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t replied = 0;
  const StreamConsumer::Pending& own = read.consumer.pending;
  after.increment();
  for (auto at = own.lower_bound(after); at; at = own.next(at)) {
    if (read.request.count != 0 && replied == read.request.count) break;
    const StreamId id = at.key();
    StreamEntry entry;
    if (StreamReader(*read.stream, id, id).next(entry)) {
      StreamDelivery& delivery = *read.group.find_delivery(id);
      delivery.time_ms = read.ctx.now_ms();
      claims.add(id, delivery.time_ms, ++delivery.count);
      reply_entry(reply, entry);
    } else {
      // Its entry was deleted meanwhile.
      reply.array(2);
      reply_id(reply, id);
      reply.null_array();
    }
    ++replied;
  }
  reply.end_array(mark, replied);
  claims.flush();
  if (claims.any()) read.stream.mark_changed(nullptr);
}

Status read_for_group(Context& ctx, const ReadRequest& request, std::size_t i, StreamId after,
                      StreamsReply& out, ReplyWriter& reply) {
  const ByteView key = ctx.words()[request.first_key + i].text;
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  stream->wake_nobody();
  StreamGroup& group = *(*stream)->find_group(request.group->text);
  StreamConsumer& consumer = consumer_of(ctx, *stream, key, group, request.consumer->text);
  consumer.seen_ms = ctx.now_ms();
  const GroupRead read{ctx, request, key, *stream, group, consumer};
  if (after != kStreamIdMax) {
    out.begin(key);
    reply_own_entries(read, after, reply);
  } else if ((*stream)->size() > 0 && (*stream)->last_entry_id() > group.last_id) {
    out.begin(key);
    reply_new_entries(read, reply);
  }
  return ok;
}

// The id behind which a group's consumer is to begin; the largest one means new entries.
Result<StreamId> id_for_group(const Stream* stream, const ReadRequest& request, ByteView key,
                              ByteView text) {
  if (!stream || !stream->find_group(request.group->text)) {
    return Error("NOGROUP No such key '" + Bytes(c_text(key)) + "' or consumer group '" +
                 Bytes(c_text(request.group->text)) + "' in XREADGROUP with GROUP option");
  }
  if (text == "$" || text == "+") return meaningless(text);
  if (text == ">") return kStreamIdMax;
  const auto id = parse_stream_id(text);
  if (!id) return Error(kInvalidStreamId);
  return *id;
}

// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK]
//            STREAMS key [key ...] id [id ...]
Status xreadgroup(Context& ctx, Args, ReplyWriter& reply) {
  auto parsed = read_request(ctx, true);
  if (!parsed) return parsed.error();
  const ReadRequest& request = *parsed;
  const std::span<const Word> words = ctx.words();
  std::vector<StreamId> ids;
  for (std::size_t i = 0; i < request.keys; ++i) {
    const ByteView key = words[request.first_key + i].text;
    auto stream = ctx.db().read<Stream>(key);
    if (!stream) return stream.error();
    auto id = id_for_group(*stream, request, key, words[request.id_at(i)].text);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  StreamsReply out(reply);
  for (std::size_t i = 0; i < request.keys; ++i) {
    if (Status done = read_for_group(ctx, request, i, ids[i], out, reply); !done) return done;
  }
  if (!out.any()) return wait_or_reply(ctx, request, ids, reply);
  out.end();
  return ok;
}

constexpr KeySpecs streams_from(int first) {
  KeySpec keys;
  keys.kind = KeySpec::Kind::kKeyword;
  keys.first = static_cast<std::int16_t>(first);
  keys.last = -1;
  keys.flags = kKeyRO | kKeyAccess;
  keys.keyword = "STREAMS";
  keys.limit = 2;
  keys.locate = find_streams;
  return {keys};
}

constexpr CommandSpec kRows[] = {
    {.name = "xread",
     .arity = at_least(4),
     .keys = streams_from(1),
     .access = Access::kRead,
     .flags = kBlocking,
     .run = xread,
     .group = Group::kStream,
     .syntax = "[COUNT count] [BLOCK milliseconds] <STREAMS key [key ...] id [id ...]>",
     .summary = "Replies entries of several streams behind given ids, or waits for some.",
     .since = "5.0.0",
     .complexity = ""},
    {.name = "xreadgroup",
     .arity = at_least(7),
     .keys = streams_from(4),
     .access = Access::kWrite,
     .flags = kBlocking,
     .journal = JournalForm::kEffects,
     .run = xreadgroup,
     .group = Group::kStream,
     .syntax = "<GROUP group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] "
               "<STREAMS key [key ...] id [id ...]>",
     .summary = "Replies entries that are new to a group to one of its consumers, or its own, or "
                "waits for some.",
     .since = "5.0.0",
     .complexity = "For each stream mentioned: O(M) with M being the number of elements returned. "
                   "If M is constant (e.g. always asking for the first 10 elements with COUNT), "
                   "you can consider it O(1). On the other side when XREADGROUP blocks, XADD will "
                   "pay the O(N) time in order to serve the N clients blocked on the stream "
                   "getting new data."},
};

}  // namespace

std::span<const CommandSpec> stream_read_commands() { return kRows; }

}  // namespace memoir
