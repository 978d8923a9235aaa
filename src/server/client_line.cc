#include "src/server/client_line.h"

#include <iterator>

#include "src/base/log.h"

namespace memoir {

Bytes client_flag_letters(const ClientStatus& status) {
  const std::uint32_t flags = status.flags;
  constexpr std::pair<std::uint32_t, char> kLetters[] = {
      {kClientMonitor, 'O'},    {kClientSubscriber, 'P'},      {kClientInTransaction, 'x'},
      {kClientBlocked, 'b'},    {kClientTracking, 't'},        {kClientBrokenRedirection, 'R'},
      {kClientBroadcast, 'B'},  {kClientDirty, 'd'},           {kClientCloseAfterReply, 'c'},
      {kClientCloseAsap, 'A'},
  };
  Bytes letters;
  for (const auto& [flag, letter] : kLetters) {
    if (flags & flag) letters += letter;
  }
  if (status.is_unix) letters += 'U';
  if (flags & kClientNoEvict) letters += 'e';
  if (flags & kClientNoTouch) letters += 'T';
  return letters.empty() ? "N" : letters;
}

void append_client_line(Bytes& out, const ClientStatus& s, std::int64_t now_us) {
  const CommandTable::Row* command = s.command;
  const std::int64_t idle_us = now_us - s.active_us;
  fmt::format_to(
      std::back_inserter(out),
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} "
      "multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={} omem={} "
      "tot-mem={} events={} cmd={} user={} redir={} resp={} lib-name={} lib-ver={}",
      s.id, s.peer, s.local, s.fd, s.name, (now_us - s.connected_us) / 1'000'000,
      idle_us > 0 ? idle_us / 1'000'000 : 0, client_flag_letters(s), +s.db, +s.channels,
      +s.patterns, +s.shard_channels, +s.queued, +s.query_bytes, +s.query_free_bytes,
      +s.argument_bytes, +s.queued_bytes, +s.reply_buffer_bytes, +s.reply_buffer_peak,
      +s.output_bytes, +s.output_items, +s.output_memory,
      s.total_memory.load(std::memory_order_relaxed), s.send_blocked ? "rw" : "r",
      command ? CommandTable::full_name(*command) : "NULL", s.user, +s.redirection, +s.resp,
      s.lib_name, s.lib_version);
}

}  // namespace memoir
