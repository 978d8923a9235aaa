#include "src/scripting/function_library.h"

#include <algorithm>
#include <set>

#include "src/base/glob.h"

namespace memoir {

const Library* Libraries::find(ByteView name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Function* Libraries::find_function(ByteView name) const {
  const auto found = functions_.find(to_lower(name));
  return found == functions_.end() ? nullptr : found->second;
}

Status Libraries::admits(const Library& library, OnCollision on_collision) const {
  const Library* const old = find(library.name);
  if (old && on_collision == OnCollision::kRefuse) {
    return Error("ERR Library '" + library.name + "' already exists");
  }
  for (const auto& [name, function] : library.functions) {
    const Function* const other = find_function(name);
    if (other && other->library != old) {
      return Error("ERR Function " + name + " already exists");
    }
  }
  return ok;
}

void Libraries::put(LibraryPointer library) {
  if (const auto found = by_name_.find(library->name); found != by_name_.end()) {
    for (const auto& [name, function] : found->second->functions) functions_.erase(to_lower(name));
    by_name_.erase(found);
  }
  link(std::move(library));
  changed();
}

void Libraries::link(LibraryPointer library) {
  for (auto& [name, function] : library->functions) {
    function.library = library.get();
    functions_[to_lower(name)] = &function;
  }
  const Bytes& name = library->name;
  by_name_[name] = std::move(library);
}

void Libraries::changed() {
  ++version_;
  library_count_ = by_name_.size();
  function_count_ = functions_.size();
  std::size_t bytes = 0;
  for (const auto& [name, library] : by_name_) {
    bytes += sizeof(Library) + library->payload.size() + name.size() +
             library->functions.size() * (2 * sizeof(Function));
  }
  memory_ = bytes;
}

bool Libraries::remove(ByteView name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  for (const auto& [each, function] : found->second->functions) functions_.erase(to_lower(each));
  by_name_.erase(found);
  changed();
  return true;
}

void Libraries::clear() {
  functions_.clear();
  by_name_.clear();
  changed();
}

Status Libraries::join(std::vector<LibraryPointer> others, OnCollision on_collision) {
  std::set<const Library*> replaced;
  std::set<Bytes> names;
  for (const LibraryPointer& other : others) {
    const Library* const old = find(other->name);
    if (old && on_collision == OnCollision::kRefuse) {
      return Error("ERR Library " + other->name + " already exists");
    }
    if (old) replaced.insert(old);
  }
  for (const LibraryPointer& other : others) {
    for (const auto& [name, function] : other->functions) {
      const Function* const there = find_function(name);
      const bool taken = there && !replaced.contains(there->library);
      if (taken || !names.insert(to_lower(name)).second) {
        return Error("ERR Function " + name + " already exists");
      }
    }
  }
  for (const Library* old : replaced) {
    for (const auto& [name, function] : old->functions) functions_.erase(to_lower(name));
    by_name_.erase(by_name_.find(old->name));
  }
  for (LibraryPointer& other : others) link(std::move(other));
  changed();
  return ok;
}

bool Libraries::owns(const Library* library) const {
  return std::ranges::any_of(by_name_,
                             [&](const auto& each) { return each.second.get() == library; });
}

LibraryPointer Libraries::share(const Library& library) const {
  return by_name_.find(library.name)->second;
}

}  // namespace memoir
