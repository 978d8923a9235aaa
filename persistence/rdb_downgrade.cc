#include "persistence/rdb_downgrade.h"

#include <optional>

#include "persistence/listpack_texts.h"
#include "src/base/coding.h"
#include "src/base/log.h"

namespace memoir {
namespace {

constexpr std::size_t kStreamIdBytes = 16;
constexpr std::size_t kFooterBytes = 10;  // version:u16 crc:u64
// A score as text with this length or more stands for infinity or no number.
constexpr std::uint8_t kFirstNamedScore = 253;

// Hashes whose times count from the soonest one, which stands in front.
bool has_soonest(RdbType type) {
  return type == RdbType::kHashMetadata || type == RdbType::kHashListpackEx;
}

void append_footer(RdbWriter& out) {
  out.fixed(static_cast<std::uint16_t>(kRdbVersionRedis70));
  out.fixed(out.checksum());
}

Result<ByteView> without_footer(ByteView payload) {
  if (payload.size() < kFooterBytes) return Error(ErrorCode::kTruncated, "a payload is too short");
  const auto version = load<std::uint16_t>(payload.data() + payload.size() - kFooterBytes);
  if (version > kRdbVersionMax) {
    return Error(ErrorCode::kUnsupported, fmt::format("a payload of version {}", version));
  }
  return payload.substr(0, payload.size() - kFooterBytes);
}

}  // namespace

RdbDowngrade::RdbDowngrade(RdbReader& in, RdbType type) : in_(in), type_(type) {
  if (type != RdbType::kTimedMembers) return;
  timed_ = true;
  type_ = static_cast<RdbType>(in.byte());
  if (type_ == RdbType::kTimedMembers) in.corrupt("times of times");
}

RdbType RdbDowngrade::type() const {
  switch (type_) {
    case RdbType::kSetListpack:
      return RdbType::kSet;
    case RdbType::kHashMetadata:
    case RdbType::kHashMetadataPreGa:
    case RdbType::kHashListpackEx:
    case RdbType::kHashListpackExPreGa:
      return RdbType::kHash;
    case RdbType::kStreamListpacks3:
      return RdbType::kStreamListpacks2;
    default:
      return type_;
  }
}

void RdbDowngrade::strings(RdbWriter& out, unsigned each, std::size_t bytes_behind) {
  const std::uint64_t count = in_.length();
  out.length(count);
  for (std::uint64_t left = count; left > 0 && !in_.failed(); --left) {
    for (unsigned i = 0; i < each; ++i) out.string(in_.string());
    if (bytes_behind > 0) copy_raw(out, bytes_behind);
  }
}

void RdbDowngrade::scored_text(RdbWriter& out) {
  const std::uint64_t count = in_.length();
  out.length(count);
  for (std::uint64_t left = count; left > 0 && !in_.failed(); --left) {
    out.string(in_.string());
    const std::uint8_t bytes = in_.byte();
    out.byte(bytes);
    if (bytes < kFirstNamedScore) copy_raw(out, bytes);
  }
}

void RdbDowngrade::quicklist(RdbWriter& out) {
  const std::uint64_t count = in_.length();
  out.length(count);
  for (std::uint64_t left = count; left > 0 && !in_.failed(); --left) {
    copy_length(out);  // how the node is kept
    out.string(in_.string());
  }
}

// Writes a listpack's elements as strings: of every `of`, the first `kept`. The last one of three
// is a time.
void RdbDowngrade::listpack(RdbWriter& out, std::size_t kept, std::size_t of) {
  const Bytes bytes(in_.string());
  if (in_.failed()) return;
  bool unsound = false;
  const std::size_t count = ListpackTexts::count(bytes, unsound);
  if (unsound || count % of != 0) return in_.corrupt("an unsound listpack");
  out.length(count / of);
  ListpackTexts texts(bytes);
  ByteView text;
  for (std::size_t i = 0; texts.next(text); ++i) {
    if (i % of < kept) {
      out.string(text);
    } else if (text != "0") {
      ++times_;
    }
  }
}

void RdbDowngrade::timed_fields(RdbWriter& out) {
  const std::uint64_t count = in_.length();
  out.length(count);
  for (std::uint64_t left = count; left > 0 && !in_.failed(); --left) {
    if (in_.length() != 0) ++times_;
    out.string(in_.string());
    out.string(in_.string());
  }
}

void RdbDowngrade::stream_group(RdbWriter& out) {
  out.string(in_.string());
  copy_length(out);
  copy_length(out);
  if (type_ != RdbType::kStreamListpacks) copy_length(out);  // entries read
  const std::uint64_t pending = in_.length();
  out.length(pending);
  for (std::uint64_t left = pending; left > 0 && !in_.failed(); --left) {
    copy_raw(out, kStreamIdBytes);
    out.time_ms(in_.time_ms());
    copy_length(out);
  }
  const std::uint64_t consumers = in_.length();
  out.length(consumers);
  for (std::uint64_t left = consumers; left > 0 && !in_.failed(); --left) {
    out.string(in_.string());
    out.time_ms(in_.time_ms());                                     // when it was seen
    if (type_ == RdbType::kStreamListpacks3) (void)in_.time_ms();  // when it got something
    const std::uint64_t owned = in_.length();
    out.length(owned);
    for (std::uint64_t id = owned; id > 0 && !in_.failed(); --id) copy_raw(out, kStreamIdBytes);
  }
}

void RdbDowngrade::stream(RdbWriter& out) {
  strings(out, 2, 0);
  const int numbers = type_ == RdbType::kStreamListpacks ? 3 : 8;
  for (int i = 0; i < numbers; ++i) copy_length(out);
  const std::uint64_t groups = in_.length();
  out.length(groups);
  for (std::uint64_t left = groups; left > 0 && !in_.failed(); --left) stream_group(out);
}

void RdbDowngrade::skip_times() {
  for (std::uint64_t left = in_.length(); left > 0 && !in_.failed(); --left) {
    in_.string();
    in_.time_ms();
    ++times_;
  }
}

void RdbDowngrade::copy(RdbWriter& out) {
  if (in_.failed()) return;
  if (has_soonest(type_)) (void)in_.time_ms();
  switch (type_) {
    case RdbType::kString:
    case RdbType::kHashZipmap:
    case RdbType::kListZiplist:
    case RdbType::kSetIntset:
    case RdbType::kSortedSetZiplist:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
      out.string(in_.string());
      break;
    case RdbType::kList:
    case RdbType::kSet:
    case RdbType::kListQuicklist:
      strings(out, 1, 0);
      break;
    case RdbType::kHash:
      strings(out, 2, 0);
      break;
    case RdbType::kSortedSet2:
      strings(out, 1, sizeof(double));
      break;
    case RdbType::kSortedSet:
      scored_text(out);
      break;
    case RdbType::kListQuicklist2:
      quicklist(out);
      break;
    case RdbType::kSetListpack:
      listpack(out, 1, 1);
      break;
    case RdbType::kHashListpackEx:
    case RdbType::kHashListpackExPreGa:
      listpack(out, 2, 3);
      break;
    case RdbType::kHashMetadata:
    case RdbType::kHashMetadataPreGa:
      timed_fields(out);
      break;
    case RdbType::kStreamListpacks:
    case RdbType::kStreamListpacks2:
    case RdbType::kStreamListpacks3:
      stream(out);
      break;
    default:
      return in_.fail(ErrorCode::kUnsupported, "a type of value that Redis 7.0 does not know");
  }
  if (timed_) skip_times();
}

// ---- files

namespace {

class FileDowngrade final : public RdbFileEvents {
 public:
  explicit FileDowngrade(RdbSink& sink)
      : out_(sink, RdbCompression::kYes, kRdbVersionRedis70) {}

  Status aux(ByteView name, ByteView value) override {
    // Where the file comes from stands for the snapshot, not for its copy.
    for (const ByteView kept : {"redis-ver", "redis-bits", "ctime", "used-mem"}) {
      if (name == kept) out_.aux(name, value);
    }
    return ok;
  }
  Status function(ByteView source) override {
    begin();
    out_.function(source);
    return ok;
  }
  Status database(std::uint64_t index) override {
    begin();
    database_ = index;
    return ok;
  }
  void sizes(std::uint64_t keys, std::uint64_t expiring) override {
    begin_database(keys, expiring);
  }
  Status key(const RdbKey& key, RdbReader& in) override {
    begin();
    begin_database(0, 0);
    RdbDowngrade value(in, key.type);
    RdbKey copy = key;
    copy.type = value.type();
    out_.begin_key(copy);
    value.copy(out_.values());
    ++done_.keys;
    done_.times_left_out += value.times_left_out();
    return in.status();
  }

  Result<RdbDowngraded> finish() {
    begin();
    if (Status written = out_.finish(); !written) return std::move(written).error();
    return done_;
  }

 private:
  void begin() {
    if (!std::exchange(begun_, true)) out_.aux("aof-base", 1);
  }
  void begin_database(std::uint64_t keys, std::uint64_t expiring) {
    if (database_) out_.begin_database(static_cast<unsigned>(*database_), keys, expiring);
    database_.reset();
  }

  RdbFileWriter out_;
  RdbDowngraded done_;
  bool begun_ = false;
  std::optional<std::uint64_t> database_;  // that has not been begun
};

}  // namespace

Result<RdbDowngraded> downgrade_rdb(RdbReader& in, RdbSink& sink) {
  FileDowngrade copy(sink);
  if (Status read = read_rdb_file(in, RdbChecksum::kYes, copy); !read) {
    return std::move(read).error();
  }
  return copy.finish();
}

Result<Bytes> downgrade_payload(ByteView payload, std::uint64_t& times_left_out) {
  auto body = without_footer(payload);
  if (!body) return body.error();
  RdbReader in(*body);
  RdbDowngrade value(in, static_cast<RdbType>(in.byte()));
  RdbWriter out(RdbCompression::kYes);
  out.type(value.type());
  value.copy(out);
  if (!in.failed() && !in.at_end()) in.corrupt("a payload with more behind its value");
  if (Status read = in.status(); !read) return std::move(read).error();
  append_footer(out);
  times_left_out += value.times_left_out();
  return out.take();
}

Result<Bytes> downgrade_functions(ByteView payload) {
  auto body = without_footer(payload);
  if (!body) return body.error();
  RdbWriter out(RdbCompression::kNo);
  out.raw(*body);
  append_footer(out);
  return out.take();
}

}  // namespace memoir
