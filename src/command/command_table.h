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
  struct Row {
    const CommandSpec* spec = nullptr;
    const CommandSpec* parent = nullptr;  // the container, for a subcommand
    std::uint32_t index = 0;              // dense, for counters: 0 .. size() - 1
    ByteView name = {};                   // spec->name
  };

  // Adds rows (and their subcommands); the arrays must outlive the table. Names must be new.
  void add(std::span<const CommandSpec> rows);

  // The row of a top-level command, in any case; nullptr if unknown.
  const Row* find(ByteView name) const;
  // The row that a whole request names: the subcommand's where the command has some and is followed
  // by a word; nullptr if either is unknown.
  const Row* resolve(std::span<const Word> words) const;
  // What is wrong with a request that resolve() does not know, in Redis's words.
  Bytes unknown_error(std::span<const Word> words) const;
  // What is wrong with a request that the row's arity does not admit.
  static Bytes arity_error(const Row& row, std::span<const Word> words);

  // "set", or "config|get" for a subcommand.
  static Bytes full_name(const Row& row);
  const Row* row_of(const CommandSpec* spec) const;
  const Row& row(std::size_t index) const { return rows_[index]; }
  std::size_t size() const { return rows_.size(); }
  // Top-level rows in the order they were added.
  std::span<const std::uint32_t> commands() const { return commands_; }

 private:
  void add_row(const CommandSpec& spec, const CommandSpec* parent);
  void rebuild_slots();

  std::vector<Row> rows_;
  std::vector<std::uint32_t> commands_;
  std::vector<std::uint32_t>
      slots_;  // open addressing by name: index of a top-level row, or kEmpty
  std::unordered_map<const CommandSpec*, std::uint32_t> by_spec_;
};

}  // namespace memoir
