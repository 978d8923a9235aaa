#include "persistence/json_lines.h"

#include "persistence/json_text.h"
#include "src/base/log.h"
#include "src/base/moment.h"

namespace memoir {
namespace {

constexpr std::size_t kOutputBytes = 256UL << 10;

void append_session_fields(Bytes& out, ByteView user, ByteView address, ByteView client) {
  out.append(",\"user\":");
  append_json_text(out, user);
  out.append(",\"address\":");
  append_json_text(out, address);
  out.append(",\"client\":");
  append_json_text(out, client);
}

}  // namespace

void JsonLines::on_session(const SessionView& session) {
  Bytes& text = sessions_[session.id];
  text.clear();
  append_session_fields(text, session.user, session.address, session.client_name);
}

void JsonLines::append_head(const RecordView& record) {
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "{{\"lsn\":{},\"time\":\"{}\",\"db\":{}", record.lsn,
                 format_time_us(record.time_us), record.db);
  const auto session = record.session == 0 ? sessions_.end() : sessions_.find(record.session);
  head_.append(session == sessions_.end() ? ",\"user\":null,\"address\":null,\"client\":null"
                                          : session->second);
  head_.append(",\"command\":[");
}

Status JsonLines::on_record(const RecordView& record) {
  append_head(record);
  RequestCursor cursor(record.words);
  // The SELECTs around a record of another database belong to the stream, not to the change.
  const bool wrapped = record.db != 0 && (record.flags & kForeign) == 0;
  bool more = cursor.next(words_);
  if (wrapped && more) more = cursor.next(words_);
  while (more) {
    const std::size_t line = out_.size();
    out_.append(head_);
    for (const ByteView word : words_) {
      append_json_text(out_, word);
      out_.push_back(',');
    }
    out_.back() = ']';
    out_.append("}\n");
    more = cursor.next(words_);
    if (!more && wrapped) out_.resize(line);
  }
  if (cursor.failed()) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the record at LSN {} is not made of requests", record.first));
  }
  return out_.size() < kOutputBytes ? Status(ok) : finish();
}

Status JsonLines::finish() {
  Status written = out_.empty() ? Status(ok) : write_(out_);
  out_.clear();
  return written;
}

}  // namespace memoir
