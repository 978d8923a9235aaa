// What MONITOR shows: each request as a line, with its time, database and sender.
#include <iterator>

#include "src/base/log.h"
#include "src/server/redaction.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// Text in double quotes; what is not printable as \xHH or its short form.
void append_quoted(Bytes& out, ByteView text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"': (out += '\\') += c; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  out += '"';
}

}  // namespace

void Server::feed_monitors(Worker& from, const Session& session, std::span<const Word> words,
                           Origin origin, std::int64_t now_us) {
  const CommandTable::Row* row = commands_.resolve(words);
  if (row && row->spec->has(kSkipMonitor) && !row->spec->has(kTellsMonitor)) return;
  if (row && row->spec->has(kAdmin)) return;
  Bytes text = fmt::format("+{}.{:06} [{} {}]", now_us / 1'000'000, now_us % 1'000'000,
                           session.identity.db,
                           origin == Origin::kScript ? Bytes("lua") : session.address());
  std::vector<Word> copy;
  for (const Word& word : row ? redacted(*row, words, copy) : words) {
    text += ' ';
    append_quoted(text, word.text);
  }
  text += "\r\n";
  const SharedBytes line = SharedBytes::copy_of(text);
  for (const auto& worker : workers_) {
    if (monitors_by_worker_[worker->index()].load(std::memory_order_relaxed) == 0) continue;
    if (worker.get() == &from) {
      from.feed_monitors(line);
    } else {
      worker->loop().post([&to = *worker, line] { to.feed_monitors(line); });
    }
  }
}

}  // namespace memoir
