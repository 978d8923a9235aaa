#include "src/command/replay_batch.h"

#include <algorithm>

#include "src/base/log.h"

namespace memoir {
namespace {

// Of a record that concerns no key so far.
constexpr std::uint8_t kNoPart = 254;
// A stretch of fewer records than this between two that are applied alone joins them.
constexpr std::size_t kShortRun = 48;

Error broken(const ReplayBatch::Record& record, const std::string& why) {
  return {ErrorCode::kCorrupt,
          fmt::format("the record that ends at {} cannot be applied: {}", record.lsn, why)};
}

}  // namespace

void ReplayBatch::add(const RecordView& record) {
  records_.push_back({.first = record.first,
                      .lsn = record.lsn,
                      .time_us = record.time_us,
                      .offset = bytes_.size(),
                      .bytes = static_cast<std::uint32_t>(record.words.size()),
                      .db = record.db,
                      .foreign = (record.flags & kForeign) != 0});
  bytes_.append(record.words);
}

void ReplayBatch::clear() {
  constexpr std::size_t kKeptBytes = 1UL << 20;
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  records_.clear();
  requests_.clear();
  words_.clear();
  keys_.clear();
  runs_.clear();
  order_.clear();
}

Status ReplayBatch::take_apart(const CommandTable& commands, unsigned parts) {
  for (Record& record : records_) {
    if (Status done = take_apart(commands, parts, record); !done) return done;
  }
  make_runs(parts);
  return ok;
}

Status ReplayBatch::take_apart(const CommandTable& commands, unsigned parts, Record& record) {
  std::uint8_t part = kNoPart;
  record.first_request = static_cast<std::uint32_t>(requests_.size());
  RequestCursor cursor(ByteView(bytes_).substr(record.offset, record.bytes));
  while (cursor.next(views_)) {
    Request request{};
    request.first_word = static_cast<std::uint32_t>(words_.size());
    request.words = static_cast<std::uint32_t>(views_.size());
    for (const ByteView view : views_) words_.push_back({view, {}});
    const std::span<const Word> words = this->words(request);
    // A journal mostly repeats its commands.
    if (last_row_ && !words.empty() && words[0].text == last_name_) {
      request.row = last_row_;
    } else {
      request.row = words.empty() ? nullptr : commands.resolve(words);
      const bool plain = request.row && request.row->spec->subcommands.empty() &&
                         !request.row->parent;
      last_row_ = plain ? request.row : nullptr;
      if (plain) last_name_ = words[0].text;
    }
    if (!request.row) return broken(record, commands.unknown_error(words));
    if (!request.row->spec->arity.admits(words.size())) {
      return broken(record, "a wrong number of words");
    }
    if (request.row->spec->has(kTransactionControl)) continue;  // a record is atomic as it is
    request.first_key = static_cast<std::uint32_t>(keys_.size());
    Dispatcher::hash_keys(*request.row, words, keys_);
    request.keys = static_cast<std::uint32_t>(keys_.size()) - request.first_key;
    note_part(request, parts, part);
    requests_.push_back(request);
  }
  if (cursor.failed()) return broken(record, "not a request");
  record.requests = static_cast<std::uint32_t>(requests_.size()) - record.first_request;
  // A record of another database begins and ends with a SELECT, which its own number says too.
  if (record.db != 0 && !record.foreign && record.requests >= 2) {
    ++record.first_request;
    record.requests -= 2;
  }
  record.part = part == kNoPart ? 0 : part;
  return ok;
}

// Which part a request belongs to, together with those before it in its record.
void ReplayBatch::note_part(const Request& request, unsigned parts, std::uint8_t& part) {
  const CommandSpec& spec = *request.row->spec;
  const Locks locks = spec.locks_of(words(request));
  // What touches no key and changes nothing (SELECT) goes along with the others.
  if (locks == Locks::kNone && spec.access != Access::kWrite && !spec.has(kMayReplicate)) return;
  if (locks != Locks::kKeys || request.keys == 0) {
    part = kAlone;
    return;
  }
  for (const HashedKey& key : keys(request)) {
    const auto own = static_cast<std::uint8_t>(stripe_of(key.hash) % parts);
    if (part == kNoPart) part = own;
    if (part != own) part = kAlone;
  }
}

void ReplayBatch::make_runs(unsigned parts) {
  std::size_t begin = 0;
  while (begin < records_.size()) {
    const auto is_alone = [](const Record& record) { return record.part == kAlone; };
    const auto next = std::find_if(records_.begin() + static_cast<std::ptrdiff_t>(begin),
                                   records_.end(), is_alone);
    const auto at = static_cast<std::size_t>(next - records_.begin());
    if (at > begin) add_run(begin, at, false, parts);
    if (at == records_.size()) return;
    std::size_t end = at + 1;
    for (std::size_t i = end; i < records_.size() && i < end + kShortRun; ++i) {
      if (records_[i].part == kAlone) end = i + 1;
    }
    add_run(at, end, true, parts);
    begin = end;
  }
}

void ReplayBatch::add_run(std::size_t first, std::size_t last, bool alone, unsigned parts) {
  Run& run = runs_.emplace_back();
  run.alone = alone;
  run.first = static_cast<std::uint32_t>(first);
  run.last = static_cast<std::uint32_t>(last);
  if (alone) return;
  run.begins.assign(parts + 1, 0);
  for (std::size_t i = first; i < last; ++i) ++run.begins[records_[i].part + 1U];
  run.begins[0] = static_cast<std::uint32_t>(order_.size());
  for (unsigned i = 0; i < parts; ++i) run.begins[i + 1] += run.begins[i];
  order_.resize(order_.size() + (last - first));
  std::vector<std::uint32_t> next(run.begins.begin(), run.begins.end() - 1);
  for (std::size_t i = first; i < last; ++i) {
    order_[next[records_[i].part]++] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace memoir
