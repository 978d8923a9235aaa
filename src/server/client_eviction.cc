// maxmemory-clients: when all clients together take too much, the largest of them go.
#include <algorithm>
#include <vector>

#include "src/base/log.h"
#include "src/server/client_line.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// A limit below this would leave no way to talk to the server.
constexpr std::size_t kClientMemoryMin = 128 * 1024;
// How long nothing is tried again when nobody could be disconnected.
constexpr std::int64_t kFutileUs = 100'000;

}  // namespace

void Server::apply_client_memory(const Config& config) {
  std::size_t most = 0;
  if (config.maxmemory_clients > 0) {
    most = static_cast<std::size_t>(config.maxmemory_clients);
  } else if (config.maxmemory_clients < 0 && config.maxmemory > 0) {
    const double share = static_cast<double>(-config.maxmemory_clients) / 100;
    most = static_cast<std::size_t>(static_cast<double>(config.maxmemory) * share);
  }
  client_memory_max_ = most == 0 ? 0 : std::max(most, kClientMemoryMin);
}

// What a victim takes is off the sum at once, so that other workers do not go on evicting for it.
void Server::evict_clients(Worker& worker, std::size_t most) {
  const std::unique_lock lock(client_eviction_mutex_, std::try_to_lock);
  const std::int64_t now_us = clock_.monotonic_us();
  if (!lock || now_us < no_client_eviction_until_us_) return;
  std::vector<std::pair<std::size_t, std::uint64_t>> candidates;  // size, id
  clients_.each([&](const ClientStatus& status) {
    if (status.killed.load() || (status.flags & kClientNoEvict)) return;
    candidates.emplace_back(status.total_memory.load(), status.id);
  });
  std::ranges::sort(candidates, std::ranges::greater());
  bool enough = false;
  for (const auto& [size, id] : candidates) {
    enough = clients_.memory() <= most;
    if (enough) break;
    const auto status = clients_.find(id);
    if (!status || status->killed.exchange(true)) continue;
    Bytes line;
    clients_.locked([&] { append_client_line(line, *status, now_us); });
    log_notice("Evicting client: {}", line);
    clients_.account(*status, 0);
    evicted_clients_.fetch_add(1, std::memory_order_relaxed);
    Worker& owner = *workers_[status->worker];
    if (&owner == &worker) {
      owner.kill(id);
    } else {
      owner.loop().post([&owner, id = id] { owner.kill(id); });
    }
  }
  if (enough || clients_.memory() <= most) return;
  log_warning("Over client maxmemory after evicting all evictable clients");
  no_client_eviction_until_us_ = now_us + kFutileUs;
}

}  // namespace memoir
