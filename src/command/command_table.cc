#include "src/command/command_table.h"

#include <bit>

#include "src/base/assert.h"
#include "src/base/c_text.h"
#include "src/base/coding.h"
#include "src/base/glob.h"

namespace memoir {
namespace {

constexpr std::uint32_t kEmpty = ~0U;
constexpr std::uint64_t kLowerCase = 0x2020202020202020ULL;
constexpr std::size_t kErrorArgsBytesMax = 128;

// A hash that does not tell upper from lower case: the first and last eight bytes decide.
std::uint64_t hash_name(ByteView name) {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (name.size() >= 8) {
    head = load<std::uint64_t>(name.data()) | kLowerCase;
    tail = load<std::uint64_t>(name.data() + name.size() - 8) | kLowerCase;
  } else {
    for (const char c : name) head = head << 8 | static_cast<unsigned char>(c | 0x20);
  }
  const std::uint64_t mixed =
      (head ^ std::rotl(tail, 23) ^ name.size()) * 0x9e3779b97f4a7c15ULL;
  return mixed ^ (mixed >> 32);
}

}  // namespace

void CommandTable::add_row(const CommandSpec& spec, const CommandSpec* parent) {
  const auto index = static_cast<std::uint32_t>(rows_.size());
  rows_.push_back({&spec, parent, index, spec.name});
  by_spec_[&spec] = index;
  if (!parent) commands_.push_back(index);
  for (const CommandSpec& child : spec.subcommands) add_row(child, &spec);
}

void CommandTable::add(std::span<const CommandSpec> rows) {
  for (const CommandSpec& spec : rows) {
    ASSERT(find(spec.name) == nullptr);
    add_row(spec, nullptr);
  }
  rebuild_slots();
}

void CommandTable::rebuild_slots() {
  slots_.assign(std::bit_ceil(commands_.size() * 4 + 4), kEmpty);
  for (const std::uint32_t index : commands_) {
    std::size_t at = hash_name(rows_[index].spec->name);
    while (slots_[at & (slots_.size() - 1)] != kEmpty) ++at;
    slots_[at & (slots_.size() - 1)] = index;
  }
}

const CommandTable::Row* CommandTable::find(ByteView name) const {
  if (slots_.empty()) return nullptr;
  for (std::size_t at = hash_name(name);; ++at) {
    const std::uint32_t index = slots_[at & (slots_.size() - 1)];
    if (index == kEmpty) return nullptr;
    if (equals_ignoring_case(rows_[index].name, name)) return &rows_[index];
  }
}

const CommandTable::Row* CommandTable::resolve(std::span<const Word> words) const {
  const Row* row = find(words[0].text);
  if (!row || row->spec->subcommands.empty() || words.size() < 2) return row;
  for (const CommandSpec& child : row->spec->subcommands) {
    if (equals_ignoring_case(child.name, words[1].text)) return row_of(&child);
  }
  return nullptr;
}

Bytes CommandTable::unknown_error(std::span<const Word> words) const {
  const auto clipped = [](ByteView text, std::size_t most) {
    return c_text(text).substr(0, most);
  };
  if (find(words[0].text) != nullptr) {
    Bytes text = "ERR unknown subcommand '";
    text.append(clipped(words[1].text, kErrorArgsBytesMax));
    text += "'. Try " + to_upper(words[0].text) + " HELP.";
    return text;
  }
  Bytes args;
  for (std::size_t i = 1; i < words.size() && args.size() < kErrorArgsBytesMax; ++i) {
    const ByteView shown = clipped(words[i].text, kErrorArgsBytesMax - args.size());
    args += '\'';
    args.append(shown);
    args += "' ";
  }
  Bytes text = "ERR unknown command '";
  text.append(clipped(words[0].text, kErrorArgsBytesMax));
  return text + "', with args beginning with: " + args;
}

Bytes CommandTable::arity_error(const Row& row, std::span<const Word> words) {
  if (row.parent && row.spec->arity.admits_form(words.size())) {
    Bytes text = "ERR unknown subcommand or wrong number of arguments for '";
    text.append(c_text(words[1].text).substr(0, kErrorArgsBytesMax));
    return text + "'. Try " + to_upper(words[0].text) + " HELP.";
  }
  return "ERR wrong number of arguments for '" + full_name(row) + "' command";
}

Bytes CommandTable::full_name(const Row& row) {
  return row.parent ? Bytes(row.parent->name) + "|" + row.spec->name : Bytes(row.spec->name);
}

const CommandTable::Row* CommandTable::row_of(const CommandSpec* spec) const {
  const auto found = by_spec_.find(spec);
  return found == by_spec_.end() ? nullptr : &rows_[found->second];
}

}  // namespace memoir
