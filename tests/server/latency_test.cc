// The latency monitor: samples, reports, graphs.
#include <catch2/catch.hpp>

#include "src/server/latency.h"

namespace memoir {
namespace {

TEST_CASE("a sample a second, the longest of it; only what reaches the threshold", "[server]") {
  LatencyMonitor monitor;
  monitor.add("command", 500'000, 10);
  CHECK(monitor.events().empty());
  monitor.set_threshold_ms(100);
  monitor.add("command", 99'999, 10);
  CHECK(monitor.events().empty());
  monitor.add("command", 300'000, 10);
  monitor.add("command", 200'000, 10);
  monitor.add("command", 150'000, 12);
  const auto event = monitor.event("command");
  REQUIRE(event.samples.size() == 2);
  CHECK(event.samples[0].ms == 300);
  CHECK(event.samples[1].time_s == 12);
  CHECK(event.worst_ms == 300);
  const LatencyFigures figures = latency_figures(event, 20);
  CHECK(figures.average_ms == 225);
  CHECK(figures.deviation_ms == 75);
  CHECK(figures.period_s == 10);
  for (int i = 0; i < 200; ++i) monitor.add("command", 100'000, 100 + i);
  CHECK(monitor.event("command").samples.size() == LatencyMonitor::kSamplesMax);
  CHECK(monitor.reset("nothing") == 0);
  CHECK(monitor.reset("COMMAND") == 1);
  CHECK(monitor.reset_all() == 0);
}

TEST_CASE("graphs and reports", "[server]") {
  LatencyMonitor::Event event{"command", {{100, 10}, {160, 40}, {7000, 25}}, 50};
  const Bytes graph = latency_graph(event, 7005);
  CHECK(graph.starts_with("command - high 40 ms, low 10 ms (all time high 50 ms)\n----"));
  CHECK(graph.ends_with(" # \n | \n |#\n_||\n\n115\nhhs\n"));
  CHECK(latency_report({}, {}, 0).find("is off") != Bytes::npos);
  CHECK(latency_report({}, {.threshold_ms = 5}, 0).find("nothing") != Bytes::npos);
  const Bytes report = latency_report({event}, {.threshold_ms = 5, .slowlog_us = -1}, 7005);
  CHECK(report.find("1. command: 3 latency spikes (average 25ms, mean deviation 10ms") !=
        Bytes::npos);
  CHECK(report.find("slowlog-log-slower-than 5000") != Bytes::npos);
}

}  // namespace
}  // namespace memoir
