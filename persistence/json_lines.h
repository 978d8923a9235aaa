// Records as JSON lines, one request a line:
//
//   {"lsn":190,"time":"2026-01-31T23:59:59.000000Z","db":0,"user":"default",
//    "address":"127.0.0.1:40000","client":"","command":["SET","key","value"]}
//
// Requests of one record have one lsn, the record's end. A word that is not UTF-8 is an object
// {"base64":"..."}. user, address and client are null for what the server did by itself.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "persistence/record.h"

namespace memoir {

class JsonLines final : public RecordSink {
 public:
  // `write` takes whole lines.
  explicit JsonLines(std::function<Status(ByteView)> write) : write_(std::move(write)) {}

  void on_session(const SessionView& session) override;
  Status on_record(const RecordView& record) override;
  Status finish();

 private:
  void append_head(const RecordView& record);

  std::function<Status(ByteView)> write_;
  std::map<std::uint32_t, Bytes> sessions_;
  std::vector<ByteView> words_;
  Bytes head_;
  Bytes out_;
};

}  // namespace memoir
