// A stream in the RDB format. Its nodes are copies of their listpacks.
//
//   stream   := nodes:length (id:string listpack:string){nodes} live:length last
//               [first max_deleted added:length] groups:length group{groups}
//   group    := name:string last [read:length] pending:length (raw time:i64 count:length){pending}
//               consumers:length consumer{consumers}
//   consumer := name:string seen:i64 [active:i64] pending:length raw{pending}
//   last, first, max_deleted := ms:length seq:length
//   id, raw  := ms:u64be seq:u64be                  as a string of 16 bytes, or bare
//
// What stands in brackets came with versions 2 (first to read) and 3 (active).

#include "datatypes/stream/stream.h"
#include "src/base/coding.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

constexpr std::size_t kIdBytes = 16;

struct RawId {
  explicit RawId(StreamId id) {
    store(bytes, __builtin_bswap64(id.ms));
    store(bytes + 8, __builtin_bswap64(id.seq));
  }
  ByteView view() const { return {bytes, kIdBytes}; }
  char bytes[kIdBytes];
};

StreamId id_of(ByteView raw) {
  return {__builtin_bswap64(load<std::uint64_t>(raw.data())),
          __builtin_bswap64(load<std::uint64_t>(raw.data() + 8))};
}

StreamId read_raw_id(RdbReader& in) {
  const ByteView raw = in.raw(kIdBytes);
  return in.failed() ? StreamId() : id_of(raw);
}

void write_id(StreamId id, RdbWriter& out) {
  out.length(id.ms);
  out.length(id.seq);
}

StreamId read_id(RdbReader& in) {
  const std::uint64_t ms = in.length();
  return {ms, in.length()};
}

void save_consumer(const StreamConsumer& consumer, RdbWriter& out) {
  out.string(consumer.name);
  out.time_ms(consumer.seen_ms);
  out.time_ms(consumer.active_ms);
  out.length(consumer.pending.size());
  for (auto at = consumer.pending.first(); at; at = consumer.pending.next(at)) {
    out.raw(RawId(at.key()).view());
  }
}

void save_group(const StreamGroup& group, RdbWriter& out) {
  out.string(group.name);
  write_id(group.last_id, out);
  out.length(static_cast<std::uint64_t>(group.entries_read));
  out.length(group.pending().size());
  for (auto at = group.pending().first(); at; at = group.pending().next(at)) {
    out.raw(RawId(at.key()).view());
    out.time_ms(at.value().time_ms);
    out.length(at.value().count);
  }
  out.length(group.consumers().size());
  for (const auto& consumer : group.consumers()) save_consumer(*consumer, out);
}

void load_consumer(RdbReader& in, RdbType type, StreamGroup& group) {
  const Bytes name(in.string());
  const std::int64_t seen_ms = in.time_ms();
  const std::int64_t active_ms = type == RdbType::kStreamListpacks3 ? in.time_ms() : seen_ms;
  if (in.failed()) return;
  if (group.find_consumer(name)) return in.corrupt("Duplicate stream consumer detected");
  StreamConsumer& consumer = group.add_consumer(name, seen_ms, active_ms);
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const StreamId id = read_raw_id(in);
    if (!in.failed() && !group.load_owner(id, consumer)) {
      in.corrupt("a consumer's pending entry is not its group's");
    }
  }
}

void load_group(RdbReader& in, RdbType type, StreamGroup& group) {
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const StreamId id = read_raw_id(in);
    const std::int64_t time_ms = in.time_ms();
    const std::uint64_t count = in.length();
    if (!in.failed() && !group.load_delivery(id, time_ms, count)) {
      in.corrupt("a pending entry comes twice");
    }
  }
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    load_consumer(in, type, group);
  }
  if (!in.failed() && !group.verify()) in.corrupt("a pending entry without a consumer");
}

}  // namespace

RdbType Stream::rdb_type() const { return RdbType::kStreamListpacks3; }

void Stream::save(RdbWriter& out) const {
  out.length(nodes_.size());
  for (auto at = nodes_.first(); at; at = nodes_.next(at)) {
    out.string(RawId(at.key()).view());
    out.string(at.value().bytes());
  }
  out.length(length_);
  write_id(marks_.last, out);
  write_id(marks_.first, out);
  write_id(marks_.max_deleted, out);
  out.length(marks_.added);
  out.length(groups_.size());
  for (const auto& group : groups_) save_group(*group, out);
}

std::unique_ptr<Object> Stream::load(RdbReader& in, RdbType type, const EncodingLimits&) {
  auto stream = std::make_unique<Stream>();
  stream->load_entries(in);
  stream->load_marks(in, type);
  if (!in.failed() && !stream->has_ordered_entries()) in.corrupt("a stream's ids do not ascend");
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const Bytes name(in.string());
    const StreamId last = read_id(in);
    const auto read = type == RdbType::kStreamListpacks
                          ? stream->entries_up_to(last)
                          : static_cast<std::int64_t>(in.length());
    if (in.failed()) break;
    if (stream->find_group(name)) {
      in.corrupt("a consumer group comes twice");
      break;
    }
    load_group(in, type, stream->add_group(name, last, read));
  }
  if (in.failed()) return nullptr;
  return stream;
}

void Stream::load_entries(RdbReader& in) {
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const ByteView raw = in.string();
    if (raw.size() != kIdBytes) return in.corrupt("a stream's node has no id");
    const StreamId id = id_of(raw);
    Listpack node;
    if (!Listpack::decode(in.string(), node) || !load_node(id, std::move(node))) {
      return in.corrupt("a stream's node is unsound");
    }
  }
  if (in.length() != length_) in.corrupt("a stream has not as many entries as it says");
}

void Stream::load_marks(RdbReader& in, RdbType type) {
  marks_.last = read_id(in);
  marks_.added = length_;
  if (type != RdbType::kStreamListpacks) {
    read_id(in);  // the first entry: found anew
    marks_.max_deleted = read_id(in);
    marks_.added = in.length();
  }
  first_erased_ = true;
  if (!in.failed()) settle_first();
}

}  // namespace memoir
