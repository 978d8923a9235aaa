#include "src/server/config_store.h"

#include <algorithm>

#include "src/base/c_text.h"
#include "src/base/glob.h"
#include "src/base/log.h"

namespace memoir {

namespace {

Error failed(ByteView argument, ByteView reason) {
  return Error(fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}",
                           c_text(argument), reason));
}

// The name to blame: the one the client knows the row by.
ByteView blamed(const ConfigRow& row, ByteView given) {
  return row.alias && equals_ignoring_case(given, row.alias) ? row.alias : row.name;
}

}  // namespace

ConfigStore::ConfigStore(Config initial)
    : current_(std::make_shared<const Config>(std::move(initial))) {}

std::shared_ptr<const Config> ConfigStore::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void ConfigStore::on_change(std::initializer_list<std::string_view> names, Hook hook) {
  Registered registered{{}, std::move(hook)};
  for (const std::string_view name : names) {
    const ConfigRow* row = find_config_row(name);
    ASSERT(row != nullptr);
    registered.rows.push_back(row);
  }
  hooks_.push_back(std::move(registered));
}

Status ConfigStore::collect(std::span<const Pair> pairs, Rights rights,
                            std::vector<Change>& changes) const {
  for (const Pair& pair : pairs) {
    const ConfigRow* row = find_config_row(pair.name);
    if (!row) {
      return Error(fmt::format(
          "ERR Unknown option or number of arguments for CONFIG SET - '{}'", c_text(pair.name)));
    }
    if (row->has(kImmutable)) return failed(pair.name, "can't set immutable config");
    if (row->has(kProtectedConfig) && !rights.protected_configs) {
      return failed(pair.name, "can't set protected config");
    }
    if (row->has(kDenyLoading) && rights.loading) {
      return Error("LOADING Redis is loading the dataset in memory");
    }
    if (std::ranges::find(changes, row, &Change::row) != changes.end()) {
      return failed(pair.name, "duplicate parameter");
    }
    changes.push_back({row, &pair});
  }
  return ok;
}

Status ConfigStore::ask_hooks(const Config& from, const Config& to,
                              std::span<const Change> changes) {
  std::vector<const Hook*> asked;
  for (const Registered& registered : hooks_) {
    const auto changed = std::ranges::find_if(changes, [&](const Change& change) {
      return std::ranges::find(registered.rows, change.row) != registered.rows.end() &&
             (change.row->has(kRereads) ||
              change.row->get(*change.row, from) != change.row->get(*change.row, to));
    });
    if (changed == changes.end()) continue;
    const Status done = registered.hook(from, to);
    if (done) {
      asked.push_back(&registered.hook);
      continue;
    }
    log_warning("Failed applying new configuration. Possibly related to new {} setting. Restoring "
                "previous settings.",
                changed->row->name);
    asked.push_back(&registered.hook);  // it may have done half of its work
    for (const Hook* hook : asked) {
      if (const Status undone = (*hook)(to, from); !undone) {
        log_warning("Failed restoring the configuration: {}", undone.error().text());
      }
    }
    return failed(blamed(*changed->row, changed->pair->name), done.error().text());
  }
  return ok;
}

Status ConfigStore::set(std::span<const Pair> pairs, Rights rights) {
  std::vector<Change> changes;
  if (Status sound = collect(pairs, rights, changes); !sound) return sound;
  const std::lock_guard lock(changing_);
  const auto from = current();
  Config to = *from;
  for (const Change& change : changes) {
    const Status read = set_config_value(*change.row, to, change.pair->value);
    if (!read) return failed(blamed(*change.row, change.pair->name), read.error().text());
  }
  if (Status done = ask_hooks(*from, to, changes); !done) return done;
  publish(std::move(to));
  return ok;
}

void ConfigStore::update(const std::function<void(Config&)>& change) {
  const std::lock_guard lock(changing_);
  Config next = *current();
  change(next);
  publish(std::move(next));
}

void ConfigStore::publish(Config&& next) {
  auto published = std::make_shared<const Config>(std::move(next));
  {
    const std::lock_guard lock(mutex_);
    current_.swap(published);
  }
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace memoir
