#include "tests/integration/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace memoir::testing {

namespace {

constexpr timeval kTimeout = {.tv_sec = 30, .tv_usec = 0};

redisContext* checked(redisContext* context) {
  if (context == nullptr || context->err != 0) {
    const std::string why = context == nullptr ? "no memory" : context->errstr;
    if (context != nullptr) redisFree(context);
    throw std::runtime_error("cannot connect: " + why);
  }
  redisSetTimeout(context, kTimeout);
  return context;
}

bool wait_readable(int descriptor, std::chrono::milliseconds limit) {
  pollfd poll_entry{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&poll_entry, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

std::string Reply::text() const {
  if (raw_->str == nullptr) return "";
  return std::string(raw_->str, raw_->len);
}

Reply Reply::operator[](std::size_t index) const {
  if (index >= size()) throw std::runtime_error("a reply is shorter than expected");
  return Reply(owned_, raw_->element[index]);
}

std::vector<std::string> Reply::texts() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < size(); ++i) {
    const redisReply* element = raw_->element[i];
    all.push_back(element->type == REDIS_REPLY_INTEGER ? std::to_string(element->integer)
                                                       : (*this)[i].text());
  }
  return all;
}

Client::Client(int port)
    : Client(checked(redisConnectWithTimeout("127.0.0.1", port, kTimeout))) {}

Client Client::over_unix(const std::string& path) {
  return Client(checked(redisConnectUnixWithTimeout(path.c_str(), kTimeout)));
}

Client Client::attempt(int port, const std::string& host) {
  redisContext* context = redisConnectWithTimeout(host.c_str(), port, kTimeout);
  if (context != nullptr && context->err == 0) redisSetTimeout(context, kTimeout);
  return Client(context);
}

void Client::send(const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    argv.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), argv.data(), sizes.data());
}

void Client::flush() {
  int done = 0;
  while (done == 0) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
      throw std::runtime_error(std::string("cannot send: ") + context_->errstr);
    }
  }
}

Reply Client::receive() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK) {
    throw std::runtime_error(std::string("no reply: ") + context_->errstr);
  }
  return Reply(static_cast<redisReply*>(raw));
}

Reply Client::call(const std::vector<std::string>& words) {
  send(words);
  return receive();
}

std::string Client::ask(const std::vector<std::string>& words) {
  const Reply reply = call(words);
  return reply.text().empty() && !reply.is_null() && !reply.is_array()
             ? std::to_string(reply.integer())
             : reply.text();
}

bool Client::closed_by_server() {
  try {
    while (true) receive();
  } catch (const std::runtime_error&) {
    const bool in_vain = std::strcmp(context_->errstr, std::strerror(EAGAIN)) == 0;  // timed out
    return context_->err == REDIS_ERR_EOF || (context_->err == REDIS_ERR_IO && !in_vain);
  }
}

bool Client::readable(std::chrono::milliseconds limit) {
  return wait_readable(context_->fd, limit);
}

long long Client::info(const std::string& field) {
  const std::string all = "\n" + call({"INFO", "everything"}).text();
  const std::size_t found = all.find("\n" + field + ":");
  return found == std::string::npos ? -1 : std::atoll(all.c_str() + found + field.size() + 2);
}

RawSocket::RawSocket(int port, int receive_buffer_bytes)
    : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
  if (receive_buffer_bytes > 0) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(descriptor_);
    throw std::runtime_error("cannot connect");
  }
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
}

RawSocket::~RawSocket() { ::close(descriptor_); }

bool RawSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawSocket::receive(std::size_t bytes) {
  std::string all(bytes, '\0');
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t more = ::recv(descriptor_, all.data() + got, bytes - got, 0);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  all.resize(got);
  return all;
}

std::string RawSocket::receive_line() {
  std::string line;
  while (line.size() < 2 || line.compare(line.size() - 2, 2, "\r\n") != 0) {
    const std::string next = receive(1);
    if (next.empty()) return line;
    line += next;
  }
  line.resize(line.size() - 2);
  return line;
}

std::string RawSocket::receive_to_end() {
  std::string all;
  while (wait_readable(descriptor_, std::chrono::seconds(30))) {
    char buffer[65536];
    const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (got <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all + "(open)";
}

bool RawSocket::closed_by_server(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (!wait_readable(descriptor_, std::chrono::milliseconds(100))) continue;
    char buffer[65536];
    if (::recv(descriptor_, buffer, sizeof buffer, 0) <= 0) return true;
  }
  return false;
}

}  // namespace memoir::testing
