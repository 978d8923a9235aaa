// CommandKeys: which keys a journal record touches, from the rows of its commands.
//
// Not thread-safe; the table is not changed while this lives.
#pragma once

#include <cstdint>
#include <vector>

#include "persistence/record_keys.h"
#include "protocol/request_parser.h"
#include "src/command/command_table.h"

namespace memoir {

class CommandKeys final : public RecordKeys {
 public:
  explicit CommandKeys(const CommandTable& commands) : commands_(commands) {}

  // A request that no row admits touches nothing: replaying it would fail.
  void keys_of(const RecordView& record, KeySink& sink) override;

 private:
  void request(KeySink& sink);
  void keys(const CommandSpec& spec, std::uint16_t db, KeySink& sink);
  // The database that word `index` names, if it does.
  bool database(std::size_t index, std::uint16_t& db) const;

  const CommandTable& commands_;
  std::uint16_t db_ = 0;  // selected
  std::vector<ByteView> views_;
  std::vector<Word> words_;
};

}  // namespace memoir
