// The request parser: bytes of a connection in, batches of requests out.
//
// A connection reads into buffer() and calls received(); parse() then splits off every complete
// request, multibulk or inline, as Redis does (empty lines and "*0" are skipped). Words of a
// request are views into the query buffer or into a SharedBytes of their own: a bulk argument of
// kLargeBulkBytes or more is received straight into its final allocation, so that a value can be
// kept without a copy. All views live until next_batch().
//
// Errors are Redis's protocol errors, text as on the wire ("ERR Protocol error: invalid multibulk
// length"); after one the connection is to be closed. An error of kTooLarge (query_buffer_max is
// exceeded) is for the log only: Redis closes such a connection without a reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

struct Word {
  ByteView text;
  SharedBytes owner;  // null unless the word has an allocation of its own
};

struct Request {
  std::uint32_t first_word;
  std::uint32_t word_count;
  // The request's bytes as received, canonical RESP; empty for an inline request or one with owned
  // words.
  ByteView raw;
};

struct RequestLimits {
  std::size_t bulk_bytes_max = 512UL << 20;      // proto-max-bulk-len
  std::size_t multibulk_max = INT32_MAX;         // words in a request (of an authenticated client)
  std::size_t query_buffer_max = 1UL << 30;      // client-query-buffer-limit
  bool authenticated = true;  // without: at most 10 words and 16384 bytes a word, as in Redis
};

class RequestParser {
 public:
  static constexpr std::size_t kLargeBulkBytes = 32 * 1024;
  static constexpr std::size_t kInlineBytesMax = 64 * 1024;
  static constexpr std::size_t kReadBytes = 16 * 1024;
  static constexpr std::size_t kReadBytesMax = 128 * 1024;  // room for clients that send much

  RequestParser() = default;
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Where the next bytes are to be received: the query buffer's free tail or the rest of a large
  // argument.
  struct Space {
    char* data;
    std::size_t size;
  };
  Space space();
  void received(std::size_t bytes);

  // Splits off all complete requests received so far, at most `requests_max`. A protocol error is
  // returned once all requests before it have been delivered in an earlier batch or this one: the
  // batch is valid either way and is to be run before the error is answered.
  Status parse(const RequestLimits& limits, std::size_t requests_max = SIZE_MAX);

  std::span<const Request> requests() const { return requests_; }
  std::span<const Word> words(const Request& request) const {
    return {words_.data() + request.first_word, request.word_count};
  }
  // Frees the batch's requests and words; bytes of incomplete requests stay. If parse() stopped at
  // requests_max, parse() again for the rest.
  void next_batch();

  // Whether unparsed bytes are waiting (an incomplete request or one beyond requests_max).
  bool has_pending() const { return begin_ != end_ || large_; }
  std::size_t query_buffer_bytes() const;       // unparsed bytes
  // The same with what has been split off for the batch: CLIENT LIST's qbuf.
  std::size_t held_bytes() const { return query_buffer_bytes() + batch_bytes_; }
  std::size_t query_buffer_free_bytes() const;  // qbuf-free
  // Of the words of a request that is not complete yet: CLIENT LIST's argv-mem.
  std::size_t pending_argument_bytes() const;
  std::size_t memory_usage() const;
  // Gives memory back when the connection is idle.
  void shrink();
  // Called some times a second: gives back a query buffer of which less than half was needed since
  // the last call.
  void shrink_if_wide();

 private:
  enum class Step : unsigned char { kComplete, kIncomplete, kFailed };
  static constexpr std::size_t kUnknown = SIZE_MAX;

  Step parse_one(const RequestLimits& limits);
  Step parse_multibulk(const RequestLimits& limits);
  Step parse_count_line(const RequestLimits& limits);
  Step parse_bulk_line(const RequestLimits& limits);
  Step parse_bulk();
  Step parse_inline();
  Step read_line(ByteView& line, const char* too_big);
  Step fail(std::string_view text, ErrorCode code = ErrorCode::kReply);
  bool split_quoted(ByteView line);
  void split_plain(ByteView line);
  void start_large(std::size_t bytes);
  // Short reads from now on, so that little of the next large word arrives in the query buffer,
  // from where it would have to be copied.
  void expect_large() { read_bytes_ = kReadBytes; }
  std::size_t large_missing() const;
  void move_large(std::size_t room);
  void finish_request();
  void make_room(std::size_t bytes);
  void move_pending(char* to);

  // The query buffer. Unparsed bytes are buffer_[begin_, end_): the request being parsed starts at
  // begin_, and what of it has been taken in ends at scan_.
  char* buffer_{nullptr};
  std::size_t capacity_{0};
  std::size_t begin_{0};
  std::size_t scan_{0};
  std::size_t end_{0};
  std::size_t batch_bytes_{0};  // of the requests in the batch
  std::size_t peak_{0};         // of end_ since the last shrink_if_wide()
  std::size_t searched_{0};  // bytes behind scan_ known to hold no line end
  std::size_t read_bytes_{kReadBytes};
  std::vector<char*> retired_;  // former query buffers that the batch has views of

  // The multibulk request being parsed. Its words so far are the last of words_, from
  // pending_words_.
  std::size_t words_left_{0};
  std::size_t bulk_bytes_{kUnknown};  // of the word whose bulk line has been read
  std::size_t pending_words_{0};
  bool canonical_{true};  // all line ends so far are "\r\n", no word has an owner
  SharedBytes large_;     // the large word being received, with room for its line end
  std::size_t large_bytes_{0};     // its length
  std::size_t large_received_{0};

  std::vector<Request> requests_;
  std::vector<Word> words_;
  std::optional<Error> failure_;
};

// Splits a line as Redis splits inline requests and configuration lines (sdssplitargs): blanks
// separate, "..." with \n \r \t \b \a \xHH escapes, '...' with \'. False on unbalanced quotes.
bool split_line(ByteView line, std::vector<Bytes>& words);

// Appends `words` as a RESP array of bulk strings.
void append_request(Bytes& out, std::span<const ByteView> words);

}  // namespace memoir
