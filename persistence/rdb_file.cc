#include "persistence/rdb_file.h"

#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::string_view kMagic = "REDIS";
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
  const ByteView head = in.raw(kMagic.size() + 4);
  if (in.failed()) return 0;
  if (!head.starts_with(kMagic)) {
    in.fail(ErrorCode::kCorrupt, "not an RDB file");
    return 0;
  }
  unsigned version = 0;
  for (const char digit : head.substr(kMagic.size())) {
    version = version * 10 + static_cast<unsigned>(digit - '0');
    if (digit < '0' || digit > '9') version = kRdbVersionMax + 1;
  }
  if (version >= 1 && version <= kRdbVersionMax) return version;
  in.fail(ErrorCode::kUnsupported, "unknown version of the RDB format");
  return 0;
}

class FileReader {
 public:
  FileReader(RdbReader& in, RdbFileEvents& events) : in_(in), events_(events) {}

  Status read(RdbChecksum checksum) {
    const unsigned version = read_version(in_);
    while (!in_.failed() && told_ && !ended_) read_item(in_.byte());
    if (!told_) return std::move(told_);
    if (!in_.failed() && version >= kVersionWithChecksum) check_sum(checksum);
    return in_.status();
  }

 private:
  void read_item(std::uint8_t first) {
    if (in_.failed()) return;
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kExpireTimeMs:
        key_.expire_ms = in_.time_ms();
        return;
      case RdbOpcode::kExpireTime:
        key_.expire_ms = std::int64_t{in_.fixed<std::int32_t>()} * 1000;
        return;
      case RdbOpcode::kIdle:
        key_.idle_seconds = in_.length();
        return;
      case RdbOpcode::kFreq:
        key_.frequency = in_.byte();
        return;
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
      default:
        return read_rare(first);
    }
  }

  void read_rare(std::uint8_t first) {
    switch (static_cast<RdbOpcode>(first)) {
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
      case RdbOpcode::kModuleAux:  // without its module it means nothing
        in_.length();
        return skip_module_parts(in_);
      case RdbOpcode::kSlotInfo:
        for (int i = 0; i < 3; ++i) in_.length();
        return;
      case RdbOpcode::kFunctionPreGa:
        return in_.fail(ErrorCode::kUnsupported,
                        "functions of a release candidate of Redis 7 are not supported");
      default:
        return read_key(static_cast<RdbType>(first));
    }
  }

  void read_key(RdbType type) {
    key_.type = type;
    key_.name = in_.string();
    if (in_.failed()) return;
    told_ = events_.key(key_, in_);
    key_ = RdbKey{};
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

Result<std::size_t> RdbFileSource::read(char* into, std::size_t bytes) {
  auto read = file_.read(offset_, into, bytes);
  if (read) offset_ += *read;
  return read;
}

// --- writing ---

RdbFileWriter::RdbFileWriter(RdbSink& sink, RdbCompression compression, unsigned version)
    : out_(compression, &sink) {
  out_.raw(kMagic);
  const Bytes digits = std::to_string(10000 + version);
  out_.raw(ByteView(digits).substr(1));
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
  out_.type(key.type);
  out_.string(key.name);
}

Status RdbFileWriter::finish(RdbChecksum checksum) {
  out_.opcode(RdbOpcode::kEof);
  out_.fixed(checksum == RdbChecksum::kYes ? out_.checksum() : std::uint64_t{0});
  return out_.flush();
}

// --- reading ---

Status read_rdb_file(RdbReader& in, RdbChecksum checksum, RdbFileEvents& events) {
  Status status = FileReader(in, events).read(checksum);
  if (status) return ok;
  return Error(status.error().code(),
               fmt::format("at byte {}: {}", in.position(), status.error().text()));
}

}  // namespace memoir
