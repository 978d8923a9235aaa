// The main function of both test executables.
//
// Every run has a seed, printed first: tests with random input draw from Catch::rngSeed(), so
// `--rng-seed N` repeats a run. The last line, "N passed, N failed", counts test cases for ./test.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <random>

namespace {

Catch::Counts counts;

struct CountingListener : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunEnded(const Catch::TestRunStats& stats) override { counts = stats.totals.testCases; }
};

CATCH_REGISTER_LISTENER(CountingListener)

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Catch::Session session;
  session.configData().rngSeed = std::random_device{}();
  const int usage = session.applyCommandLine(argc, argv);
  if (usage != 0) return usage;

  const Catch::ConfigData& config = session.configData();
  const bool lists = config.listTests || config.listTags || config.listTestNamesOnly ||
                     config.listReporters || config.showHelp;
  if (!lists) {
    std::printf("seed %u (repeat with --rng-seed)\n", config.rngSeed);
    std::fflush(stdout);
  }
  const int failures = session.run();
  if (!lists) {
    std::printf("%zu passed, %zu failed\n", counts.passed, counts.failed + counts.failedButOk);
  }
  return failures;
}
