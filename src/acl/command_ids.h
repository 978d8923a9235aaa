// CommandIds: the commands as users' rights see them: under their own names, whatever
// rename-command made of them, each with a dense number for bitmaps.
//
// Rules name commands by these names, and a command that was renamed away can still be named. The
// server's own table, which clients' requests go through, is bound to them once. Built at start,
// constant afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "src/command/command_table.h"

namespace memoir {

class CommandIds {
 public:
  using Row = CommandTable::Row;

  // All rows under their own names.
  void add(std::span<const CommandSpec> rows) { own_.add(rows); }
  // Binds the table that requests are looked up in. `original` gives the row under its own name for
  // the top-level ones that were copied under another name, nullptr for the rest.
  using Original = std::function<const CommandSpec*(const CommandSpec&)>;
  void bind(const CommandTable& running, const Original& original);

  std::size_t size() const { return own_.size(); }
  // The number of a row of the bound table.
  std::uint32_t id_of(const Row& running) const { return ids_[running.index]; }
  // The row of a number, under its own name.
  const Row& row(std::uint32_t id) const { return own_.row(id); }
  // Top-level numbers, in the order of the rows.
  std::span<const std::uint32_t> commands() const { return own_.commands(); }
  std::uint32_t id_of_subcommand(const CommandSpec& sub) const { return own_.row_of(&sub)->index; }
  // The row of "name" or "container|name", in any case; nullptr if there is none.
  const Row* find(ByteView name) const;
  // "set", "config|get".
  Bytes name(std::uint32_t id) const { return CommandTable::full_name(own_.row(id)); }

 private:
  CommandTable own_;
  std::vector<std::uint32_t> ids_;  // by index of the bound table
};

}  // namespace memoir
