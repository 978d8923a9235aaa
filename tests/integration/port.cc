#include "tests/integration/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>

namespace memoir::testing {

namespace {

// Outside the range from which the system picks ports for connections.
constexpr int kFirst = 25000;
constexpr int kLast = 31999;

// Whether nobody listens there, tests or others.
bool is_free(int number) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(number));
  const bool bound =
      ::bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return bound;
}

}  // namespace

Port::Port() { reserve(); }

Port::~Port() { let_go(); }

void Port::change() {
  const int before = lock_;
  reserve();
  ::close(before);
}

void Port::let_go() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

void Port::reserve() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                       ("memoir-test-ports-" + std::to_string(::getuid()));
  std::filesystem::create_directories(folder);
  std::random_device chance;
  std::uniform_int_distribution<int> any(kFirst, kLast);
  for (int tries = 4 * (kLast - kFirst); tries > 0; --tries) {
    const int number = any(chance);
    const std::string path = folder / std::to_string(number);
    const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) == 0 && is_free(number)) {
      number_ = number;
      lock_ = lock;
      return;
    }
    if (lock >= 0) ::close(lock);
  }
  throw std::runtime_error("no free port");
}

}  // namespace memoir::testing
