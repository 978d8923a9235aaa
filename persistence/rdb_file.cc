#include "persistence/rdb_file.h"

#include "src/base/crc64.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::string_view kMagic = "REDIS";
constexpr std::string_view kValkeyMagic = "VALKEY";
constexpr unsigned kVersionWithChecksum = 5;

// What a module's value is made of; values are skipped by it.
enum ModulePart : std::uint64_t {
  kModuleEnd = 0,
  kModuleSigned = 1,
  kModuleUnsigned = 2,
  kModuleFloat = 3,
  kModuleDouble = 4,
  kModuleString = 5,
};

// Types have lower numbers, opcodes these.
constexpr std::uint8_t kFirstOpcode = static_cast<std::uint8_t>(RdbOpcode::kSlotImport);

class FileReader {
 public:
  FileReader(RdbReader& in, RdbFileEvents& events) : in_(in), events_(events) {}

  Status read(RdbChecksum checksum) {
    auto version = rdb_version_in(in_.raw(kRdbHeadBytes));
    if (in_.failed()) return in_.status();
    if (!version) return version.error();
    version_ = *version;
    while (!in_.failed() && told_ && !ended_) read_item(in_.byte());
    if (!told_) return std::move(told_);
    if (!in_.failed() && version_ >= kVersionWithChecksum) check_sum(checksum);
    return in_.status();
  }

 private:
  void read_item(std::uint8_t first) {
    if (in_.failed()) return;
    if (first < kFirstOpcode) return read_key(static_cast<RdbType>(first));
    if (read_front(static_cast<RdbOpcode>(first))) {
      has_front_ = true;
    } else if (has_front_) {
      in_.corrupt("an expiry or the like without a key");
    } else {
      read_rare(static_cast<RdbOpcode>(first));
    }
  }

  // What stands before a key. False for anything else.
  bool read_front(RdbOpcode opcode) {
    switch (opcode) {
      case RdbOpcode::kExpireTimeMs:
        key_.expire_ms = rdb_expiry_in(in_.time_ms());
        return true;
      case RdbOpcode::kExpireTime:
        key_.expire_ms = rdb_expiry_in(std::int64_t{in_.fixed<std::int32_t>()} * 1000);
        return true;
      case RdbOpcode::kIdle:
        key_.idle_seconds = in_.length();
        return true;
      case RdbOpcode::kFreq:
        key_.frequency = in_.byte();
        return true;
      default:
        return false;
    }
  }

  void read_rare(RdbOpcode opcode) {
    switch (opcode) {
      case RdbOpcode::kEof:
        ended_ = true;
        return;
      case RdbOpcode::kSelectDb: {
        const std::uint64_t index = in_.length();
        if (!in_.failed()) told_ = events_.database(index);
        return;
      }
      case RdbOpcode::kResizeDb: {
        const std::uint64_t keys = in_.length();
        const std::uint64_t expiring = in_.length();
        if (!in_.failed()) events_.sizes(keys, expiring);
        return;
      }
      case RdbOpcode::kAux: {
        const Bytes name(in_.string());
        const ByteView value = in_.string();
        if (!in_.failed()) told_ = events_.aux(name, value);
        return;
      }
      case RdbOpcode::kFunction2: {
        const ByteView source = in_.string();
        if (!in_.failed()) told_ = events_.function(source);
        return;
      }
      case RdbOpcode::kFunctionPreGa:
        return in_.fail(ErrorCode::kUnsupported,
                        "functions of a release candidate of Redis 7 are not supported");
      default:
        return skip_foreign(in_, version_, opcode);
    }
  }

  void read_key(RdbType type) {
    key_.type = rdb_type_in(version_, type);
    key_.name = in_.string();
    if (in_.failed()) return;
    told_ = events_.key(key_, in_);
    key_.reset();
    has_front_ = false;
  }

  void check_sum(RdbChecksum checksum) {
    const std::uint64_t sum = in_.checksum();
    const auto told = in_.fixed<std::uint64_t>();
    if (in_.failed() || told == 0 || checksum == RdbChecksum::kNo) return;  // 0: was switched off
    if (told != sum) in_.corrupt("the checksum is wrong");
  }

  RdbReader& in_;
  RdbFileEvents& events_;
  RdbKey key_;
  unsigned version_{0};
  Status told_{ok};
  bool has_front_{false};  // something stands before the next key
  bool ended_{false};
};

}  // namespace

// --- shared by all who read files ---

bool is_rdb(ByteView begin) { return begin.starts_with(kMagic) || begin.starts_with(kValkeyMagic); }

Result<unsigned> rdb_version_in(ByteView head) {
  const bool valkey = head.starts_with(kValkeyMagic);
  if (!is_rdb(head)) {
    return Error(ErrorCode::kCorrupt, "Wrong signature trying to load DB from file");
  }
  if (head.size() < kRdbHeadBytes) return Error(ErrorCode::kTruncated, "unexpected end of input");
  const ByteView digits =
      head.substr(0, kRdbHeadBytes).substr(valkey ? kValkeyMagic.size() : kMagic.size());
  unsigned version = 0;
  const bool known = parse_digits(digits, version) &&
                     (valkey ? version == kRdbVersionValkey
                             : version >= 1 && version <= kRdbVersionMax);
  if (known) return version;
  return Error(ErrorCode::kUnsupported, fmt::format("Can't handle RDB format version {}{}", digits,
                                                    valkey ? " of Valkey" : ""));
}

void skip_module_parts(RdbReader& in) {
  while (!in.failed()) {
    switch (in.length()) {
      case kModuleEnd:
        return;
      case kModuleSigned:
      case kModuleUnsigned:
        in.length();
        break;
      case kModuleFloat:
        in.fixed<std::uint32_t>();
        break;
      case kModuleDouble:
        in.fixed<std::uint64_t>();
        break;
      case kModuleString:
        in.string();
        break;
      default:
        in.corrupt("unknown part of a module's data");
    }
  }
}

void skip_foreign(RdbReader& in, unsigned version, RdbOpcode opcode) {
  if (opcode == RdbOpcode::kModuleAux) {
    const std::uint64_t id = in.length();
    if (in.failed()) return;
    log_notice("RDB: data of module '{}' is skipped", rdb_module_name(id));
    return skip_module_parts(in);
  }
  if (opcode == RdbOpcode::kSlotInfo) {
    for (int i = 0; i < 3; ++i) in.length();
    return;
  }
  if (opcode == RdbOpcode::kSlotImport && version == kRdbVersionValkey) {
    in.string();
    for (std::uint64_t ranges = in.length(); ranges > 0 && !in.failed(); --ranges) {
      in.length();
      in.length();
    }
    return;
  }
  in.fail(ErrorCode::kUnsupported,
          fmt::format("unknown opcode {}", static_cast<unsigned>(opcode)));
}

// --- files ---

Status RdbFileSink::write(ByteView bytes) {
  Status written = file_.write(offset_, bytes);
  offset_ += bytes.size();
  return written;
}

Status RdbFileSink::rewrite(std::uint64_t offset, ByteView bytes) {
  return file_.write(start_ + offset, bytes);
}

Result<std::size_t> RdbFileSource::read(char* into, std::size_t bytes) {
  auto read = file_.read(offset_, into, bytes);
  if (read) offset_ += *read;
  return read;
}

// --- writing ---

namespace {

Bytes head_of(unsigned version) { return fmt::format("{}{:04}", kMagic, version); }

}  // namespace

RdbFileWriter::RdbFileWriter(RdbSink& sink, RdbCompression compression, unsigned version)
    : sink_(sink), out_(compression, &sink), version_(version), needed_(version) {
  out_.raw(head_of(version));
}

void RdbFileWriter::aux(ByteView name, ByteView value) {
  out_.opcode(RdbOpcode::kAux);
  out_.string(name);
  out_.string(value);
}

void RdbFileWriter::aux(ByteView name, std::int64_t value) {
  out_.opcode(RdbOpcode::kAux);
  out_.string(name);
  out_.integer(value);
}

void RdbFileWriter::function(ByteView source) {
  out_.opcode(RdbOpcode::kFunction2);
  out_.string(source);
}

void RdbFileWriter::begin_database(unsigned index, std::uint64_t keys, std::uint64_t expiring) {
  out_.opcode(RdbOpcode::kSelectDb);
  out_.length(index);
  out_.opcode(RdbOpcode::kResizeDb);
  out_.length(keys);
  out_.length(expiring);
}

void RdbFileWriter::begin_key(const RdbKey& key) {
  if (key.expire_ms != kNoExpiry) {
    out_.opcode(RdbOpcode::kExpireTimeMs);
    out_.time_ms(key.expire_ms);
  }
  if (key.idle_seconds) {
    out_.opcode(RdbOpcode::kIdle);
    out_.length(*key.idle_seconds);
  }
  if (key.frequency) {
    out_.opcode(RdbOpcode::kFreq);
    out_.byte(*key.frequency);
  }
  note_type(key.type);
  out_.type(key.type);
  out_.string(key.name);
}

// The checksum is linear: two files of one length that differ in their heads have checksums that
// differ as much as the heads' difference followed by zeros.
std::uint64_t RdbFileWriter::settle_version(std::uint64_t checksum) const {
  Bytes difference = head_of(version_);
  const Bytes head = head_of(needed_);
  for (std::size_t i = 0; i < head.size(); ++i) {
    difference[i] = static_cast<char>(difference[i] ^ head[i]);
  }
  const std::uint64_t behind = out_.position() - head.size();
  return checksum ^ crc64_combine(crc64(0, difference), 0, behind);
}

Status RdbFileWriter::finish(RdbChecksum checksum) {
  out_.opcode(RdbOpcode::kEof);
  const std::uint64_t sum = settle_version(out_.checksum());
  out_.fixed(checksum == RdbChecksum::kYes ? sum : std::uint64_t{0});
  if (Status written = out_.flush(); !written || needed_ == version_) return written;
  return sink_.rewrite(0, head_of(needed_));
}

// --- reading ---

Status read_rdb_file(RdbReader& in, RdbChecksum checksum, RdbFileEvents& events) {
  Status status = FileReader(in, events).read(checksum);
  if (status) return ok;
  return Error(status.error().code(),
               fmt::format("at byte {}: {}", in.position(), status.error().text()));
}

}  // namespace memoir
