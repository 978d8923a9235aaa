#include "persistence/rdb_blocks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "persistence/rdb_skip.h"
#include "src/base/coding.h"
#include "src/base/crc64.h"
#include "src/base/log.h"
#include "src/store/rdb_reader.h"

namespace memoir {
namespace {

constexpr unsigned kVersionWithChecksum = 5;
constexpr std::size_t kChecksumBytes = 8;

class BlockReader final : private RdbWindow {
 public:
  BlockReader(File& file, std::uint64_t size, const RdbBlockOptions& options,
              RdbBlockEvents& events)
      : file_(file), size_(size), options_(options), events_(events) {}

  Status read() {
    Status status = read_head();
    while (status && !ended_) {
      // A block begins with a key.
      if (keys_ == 0) block_ = at_;
      if (keys_ == 0) block_db_ = db_;
      status = step();
    }
    if (status && version_ >= kVersionWithChecksum) status = check_sum();
    return status;
  }

  std::uint64_t position() const { return offset_of(at_); }

 private:
  std::uint64_t offset_of(const char* at) const {
    return read_to_ - static_cast<std::uint64_t>(end_ - at);
  }

  void sum_to(const char* at) {
    if (options_.checksum == RdbChecksum::kNo) return;
    crc_ = crc64(crc_, {summed_, static_cast<std::size_t>(at - summed_)});
    summed_ = at;
  }

  // Reads as much as the buffer takes behind end_.
  Status fill() {
    while (end_ < buffer_.get() + capacity_ && read_to_ < size_) {
      const auto room = static_cast<std::size_t>(buffer_.get() + capacity_ - end_);
      char* const to = buffer_.get() + (end_ - buffer_.get());
      auto read = file_.read(read_to_, to, std::min<std::uint64_t>(room, size_ - read_to_));
      if (!read) return read.error();
      if (*read == 0) size_ = read_to_;  // it has become shorter
      end_ += *read;
      read_to_ += *read;
    }
    return ok;
  }

  // Another buffer with what is not consumed yet in front.
  void change_buffer(std::size_t capacity) {
    const auto kept = static_cast<std::size_t>(end_ - at_);
    auto fresh = events_.take_buffer(capacity);
    if (!fresh) fresh = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(fresh.get(), at_, kept);
    buffer_ = std::move(fresh);
    capacity_ = capacity;
    at_ = summed_ = block_ = buffer_.get();
    end_ = at_ + kept;
  }

  Status read_head() {
    buffer_ = std::make_unique_for_overwrite<char[]>(options_.block_bytes);
    capacity_ = options_.block_bytes;
    at_ = end_ = summed_ = block_ = buffer_.get();
    if (Status filled = fill(); !filled) return filled;
    auto version = rdb_version_in({at_, std::min(kRdbHeadBytes, left())});
    if (!version) return version.error();
    version_ = *version;
    at_ += kRdbHeadBytes;
    block_ = at_;
    return ok;
  }

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  static Error truncated() { return {ErrorCode::kTruncated, "unexpected end of input"}; }

  // One item, or more bytes for it.
  Status step() {
    RdbSkipper in(at_, end_);
    const std::uint8_t first = in.byte();
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kEof:
        if (in.good()) return end();
        break;
      case RdbOpcode::kSelectDb:
        return select(in);
      case RdbOpcode::kResizeDb: {
        const std::uint64_t keys = in.length();
        const std::uint64_t expiring = in.length();
        if (in.good()) events_.sizes(keys, expiring);
        break;
      }
      case RdbOpcode::kAux:
      case RdbOpcode::kFunction2:
      case RdbOpcode::kModuleAux:
      case RdbOpcode::kSlotInfo:
      case RdbOpcode::kSlotImport:
        if (in.good()) return rare(static_cast<RdbOpcode>(first), in);
        break;
      case RdbOpcode::kFunctionPreGa:
        return Error(ErrorCode::kUnsupported,
                     "functions of a release candidate of Redis 7 are not supported");
      default:
        in.item(first, version_);
        if (!in.good()) return not_good(in, Kind::kKey);
        ++keys_;
        break;
    }
    return finish(in);
  }

  enum class Kind : std::uint8_t { kKey, kOther };

  Status finish(const RdbSkipper& in) {
    if (!in.good()) return not_good(in, Kind::kOther);
    at_ = in.at();
    return ok;
  }

  Status not_good(const RdbSkipper& in, Kind kind) {
    switch (in.state()) {
      case RdbSkipper::State::kShort:
        return more(kind);
      case RdbSkipper::State::kUnsupported:
        return Error(ErrorCode::kUnsupported, Bytes(in.reason()));
      default:
        return Error(ErrorCode::kCorrupt, Bytes(in.reason()));
    }
  }

  // The last block ends before the opcode; what is summed up, behind it.
  Status end() {
    if (Status done = hand_over(); !done) return done;
    ++at_;
    sum_to(at_);
    ended_ = true;
    return ok;
  }

  // What came before belongs to another database: told in its place, so that an index out of range
  // is refused before any key of it.
  Status select(RdbSkipper& in) {
    const std::uint64_t index = in.length();
    if (!in.good()) return not_good(in, Kind::kOther);
    db_ = index;
    at_ = in.at();
    return events_.database(index);
  }

  // A field, a function, or what is passed over.
  Status rare(RdbOpcode opcode, const RdbSkipper& skipper) {
    RdbReader in(ByteView(skipper.at(), static_cast<std::size_t>(end_ - skipper.at())));
    const bool is_aux = opcode == RdbOpcode::kAux;
    const bool is_function = opcode == RdbOpcode::kFunction2;
    const Bytes name(is_aux ? in.string() : ByteView());
    const ByteView value = is_aux || is_function ? in.string() : ByteView();
    if (!is_aux && !is_function) skip_foreign(in, version_, opcode);
    if (in.failed()) {
      Status status = in.status();
      return status.error().code() == ErrorCode::kTruncated ? more(Kind::kOther)
                                                            : std::move(status);
    }
    at_ = skipper.at() + in.position();
    if (is_aux) return events_.aux(name, value);
    return is_function ? events_.function(value) : Status(ok);
  }

  // The item at at_ goes on behind the buffer.
  Status more(Kind kind) {
    if (read_to_ >= size_) return truncated();
    if (Status done = hand_over(); !done) return done;
    if (at_ != buffer_.get()) change_buffer(std::max(options_.block_bytes, 2 * left()));
    if (left() == capacity_) {
      if (kind == Kind::kKey && capacity_ >= options_.value_bytes_max) return large_key();
      change_buffer(capacity_ * 2);
    }
    return fill();
  }

  // Gives away the block that ends at at_, its buffer included.
  Status hand_over() {
    sum_to(at_);
    if (keys_ == 0) {
      block_ = at_;
      block_db_ = db_;
      return ok;
    }
    RdbBlock block;
    block.version = version_;
    block.begin = static_cast<std::size_t>(block_ - buffer_.get());
    block.bytes = static_cast<std::uint64_t>(at_ - block_);
    block.offset = offset_of(block_);
    block.keys = std::exchange(keys_, 0);
    block.db = std::exchange(block_db_, db_);
    block.capacity = capacity_;
    auto full = std::move(buffer_);
    change_buffer(std::max(options_.block_bytes, 2 * left()));
    block.buffer = std::move(full);
    return events_.block(std::move(block));
  }

  // A key too large for the buffer: gone through, and named by its place.
  Status large_key() {
    RdbBlock block;
    block.version = version_;
    block.offset = offset_of(at_);
    block.keys = 1;
    block.db = db_;
    RdbSkipper in(at_, end_, this);
    in.item(in.byte(), version_);
    if (!window_) return std::move(window_);
    if (in.state() == RdbSkipper::State::kShort) return truncated();
    if (!in.good()) return not_good(in, Kind::kKey);
    at_ = block_ = in.at();
    sum_to(at_);
    block.bytes = offset_of(at_) - block.offset;
    Status told = events_.block(std::move(block));
    if (told) change_buffer(std::max(options_.block_bytes, left()));
    return told;
  }

  ByteView more(const char*) override {
    sum_to(end_);
    at_ = end_ = summed_ = buffer_.get();
    window_ = fill();
    return window_ ? ByteView(at_, left()) : ByteView();
  }

  Status check_sum() {
    while (left() < kChecksumBytes) {
      if (read_to_ >= size_) return truncated();
      change_buffer(std::max(capacity_, kChecksumBytes));
      if (Status filled = fill(); !filled) return filled;
    }
    const auto told = load<std::uint64_t>(at_);
    // 0: was switched off by whoever wrote the file.
    if (told == 0 || options_.checksum == RdbChecksum::kNo || told == crc_) return ok;
    return Error(ErrorCode::kCorrupt, fmt::format("Wrong RDB checksum expected: ({:x}) but got "
                                                  "({:x})", told, crc_));
  }

  File& file_;
  std::uint64_t size_;
  const RdbBlockOptions& options_;
  RdbBlockEvents& events_;

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  const char* at_ = nullptr;      // not consumed yet: [at_, end_)
  const char* end_ = nullptr;
  const char* summed_ = nullptr;  // up to here crc_ goes
  const char* block_ = nullptr;   // where the block begins that is not handed over yet
  std::uint64_t read_to_ = 0;     // the offset of end_
  std::uint64_t crc_ = 0;
  std::uint64_t keys_ = 0;        // in the block
  std::uint64_t db_ = 0;
  std::uint64_t block_db_ = 0;
  unsigned version_ = 0;
  bool ended_ = false;
  Status window_{ok};  // of reading within a large key
};

}  // namespace

Status read_rdb_blocks(File& file, std::uint64_t size, const RdbBlockOptions& options,
                       RdbBlockEvents& events) {
  BlockReader reader(file, size, options, events);
  Status status = reader.read();
  if (status) return ok;
  return Error(status.error().code(),
               fmt::format("at byte {}: {}", reader.position(), status.error().text()));
}

}  // namespace memoir
