// Crash reports: what a fatal signal leaves in the log. Only async-signal-safe calls here, so no
// log line, no allocation.
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "src/server/process.h"
#include "src/server/version.h"

namespace memoir {
namespace {

constexpr int kFramesMax = 100;
char log_path[4096];

// Appends text and numbers to the report without anything that could fail.
class Report {
 public:
  Report() {
    fd_ = STDOUT_FILENO;
    if (log_path[0]) fd_ = ::open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) fd_ = STDERR_FILENO;
  }
  Report& operator<<(std::string_view text) {
    (void)!::write(fd_, text.data(), text.size());
    return *this;
  }
  Report& operator<<(std::int64_t value) {
    char text[24];
    char* at = text + sizeof(text);
    auto left = static_cast<std::uint64_t>(value);
    if (value < 0) left = -left;
    do {
      *--at = static_cast<char>('0' + left % 10);
    } while (left /= 10);
    if (value < 0) *--at = '-';
    return *this << std::string_view(at, static_cast<std::size_t>(text + sizeof(text) - at));
  }
  Report& address(const void* address) {
    char text[18] = "0x";
    auto left = reinterpret_cast<std::uintptr_t>(address);
    for (int i = 17; i >= 2; --i, left >>= 4) text[i] = "0123456789abcdef"[left & 15];
    return *this << std::string_view(text, sizeof(text));
  }
  void stack() {
    void* frames[kFramesMax];
    const int count = ::backtrace(frames, kFramesMax);
    ::backtrace_symbols_fd(frames, count, fd_);
  }

 private:
  int fd_;
};

void* instruction_of(void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.pc);
#else
  return nullptr;
#endif
}

void crashed(int signal, siginfo_t* info, void* context) {
  // A crash while reporting one ends at once, and so does that of another thread.
  for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(each, SIG_DFL);
  Report report;
  report << "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n";
  report << "Memoir " << kMemoirVersion << " crashed by signal: " << std::int64_t{signal}
         << ", si_code: " << std::int64_t{info->si_code} << "\n";
  if (signal == SIGSEGV || signal == SIGBUS) {
    report << "Accessing address: ";
    report.address(info->si_addr) << "\n";
  }
  if (info->si_code == SI_USER) {
    report << "Killed by PID: " << std::int64_t{info->si_pid}
           << ", UID: " << std::int64_t{info->si_uid} << "\n";
  }
  report << "\n------ STACK TRACE ------\nEIP:\n";
  report.address(instruction_of(context)) << "\n\nBacktrace:\n";
  report.stack();
  report << "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n";
  ::raise(signal);
}

}  // namespace

void install_crash_handlers(const std::string& log_file) {
  if (log_file.size() < sizeof(log_path)) {
    std::memcpy(log_path, log_file.c_str(), log_file.size() + 1);
  }
  void* frame[1];
  ::backtrace(frame, 1);  // loads what it needs now rather than in the handler
  static char stack[64 * 1024];
  const stack_t own_stack{stack, 0, sizeof(stack)};
  ::sigaltstack(&own_stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(each, &action, nullptr);
  }
}

}  // namespace memoir
