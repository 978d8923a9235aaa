#include "src/command/command_keys.h"

#include <limits>

#include "src/base/glob.h"
#include "src/base/number.h"
#include "src/command/keys.h"

namespace memoir {

namespace {
bool is_db_option(ByteView word) { return equals_ignoring_case(word, "db"); }
}  // namespace

void CommandKeys::keys_of(const RecordView& record, KeySink& sink) {
  db_ = record.flags & kForeign ? record.db : 0;
  RequestCursor requests(record.words);
  while (requests.next(views_)) {
    words_.clear();
    for (const ByteView view : views_) words_.push_back({view, {}});
    request(sink);
  }
}

bool CommandKeys::database(std::size_t index, std::uint16_t& db) const {
  if (index >= words_.size()) return false;
  const auto number = parse_unsigned(words_[index].text);
  if (!number || *number > std::numeric_limits<std::uint16_t>::max()) return false;
  db = static_cast<std::uint16_t>(*number);
  return true;
}

void CommandKeys::keys(const CommandSpec& spec, std::uint16_t db, KeySink& sink) {
  each_key(spec, words_, [&](std::size_t word) { sink.key(db, words_[word].text); });
}

void CommandKeys::request(KeySink& sink) {
  const CommandTable::Row* const row = commands_.resolve(words_);
  if (row == nullptr) return;
  const CommandSpec& spec = *row->spec;
  std::uint16_t other = 0;
  switch (spec.reach) {
    case Reach::kKeys:
      if (spec.keys[0].kind != KeySpec::Kind::kNone) {
        keys(spec, db_, sink);
      } else if (spec.access == Access::kWrite) {
        sink.whole(WholeScope::kServer, 0);
      }
      return;
    case Reach::kSelects:
      (void)database(1, db_);
      return;
    case Reach::kDatabase:
      sink.whole(WholeScope::kDatabase, db_);
      return;
    case Reach::kTwoDatabases:
      for (const std::size_t word : {std::size_t{1}, std::size_t{2}}) {
        if (database(word, other)) sink.whole(WholeScope::kDatabase, other);
      }
      return;
    case Reach::kAllDatabases:
      sink.whole(WholeScope::kAllDatabases, 0);
      return;
    case Reach::kKeysThereToo:
      keys(spec, db_, sink);
      // MOVE key db; COPY source destination DB db
      for (std::size_t word = 2; word < words_.size(); ++word) {
        const bool one_key = spec.keys[1].kind == KeySpec::Kind::kNone;
        const bool named = one_key ? word == 2 : word > 3 && is_db_option(words_[word - 1].text);
        if (named && database(word, other)) keys(spec, other, sink);
      }
      return;
  }
}

}  // namespace memoir
