#include "persistence/memory_file.h"

#include <algorithm>
#include <set>

namespace memoir {

namespace {
constexpr std::size_t kSectorBytes = 512;

Error error_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoSpace: return Error(code, "No space left on device");
    case ErrorCode::kNotFound: return Error(code, "No such file or directory");
    default: return Error(code, "Input/output error");
  }
}
Error error_at(const std::string& path, const Error& error) {
  return Error(error.code(), path + ": " + error.text());
}
}  // namespace

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem* files, std::shared_ptr<MemoryFileSystem::Node> node)
      : files_(files), node_(std::move(node)) {}

  Status write(std::uint64_t offset, std::span<const ByteView> parts) override {
    Bytes bytes;
    for (ByteView part : parts) bytes.append(part);
    std::lock_guard lock(files_->mutex_);
    std::size_t bytes_done = 0;
    auto error = files_->fault(MemoryFileSystem::Operation::kWrite, &bytes_done);
    if (error) bytes.resize(std::min(bytes.size(), bytes_done));
    if (Status room = files_->room_for(*node_, offset + bytes.size()); !room) return room;
    if (!bytes.empty()) change({.offset = offset, .bytes = std::move(bytes), .length = {}});
    if (error) return std::move(*error);
    return ok;
  }

  Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t bytes) override {
    std::lock_guard lock(files_->mutex_);
    if (auto error = files_->fault(MemoryFileSystem::Operation::kRead)) return std::move(*error);
    if (offset >= node_->contents.size()) return std::size_t{0};
    const std::size_t n = std::min<std::uint64_t>(bytes, node_->contents.size() - offset);
    std::memcpy(into, node_->contents.data() + offset, n);
    return n;
  }

  Status sync() override {
    std::lock_guard lock(files_->mutex_);
    if (auto error = files_->fault(MemoryFileSystem::Operation::kSync)) {
      // The worst that Linux does: the pages count as clean from now on and never reach the disk,
      // although reads still see them and a later sync() succeeds.
      node_->changes.clear();
      return std::move(*error);
    }
    for (const auto& change : node_->changes) MemoryFileSystem::apply(node_->durable, change);
    node_->changes.clear();
    return ok;
  }

  Result<std::uint64_t> size() override {
    std::lock_guard lock(files_->mutex_);
    return std::uint64_t{node_->contents.size()};
  }

  Status allocate(std::uint64_t offset, std::uint64_t bytes, Fill) override {
    std::lock_guard lock(files_->mutex_);
    if (auto error = files_->fault(MemoryFileSystem::Operation::kAllocate)) {
      return std::move(*error);
    }
    if (offset + bytes <= node_->contents.size()) return ok;
    if (Status room = files_->room_for(*node_, offset + bytes); !room) return room;
    change({.offset = 0, .bytes = {}, .length = offset + bytes});
    return ok;
  }

  Status truncate(std::uint64_t bytes) override {
    std::lock_guard lock(files_->mutex_);
    if (auto error = files_->fault(MemoryFileSystem::Operation::kTruncate)) {
      return std::move(*error);
    }
    change({.offset = 0, .bytes = {}, .length = bytes});
    return ok;
  }

 private:
  void change(MemoryFileSystem::Change change) {
    MemoryFileSystem::apply(node_->contents, change);
    node_->changes.push_back(std::move(change));
  }

  MemoryFileSystem* files_;
  std::shared_ptr<MemoryFileSystem::Node> node_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryFileSystem* files, std::string path) : files_(files), path_(std::move(path)) {}
  ~MemoryLock() override {
    std::lock_guard lock(files_->mutex_);
    std::erase(files_->locks_, path_);
  }

 private:
  MemoryFileSystem* files_;
  std::string path_;
};

MemoryFileSystem::MemoryFileSystem() = default;
MemoryFileSystem::~MemoryFileSystem() = default;

void MemoryFileSystem::set_faults(FaultPlan plan) {
  std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
}

std::uint64_t MemoryFileSystem::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t MemoryFileSystem::used_bytes() const {
  std::lock_guard lock(mutex_);
  return used_locked();
}

std::uint64_t MemoryFileSystem::used_locked() const {
  std::uint64_t used = 0;
  for (const auto& [path, node] : names_) used += node->contents.size();
  return used;
}

std::optional<Error> MemoryFileSystem::fault(Operation operation, std::size_t* bytes_done) {
  const std::uint64_t call = calls_++;
  if (!plan_) return std::nullopt;
  const auto found = plan_(call, operation);
  if (!found) return std::nullopt;
  if (bytes_done != nullptr) *bytes_done = found->bytes_done;
  return error_of(found->code);
}

Status MemoryFileSystem::room_for(const Node& node, std::uint64_t size) const {
  if (size <= node.contents.size()) return ok;
  if (used_locked() + (size - node.contents.size()) <= capacity_) return ok;
  return error_of(ErrorCode::kNoSpace);
}

void MemoryFileSystem::apply(Bytes& contents, const Change& change) {
  if (change.length) {
    contents.resize(*change.length, '\0');
    return;
  }
  const std::size_t end = change.offset + change.bytes.size();
  if (contents.size() < end) contents.resize(end, '\0');
  contents.replace(change.offset, change.bytes.size(), change.bytes);
}

// Sectors of unsynced writes survive one by one; changes of length survive one by one.
Bytes MemoryFileSystem::survivors(const Node& node, Unsynced unsynced, Random& random) {
  if (unsynced == Unsynced::kKept) return node.contents;
  Bytes result = node.durable;
  if (unsynced == Unsynced::kLost) return result;
  for (const Change& change : node.changes) {
    if (change.length) {
      if (random.below(2) == 0) apply(result, change);
      continue;
    }
    std::size_t at = 0;
    while (at < change.bytes.size()) {
      const std::size_t position = change.offset + at;
      const std::size_t step =
          std::min(kSectorBytes - position % kSectorBytes, change.bytes.size() - at);
      if (random.below(2) == 0) {
        apply(result, {.offset = position, .bytes = change.bytes.substr(at, step), .length = {}});
      }
      at += step;
    }
  }
  return result;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::power_cut(Unsynced unsynced,
                                                              Random& random) const {
  std::lock_guard lock(mutex_);
  auto after = std::make_unique<MemoryFileSystem>();
  after->directories_ = directories_;
  after->capacity_ = capacity_;

  std::set<std::string> paths;
  for (const auto& [path, node] : names_) paths.insert(path);
  for (const auto& [path, node] : durable_names_) paths.insert(path);
  for (const std::string& path : paths) {
    const auto now = names_.find(path);
    const auto before = durable_names_.find(path);
    const bool take_now = unsynced == Unsynced::kKept ||
                          (unsynced == Unsynced::kRandom && random.below(2) == 0);
    const auto& chosen = take_now ? now : before;
    if (chosen == (take_now ? names_.end() : durable_names_.end())) continue;
    auto node = std::make_shared<Node>();
    node->contents = survivors(*chosen->second, unsynced, random);
    node->durable = node->contents;
    after->names_[path] = node;
    after->durable_names_[path] = node;
  }
  return after;
}

bool MemoryFileSystem::exists(const std::string& path) const {
  std::lock_guard lock(mutex_);
  return names_.contains(path);
}

Bytes MemoryFileSystem::contents(const std::string& path) const {
  std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  return found == names_.end() ? Bytes() : found->second->contents;
}

void MemoryFileSystem::set_contents(const std::string& path, ByteView contents) {
  std::lock_guard lock(mutex_);
  auto node = std::make_shared<Node>();
  node->contents = Bytes(contents);
  node->durable = node->contents;
  names_[path] = node;
  durable_names_[path] = node;
}

std::vector<std::string> MemoryFileSystem::paths() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, node] : names_) paths.push_back(path);
  return paths;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  if (auto error = fault(Operation::kOpen)) return error_at(path, *error);
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (mode != OpenMode::kCreate) return error_at(path, error_of(ErrorCode::kNotFound));
    found = names_.emplace(path, std::make_shared<Node>()).first;
  } else if (mode == OpenMode::kCreate) {
    Change cleared{.offset = 0, .bytes = {}, .length = 0};
    apply(found->second->contents, cleared);
    found->second->changes.push_back(std::move(cleared));
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(this, found->second));
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::list(const std::string& directory) {
  std::lock_guard lock(mutex_);
  if (std::find(directories_.begin(), directories_.end(), directory) == directories_.end()) {
    return error_at(directory, error_of(ErrorCode::kNotFound));
  }
  std::map<std::string, bool> found;
  for (const auto& [path, node] : names_) {
    if (parent_path(path) == directory) found[base_name(path)] = false;
  }
  for (const std::string& path : directories_) {
    if (path != directory && parent_path(path) == directory) found[base_name(path)] = true;
  }
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, is_directory] : found) entries.push_back({name, is_directory});
  return entries;
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  if (auto error = fault(Operation::kRename)) return error_at(from, *error);
  const auto found = names_.find(from);
  if (found == names_.end()) return error_at(from, error_of(ErrorCode::kNotFound));
  auto node = found->second;
  names_.erase(found);
  names_[to] = std::move(node);
  return ok;
}

Status MemoryFileSystem::link(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  if (auto error = fault(Operation::kLink)) return error_at(from, *error);
  const auto found = names_.find(from);
  if (found == names_.end()) return error_at(from, error_of(ErrorCode::kNotFound));
  if (names_.contains(to)) return Error(ErrorCode::kIo, to + ": exists");
  names_[to] = found->second;
  return ok;
}

Status MemoryFileSystem::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (auto error = fault(Operation::kRemove)) return error_at(path, *error);
  if (names_.erase(path) == 0) return error_at(path, error_of(ErrorCode::kNotFound));
  return ok;
}

Status MemoryFileSystem::sync_directory(const std::string& directory) {
  std::lock_guard lock(mutex_);
  if (auto error = fault(Operation::kSyncDirectory)) return error_at(directory, *error);
  std::erase_if(durable_names_,
                [&](const auto& entry) { return parent_path(entry.first) == directory; });
  for (const auto& [path, node] : names_) {
    if (parent_path(path) == directory) durable_names_[path] = node;
  }
  return ok;
}

Status MemoryFileSystem::create_directories(const std::string& directory) {
  std::lock_guard lock(mutex_);
  for (std::string path = directory;; path = parent_path(path)) {
    if (std::find(directories_.begin(), directories_.end(), path) == directories_.end()) {
      directories_.push_back(path);
    }
    if (path == parent_path(path)) return ok;
  }
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (std::find(locks_.begin(), locks_.end(), path) != locks_.end()) {
    return Error(ErrorCode::kIo, path + " is in use by another process");
  }
  locks_.push_back(path);
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(this, path));
}

Result<DirectoryEntry> MemoryFileSystem::info(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (names_.contains(path)) return DirectoryEntry{base_name(path), false};
  if (std::find(directories_.begin(), directories_.end(), path) != directories_.end()) {
    return DirectoryEntry{base_name(path), true};
  }
  return error_at(path, error_of(ErrorCode::kNotFound));
}

}  // namespace memoir
