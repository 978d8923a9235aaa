// Clients of the integration tests: hiredis for ordinary requests, a raw socket for bytes as they
// are.
//
// Both block, with a limit of 30 seconds on each read, and fail a test by throwing
// std::runtime_error; a connection closed by the server is a state to ask for (closed()), since
// many tests expect it.
#pragma once

#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace memoir::testing {

// One reply of RESP2. Cheap to move; elements are views into their parent.
class Reply {
 public:
  explicit Reply(redisReply* raw) : owned_(raw, freeReplyObject), raw_(raw) {}

  // Text of a string, status or error; the empty string otherwise.
  std::string text() const;
  long long integer() const { return raw_->integer; }
  bool is_error() const { return raw_->type == REDIS_REPLY_ERROR; }
  bool is_null() const { return raw_->type == REDIS_REPLY_NIL; }
  bool is_array() const { return raw_->type == REDIS_REPLY_ARRAY; }
  std::size_t size() const { return raw_->elements; }
  Reply operator[](std::size_t index) const;
  // The texts of an array's elements; integers as decimal digits.
  std::vector<std::string> texts() const;

 private:
  Reply(std::shared_ptr<redisReply> owned, redisReply* raw) : owned_(std::move(owned)), raw_(raw) {}

  std::shared_ptr<redisReply> owned_;
  redisReply* raw_;
};

class Client {
 public:
  explicit Client(int port);
  static Client over_unix(const std::string& path);
  // A client that may have failed to connect.
  static Client attempt(int port, const std::string& host = "127.0.0.1");

  bool connected() const { return context_ != nullptr && context_->err == 0; }

  Reply call(const std::vector<std::string>& words);
  // call() for replies whose text is all that matters; integers as decimal digits.
  std::string ask(const std::vector<std::string>& words);

  void send(const std::vector<std::string>& words);  // buffered
  void flush();
  Reply receive();
  // Whether the server closes the connection (reading and dropping what still comes).
  bool closed_by_server();
  // Whether a first byte of a reply comes within `limit`.
  bool readable(std::chrono::milliseconds limit);

  // One field of INFO as a number, -1 if it is missing.
  long long info(const std::string& field);
  int descriptor() const { return context_->fd; }

 private:
  explicit Client(redisContext* context) : context_(context, redisFree) {}

  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

class RawSocket {
 public:
  explicit RawSocket(int port, int receive_buffer_bytes = 0);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  // False if the server closed the connection meanwhile.
  bool send(std::string_view bytes);
  // Exactly `bytes` bytes, fewer only when the server closes the connection.
  std::string receive(std::size_t bytes);
  std::string receive_line();  // without \r\n
  // All that comes until the server closes the connection; nullopt-like "(open)" after 30 seconds.
  std::string receive_to_end();
  // Whether the server closes the connection within `limit`, reading and dropping what comes.
  bool closed_by_server(std::chrono::milliseconds limit = std::chrono::seconds(20));

 private:
  int descriptor_;
};

}  // namespace memoir::testing
