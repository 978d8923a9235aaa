// One pass over the bytes: parse_multibulk() takes words as fast as it can while lines have their
// plain form and words are whole; whatever is incomplete or unusual goes through
// parse_count_line(), parse_bulk_line() and parse_bulk(), which keep their place in members.
// Nothing is scanned twice, so a request that trickles in costs no more than one that comes at
// once.
//
// Words are views from the start. When bytes of an incomplete request move to another place, its
// words move along (move_pending); a buffer that a delivered batch still looks at is kept until
// next_batch().
#include "protocol/request_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/number.h"

namespace memoir {
namespace {

// Limits of clients that have not logged in.
constexpr std::int64_t kUnauthenticatedWordsMax = 10;
constexpr std::int64_t kUnauthenticatedBulkBytesMax = 16384;

// Words that a connection keeps room for: a deep pipeline's.
constexpr std::size_t kWordsKeptMax = 16 * 1024;
// A query buffer up to here is no waste.
constexpr std::size_t kWideBytes = 32 * 1024;

constexpr std::string_view kLineEnd = "\r\n";

inline bool ends_line(const char* at) { return at[0] == '\r' && at[1] == '\n'; }

// Reads "<type><count>\r\n" at `at`, the count in plain form and below a million; returns what
// follows, or null if the line is not like that or not whole.
inline const char* read_plain_count(const char* at, const char* end, char type,
                                    std::size_t& count) {
  if (end - at < 4 || *at != type) return nullptr;
  std::size_t value = static_cast<unsigned char>(at[1]) - static_cast<std::size_t>('0');
  if (value > 9) return nullptr;
  const char* p = at + 2;
  if (__builtin_expect(*p != '\r', 0)) {
    if (value == 0) return nullptr;  // no leading zeros
    const char* const stop = std::min(end, at + 7);
    for (; p < stop; ++p) {
      const std::size_t digit = static_cast<unsigned char>(*p) - static_cast<std::size_t>('0');
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    if (end - p < 2) return nullptr;
  }
  if (!ends_line(p)) return nullptr;
  count = value;
  return p + 2;
}

}  // namespace

RequestParser::~RequestParser() {
  for (char* buffer : retired_) release(buffer);
  release(buffer_);
}

// How many bytes the large word being received, if any, and its line end still lack.
std::size_t RequestParser::large_missing() const {
  return large_ ? large_bytes_ + kLineEnd.size() - large_received_ : 0;
}

// Gives the large word being received another allocation, of at least `room` bytes.
void RequestParser::move_large(std::size_t room) {
  SharedBytes moved = SharedBytes::with_size(std::min(room, large_bytes_), room);
  std::memcpy(moved.data(), large_.data(), large_received_);
  large_ = std::move(moved);
}

RequestParser::Space RequestParser::space() {
  if (const std::size_t missing = large_missing()) {
    const std::size_t whole = large_bytes_ + kLineEnd.size();
    if (large_.capacity() < whole) move_large(whole);  // shrink() took it
    return {large_.data() + large_received_, missing};
  }
  if (capacity_ - end_ < read_bytes_) make_room(read_bytes_);
  return {buffer_ + end_, read_bytes_};
}

void RequestParser::received(std::size_t bytes) {
  if (failure_) return;
  if (const std::size_t missing = large_missing()) {
    DEBUG_ASSERT(bytes <= missing);
    large_received_ += bytes;
    return;
  }
  // A read that fills all the room has probably left more in the socket: offer more next time.
  if (bytes == read_bytes_) read_bytes_ = std::min(2 * read_bytes_, kReadBytesMax);
  end_ += bytes;
  if (end_ > peak_) peak_ = end_;
  DEBUG_ASSERT(end_ <= capacity_);
}

// Moves the unparsed bytes to `to`, which may overlap, and with them the views of pending words.
void RequestParser::move_pending(char* to) {
  const char* const from = buffer_ + begin_;
  if (words_left_ > 0) {
    for (std::size_t i = pending_words_; i < words_.size(); ++i) {
      Word& word = words_[i];
      if (!word.owner) word.text = ByteView(to + (word.text.data() - from), word.text.size());
    }
  }
  if (end_ > begin_) std::memmove(to, from, end_ - begin_);
  scan_ -= begin_;
  end_ -= begin_;
  begin_ = 0;
}

// Makes room for `bytes` behind end_.
void RequestParser::make_room(std::size_t bytes) {
  const std::size_t pending = end_ - begin_;
  if (requests_.empty() && begin_ > 0 && capacity_ - pending >= bytes) {
    return move_pending(buffer_);
  }
  // A quarter more, so that next time moving a short rest to the front will do.
  const std::size_t needed = pending + bytes + bytes / 4;
  const std::size_t capacity = needed > capacity_ ? std::max(needed, 2 * capacity_) : capacity_;
  char* const fresh = static_cast<char*>(allocate(capacity));
  char* const old = buffer_;
  move_pending(fresh);
  buffer_ = fresh;
  capacity_ = usable_size(fresh);
  if (requests_.empty()) {
    release(old);
  } else if (old) {
    retired_.push_back(old);
  }
}

Status RequestParser::parse(const RequestLimits& limits, std::size_t requests_max) {
  // Before anything is taken out of it, as in Redis: a value at the limit is too large.
  if (!failure_ && query_buffer_bytes() > limits.query_buffer_max) {
    fail("query buffer length exceeds the limit", ErrorCode::kTooLarge);
  }
  while (!failure_ && requests_.size() < requests_max) {
    if (parse_one(limits) != Step::kComplete) break;
  }
  if (failure_) return failure_->clone();
  return ok;
}

// Takes one request, or a part of one that is to be skipped (an empty line, "*0").
RequestParser::Step RequestParser::parse_one(const RequestLimits& limits) {
  if (words_left_ > 0) return parse_multibulk(limits);
  if (scan_ == end_) return Step::kIncomplete;
  if (buffer_[scan_] != '*') return parse_inline();

  canonical_ = true;
  pending_words_ = words_.size();
  std::size_t count;
  const char* const behind = read_plain_count(buffer_ + scan_, buffer_ + end_, '*', count);
  if (behind && count > 0 && count <= static_cast<std::size_t>(kUnauthenticatedWordsMax)) {
    scan_ = static_cast<std::size_t>(behind - buffer_);
    searched_ = 0;
    words_left_ = count;
  } else {
    const Step step = parse_count_line(limits);
    if (step != Step::kComplete) return step;
    if (words_left_ == 0) {
      begin_ = scan_;
      return Step::kComplete;
    }
  }
  return parse_multibulk(limits);
}

RequestParser::Step RequestParser::parse_multibulk(const RequestLimits& limits) {
  const std::size_t plain_max = limits.authenticated
                                    ? limits.bulk_bytes_max
                                    : static_cast<std::size_t>(kUnauthenticatedBulkBytesMax);
  while (words_left_ > 0) {
    if (bulk_bytes_ == kUnknown) {
      const char* const end = buffer_ + end_;
      const char* at = buffer_ + scan_;
      std::size_t size;
      while (const char* word = read_plain_count(at, end, '$', size)) {
        // A word that ends the buffer lacks its line end, so this also finds words cut short.
        if (static_cast<std::size_t>(end - word) < size + 2 || size > plain_max) break;
        if (!ends_line(word + size)) break;
        words_.emplace_back().text = ByteView(word, size);
        if (size >= kLargeBulkBytes) [[unlikely]] expect_large();
        at = word + size + 2;
        if (--words_left_ == 0) break;
      }
      if (at != buffer_ + scan_) searched_ = 0;
      scan_ = static_cast<std::size_t>(at - buffer_);
      if (words_left_ == 0) break;
      if (const Step step = parse_bulk_line(limits); step != Step::kComplete) return step;
    }
    if (const Step step = parse_bulk(); step != Step::kComplete) return step;
  }
  finish_request();
  return Step::kComplete;
}

void RequestParser::finish_request() {
  requests_.push_back({.first_word = static_cast<std::uint32_t>(pending_words_),
                       .word_count = static_cast<std::uint32_t>(words_.size() - pending_words_),
                       .raw = {}});
  if (canonical_) requests_.back().raw = ByteView(buffer_ + begin_, scan_ - begin_);
  batch_bytes_ += scan_ - begin_;
  begin_ = scan_;
}

// The line at scan_ up to its '\r', if that and the character behind it, which Redis takes for a
// '\n' unseen, are there.
RequestParser::Step RequestParser::read_line(ByteView& line, const char* too_big) {
  const char* const start = buffer_ + scan_;
  const std::size_t size = end_ - scan_;
  const void* found = size > searched_ ? std::memchr(start + searched_, '\r', size - searched_)
                                       : nullptr;
  if (!found) {
    searched_ = size;
    return size > kInlineBytesMax ? fail(too_big) : Step::kIncomplete;
  }
  line = ByteView(start, static_cast<std::size_t>(static_cast<const char*>(found) - start));
  searched_ = line.size();
  if (size < line.size() + kLineEnd.size()) return Step::kIncomplete;
  if (!ends_line(start + line.size())) canonical_ = false;
  searched_ = 0;
  return Step::kComplete;
}

RequestParser::Step RequestParser::parse_count_line(const RequestLimits& limits) {
  ByteView line;
  const Step step = read_line(line, "ERR Protocol error: too big mbulk count string");
  if (step != Step::kComplete) return step;
  const auto count = parse_integer(line.substr(1));
  if (!count || *count > static_cast<std::int64_t>(limits.multibulk_max)) {
    return fail("ERR Protocol error: invalid multibulk length");
  }
  if (*count > kUnauthenticatedWordsMax && !limits.authenticated) {
    return fail("ERR Protocol error: unauthenticated multibulk length");
  }
  scan_ += line.size() + kLineEnd.size();
  words_left_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
  return Step::kComplete;
}

RequestParser::Step RequestParser::parse_bulk_line(const RequestLimits& limits) {
  ByteView line;
  const Step step = read_line(line, "ERR Protocol error: too big bulk count string");
  if (step != Step::kComplete) return step;
  const char type = buffer_[scan_];
  if (type != '$') {
    Bytes text = "ERR Protocol error: expected '$', got '";
    text += type;
    return fail(text += '\'');
  }
  const auto size = parse_integer(line.substr(1));
  if (!size || *size < 0 || *size > static_cast<std::int64_t>(limits.bulk_bytes_max)) {
    return fail("ERR Protocol error: invalid bulk length");
  }
  if (*size > kUnauthenticatedBulkBytesMax && !limits.authenticated) {
    return fail("ERR Protocol error: unauthenticated bulk length");
  }
  scan_ += line.size() + kLineEnd.size();
  bulk_bytes_ = static_cast<std::size_t>(*size);
  return Step::kComplete;
}

// Takes the word whose bulk line has been read, if it is all there.
RequestParser::Step RequestParser::parse_bulk() {
  if (large_) {
    if (large_missing() > 0) return Step::kIncomplete;
    const ByteView text = large_.view();
    words_.emplace_back(Word{text, std::move(large_)});
    large_ = SharedBytes();
    large_received_ = 0;
  } else {
    if (end_ - scan_ < bulk_bytes_ + kLineEnd.size()) {
      if (bulk_bytes_ >= kLargeBulkBytes) start_large(bulk_bytes_);
      return Step::kIncomplete;
    }
    const char* const text = buffer_ + scan_;
    if (!ends_line(text + bulk_bytes_)) canonical_ = false;
    words_.emplace_back().text = ByteView(text, bulk_bytes_);
    if (bulk_bytes_ >= kLargeBulkBytes) expect_large();
    scan_ += bulk_bytes_ + kLineEnd.size();
  }
  bulk_bytes_ = kUnknown;
  --words_left_;
  return Step::kComplete;
}

// Gives the word at scan_ an allocation of its own; what of it is here moves there.
void RequestParser::start_large(std::size_t bytes) {
  expect_large();
  large_bytes_ = bytes;
  large_ = SharedBytes::with_size(bytes, bytes + kLineEnd.size());
  large_received_ = end_ - scan_;
  std::memcpy(large_.data(), buffer_ + scan_, large_received_);
  end_ = scan_;
  canonical_ = false;
}

RequestParser::Step RequestParser::parse_inline() {
  const char* const start = buffer_ + scan_;
  const std::size_t size = end_ - scan_;
  const void* found = size > searched_ ? std::memchr(start + searched_, '\n', size - searched_)
                                       : nullptr;
  if (!found) {
    searched_ = size;
    return size > kInlineBytesMax ? fail("ERR Protocol error: too big inline request")
                                  : Step::kIncomplete;
  }
  searched_ = 0;
  ByteView line(start, static_cast<std::size_t>(static_cast<const char*>(found) - start));
  scan_ += line.size() + 1;
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = line.substr(0, line.find('\0'));  // Redis takes lines for C strings

  canonical_ = false;
  pending_words_ = words_.size();
  if (line.find_first_of("\"'") == ByteView::npos) {
    split_plain(line);
  } else if (!split_quoted(line)) {
    return fail("ERR Protocol error: unbalanced quotes in request");
  }
  if (words_.size() > pending_words_) {
    finish_request();
  } else {
    begin_ = scan_;
  }
  return Step::kComplete;
}

// Words of a line without quotes are views of it.
void RequestParser::split_plain(ByteView line) {
  for (;;) {
    const std::size_t start = line.find_first_not_of(" \t\r\n\v\f");
    if (start == ByteView::npos) return;
    line.remove_prefix(start);
    const std::size_t size = std::min(line.find_first_of(" \t\r\n"), line.size());
    words_.emplace_back().text = line.substr(0, size);
    line.remove_prefix(size);
  }
}

// Words of a line with quotes differ from its bytes, so each gets an allocation of its own.
bool RequestParser::split_quoted(ByteView line) {
  std::vector<Bytes> texts;
  if (!split_line(line, texts)) return false;
  for (const Bytes& text : texts) {
    SharedBytes owner = SharedBytes::copy_of(text);
    const ByteView view = owner.view();
    words_.emplace_back(Word{view, std::move(owner)});
  }
  return true;
}

// Remembers the failure and forgets what has not been delivered.
RequestParser::Step RequestParser::fail(std::string_view text, ErrorCode code) {
  failure_.emplace(code, std::string(text));
  words_.resize(requests_.empty() ? 0
                                  : requests_.back().first_word + requests_.back().word_count);
  words_left_ = 0;
  bulk_bytes_ = kUnknown;
  large_ = SharedBytes();
  large_received_ = searched_ = 0;
  begin_ = scan_ = end_;
  return Step::kFailed;
}

void RequestParser::next_batch() {
  requests_.clear();
  batch_bytes_ = 0;
  if (words_left_ > 0) {
    if (pending_words_ > 0) {
      words_.erase(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(pending_words_));
      pending_words_ = 0;
    }
  } else if (words_.capacity() > kWordsKeptMax) {
    words_ = {};  // a request of many words must not cost its connection memory for ever
  } else {
    words_.clear();
  }
  for (char* buffer : retired_) release(buffer);
  retired_.clear();
  if (begin_ == end_) begin_ = scan_ = end_ = 0;
}

std::size_t RequestParser::query_buffer_bytes() const { return end_ - scan_ + large_received_; }

std::size_t RequestParser::query_buffer_free_bytes() const {
  return capacity_ - end_ + (large_ ? large_.capacity() - large_received_ : 0);
}

std::size_t RequestParser::pending_argument_bytes() const {
  if (words_left_ == 0) return 0;
  std::size_t bytes = 0;
  for (std::size_t i = pending_words_; i < words_.size(); ++i) bytes += words_[i].text.size();
  return bytes;
}

std::size_t RequestParser::memory_usage() const {
  std::size_t bytes = usable_size(buffer_) + large_.allocated_bytes() +
                      requests_.capacity() * sizeof(Request) + words_.capacity() * sizeof(Word);
  for (const char* buffer : retired_) bytes += usable_size(buffer);
  return bytes;
}

void RequestParser::shrink_if_wide() {
  const std::size_t peak = std::exchange(peak_, end_);
  if (requests_.empty() && capacity_ > kWideBytes && peak < capacity_ / 2) shrink();
}

void RequestParser::shrink() {
  if (!requests_.empty()) return;
  if (large_ && large_received_ < large_bytes_ / 2) move_large(large_received_);
  read_bytes_ = kReadBytes;
  requests_.shrink_to_fit();
  words_.shrink_to_fit();
  const std::size_t pending = end_ - begin_;
  if (capacity_ <= 2 * pending) return;
  char* const old = buffer_;
  char* const fresh = pending > 0 ? static_cast<char*>(allocate(pending)) : nullptr;
  move_pending(fresh);
  buffer_ = fresh;
  capacity_ = usable_size(fresh);
  release(old);
}

}  // namespace memoir
