// Goal: who listens to which prefixes is found by key, and messages have their forms.
#include <catch2/catch.hpp>

#include "src/server/tracking.h"

namespace memoir {
namespace {

Bytes heard(const BroadcastTable& table, ByteView key) {
  Bytes text;
  table.each_prefix_of(
      key, [&](const Bytes& prefix, std::span<const BroadcastTable::Listener> listeners) {
        text += "[" + prefix + "]";
        for (const auto& each : listeners) text += std::to_string(each.tracker);
      });
  return text;
}

TEST_CASE("listeners of prefixes", "[tracking]") {
  BroadcastTable table;
  CHECK(table.add("user:", {1, false}));
  CHECK_FALSE(table.add("user:", {2, false}));
  CHECK_FALSE(table.add("", {3, false}));
  CHECK_FALSE(table.add("item:", {1, false}));
  CHECK_FALSE(table.add("item:", {1, true}));  // again
  CHECK(table.prefixes() == 3);
  CHECK(heard(table, "user:5") == "[]3[user:]12");
  CHECK(heard(table, "user") == "[]3");
  CHECK(heard(table, "item:") == "[]3[item:]1");
  CHECK_FALSE(table.remove("user:", 1));
  CHECK_FALSE(table.remove("none", 1));
  CHECK_FALSE(table.remove("", 3));
  CHECK_FALSE(table.remove("item:", 1));
  CHECK(heard(table, "user:5") == "[user:]2");
  CHECK(table.remove("user:", 2));
  CHECK(table.prefixes() == 0);
}

TEST_CASE("invalidations in both protocols", "[tracking]") {
  InvalidationMessage one("*1\r\n$1\r\nk\r\n");
  CHECK(one.push().view() == ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
  CHECK(one.message().view() ==
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
  InvalidationMessage all({});
  CHECK(all.push().view() == ">2\r\n$10\r\ninvalidate\r\n_\r\n");
  CHECK(all.message().view() == "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n");
}

TEST_CASE("when reads are remembered", "[tracking]") {
  TrackingState state;
  CHECK(state.remembers());
  state.opt_in = true;
  CHECK_FALSE(state.remembers());
  state.caching = true;
  CHECK(state.remembers());
  state.opt_in = false;
  state.opt_out = true;
  CHECK_FALSE(state.remembers());
  state.caching = false;
  CHECK(state.remembers());
  state.broadcast = true;
  CHECK_FALSE(state.remembers());
}

}  // namespace
}  // namespace memoir
