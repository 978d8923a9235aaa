#include "src/command/replayer.h"

namespace memoir {

Status Replayer::on_record(const RecordView& record) {
  // Buckets that the record changes get the version they had when it was written.
  dispatcher_.keyspace().advance_position(record.first);
  if ((record.flags & kForeign) != 0) session_.identity.db = record.db;
  RequestCursor requests(record.words);
  while (requests.next(views_)) {
    words_.clear();
    for (const ByteView view : views_) words_.push_back({view, {}});
    Status applied = dispatcher_.replay(session_, words_, record.time_us);
    if (!applied) return applied;
  }
  if (requests.failed()) return Error(ErrorCode::kCorrupt, "a record that is no request");
  dispatcher_.keyspace().advance_position(record.lsn);
  ++records_;
  return ok;
}

}  // namespace memoir
