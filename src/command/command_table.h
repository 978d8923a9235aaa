// CommandTable: all rows, by name. Built once at start; read by every worker.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/request_parser.h"
#include "src/command/spec.h"

namespace memoir {

class CommandTable {
 public:
  // Adds rows (and their subcommands); the arrays must outlive the table. Names must be new.
  void add(std::span<const CommandSpec> rows);

  // The row of a top-level command, in any case; nullptr if unknown.
  const CommandSpec* find(ByteView name) const;
  // The row for a whole request: the subcommand's, if the command has subcommands and the second word names
  // one; nullptr if either is unknown.
  const CommandSpec* resolve(std::span<const Word> words) const;
  // The container of a subcommand's row, or nullptr.
  const CommandSpec* parent(const CommandSpec* row) const;
  // "set", or "config|get" for a subcommand.
  Bytes full_name(const CommandSpec* row) const;
  // A dense number of each row, subcommands included, for counters: 0 .. size() - 1.
  std::size_t index(const CommandSpec* row) const;
  const CommandSpec* row(std::size_t index) const { return rows_[index].spec; }
  std::size_t size() const { return rows_.size(); }
  // Top-level rows in the order they were added.
  std::span<const CommandSpec* const> commands() const { return commands_; }

 private:
  struct Row {
    const CommandSpec* spec;
    const CommandSpec* parent;
  };
  std::vector<Row> rows_;
  std::vector<const CommandSpec*> commands_;
  std::vector<std::pair<std::uint64_t, const CommandSpec*>> slots_;  // open addressing by name
  std::unordered_map<const CommandSpec*, std::size_t> index_;
};

}  // namespace memoir
