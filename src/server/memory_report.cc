#include "src/server/memory_report.h"

#include <algorithm>

#include "src/base/log.h"

namespace memoir {
namespace {

// Below this nothing can be said.
constexpr std::size_t kSmallBytes = 5UL << 20;
constexpr std::size_t kNotableBytes = 10UL << 20;
constexpr std::size_t kLargeClientBytes = 200UL << 10;
constexpr std::size_t kManyScripts = 1000;

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Bytes memory_report(const InfoSources& figures) {
  const MemoryFigures& memory = figures.memory;
  if (memory.used < kSmallBytes) {
    return "Sam, this server holds next to nothing, so there is nothing I could tell about its "
           "memory. Come back when it has some data.\n";
  }
  Bytes found;
  if (ratio(memory.peak, memory.used) > 1.5) {
    found += fmt::format(
        " * Peak: at some time {} were in use, now it is {}. What was freed since may still be "
        "with the process; MEMORY PURGE asks the allocator to give it back. New data uses it "
        "first.\n\n",
        human_bytes(memory.peak), human_bytes(memory.used));
  }
  if (memory.resident > memory.used + kNotableBytes && ratio(memory.resident, memory.used) > 1.4) {
    found += fmt::format(
        " * Resident memory: the process occupies {:.2f} times what is allocated. After a peak "
        "that is harmless; without one the allocator is fragmented by values of changing "
        "sizes.\n\n",
        ratio(memory.resident, memory.used));
  }
  const std::size_t clients = std::max<std::size_t>(figures.clients.connected, 1);
  if (memory.clients / clients > kLargeClientBytes) {
    found += " * Clients: on average they take more than 200 KB each, so some of them do not read "
             "what is sent to them, or send very large pipelines. CLIENT LIST shows which "
             "(tot-mem, omem).\n\n";
  }
  if (memory.scripts > kManyScripts) {
    found += " * Scripts: more than 1000 are cached. Scripts should take what changes as KEYS and "
             "ARGV instead of having it in their text.\n\n";
  }
  if (found.empty()) return "Sam, I find nothing unusual about this server's memory.\n";
  return "Sam, this is what I noticed about this server's memory:\n\n" + found;
}

}  // namespace memoir
