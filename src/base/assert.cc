// Nothing here allocates: the failure may be one of the allocator.
#include "src/base/assert.h"

#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace memoir {

void assertion_failed(const char* condition, const char* file, int line) {
  std::array<char, 1024> text;
  const int size = std::snprintf(text.data(), text.size(), "Assertion failed: %s, at %s:%d\n",
                                 condition, file, line);
  const auto shown = static_cast<std::size_t>(size) < text.size() ? static_cast<std::size_t>(size)
                                                                  : text.size() - 1;
  if (::write(STDERR_FILENO, text.data(), shown) < 0) std::abort();
  std::array<void*, 64> frames;
  const int depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
  std::abort();
}

}  // namespace memoir
