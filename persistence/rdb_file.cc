#include "persistence/rdb_file.h"

#include "src/base/crc64.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::string_view kMagic = "REDIS";
constexpr std::string_view kValkeyMagic = "VALKEY";
constexpr std::size_t kHeadBytes = 9;
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

// The head of a file; its version, 0 if there is an error.
unsigned read_version(RdbReader& in) {
  const ByteView head = in.raw(kHeadBytes);
  if (in.failed()) return 0;
  const bool valkey = head.starts_with(kValkeyMagic);
  if (!valkey && !head.starts_with(kMagic)) {
    in.fail(ErrorCode::kCorrupt, "not an RDB file");
    return 0;
  }
  const Bytes digits(head.substr(valkey ? kValkeyMagic.size() : kMagic.size()));
  unsigned version = 0;
  const bool known = parse_digits(digits, version) &&
                     (valkey ? version == kRdbVersionValkey
                             : version >= 1 && version <= kRdbVersionMax);
  if (known) return version;
  in.fail(ErrorCode::kUnsupported,
          fmt::format("unknown version {} of the RDB format of {}", digits,
                      valkey ? "Valkey" : "Redis"));
  return 0;
}

// Types have lower numbers, opcodes these.
constexpr std::uint8_t kFirstOpcode = static_cast<std::uint8_t>(RdbOpcode::kSlotImport);

class FileReader {
 public:
  FileReader(RdbReader& in, RdbFileEvents& events) : in_(in), events_(events) {}

  Status read(RdbChecksum checksum) {
    version_ = read_version(in_);
    while (!in_.failed() && told_ && !ended_) read_item(in_.byte());
    if (!told_) return std::move(told_);
    if (!in_.failed() && version_ >= kVersionWithChecksum) check_sum(checksum);
    return in_.status();
  }

 private:
  void read_item(std::uint8_t first) {
    if (in_.failed()) return;
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kExpireTimeMs:
        return set_expiry(in_.time_ms());
      case RdbOpcode::kExpireTime:
        return set_expiry(std::int64_t{in_.fixed<std::int32_t>()} * 1000);
      case RdbOpcode::kIdle:
        key_.idle_seconds = in_.length();
        return;
      case RdbOpcode::kFreq:
        key_.frequency = in_.byte();
        return;
      case RdbOpcode::kEof:
        ended_ = true;
        return;
      default:
        return first >= kFirstOpcode ? read_rare(static_cast<RdbOpcode>(first))
                                     : read_key(static_cast<RdbType>(first));
    }
  }

  // A moment before 1970 is over like any other, but -1 is none.
  void set_expiry(std::int64_t ms) {
    key_.expire_ms = ms < 0 && ms != kNoExpiry ? 0 : ms;
  }

  void read_rare(RdbOpcode opcode) {
    switch (opcode) {
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
        return skip_foreign(opcode);
    }
  }

  // What means nothing here.
  void skip_foreign(RdbOpcode opcode) {
    if (opcode == RdbOpcode::kModuleAux) {
      const std::uint64_t id = in_.length();
      if (in_.failed()) return;
      log_notice("RDB: data of module '{}' is skipped", rdb_module_name(id));
      return skip_module_parts(in_);
    }
    if (opcode == RdbOpcode::kSlotInfo) {
      for (int i = 0; i < 3; ++i) in_.length();
      return;
    }
    if (opcode == RdbOpcode::kSlotImport && version_ == kRdbVersionValkey) {
      in_.string();
      for (std::uint64_t ranges = in_.length(); ranges > 0 && !in_.failed(); --ranges) {
        in_.length();
        in_.length();
      }
      return;
    }
    in_.fail(ErrorCode::kUnsupported,
             fmt::format("unknown opcode {}", static_cast<unsigned>(opcode)));
  }

  void read_key(RdbType type) {
    key_.type = rdb_type_in(version_, type);
    key_.name = in_.string();
    if (in_.failed()) return;
    told_ = events_.key(key_, in_);
    key_.reset();
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
  bool ended_{false};
};

}  // namespace

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
