// Append-only files of Redis, read into a sink: what a directory that a Redis server has left holds
// beside or instead of dump.rdb.
//
// Since Redis 7 it is a directory of files that a manifest lists (aof_manifest.h); before, one
// file. Each file may begin with an RDB and goes on with requests in RESP; lines that begin with
// '#' are annotations, of which "#TS:<Unix seconds>" tells the time of what follows.
//
// Memory is bounded by the longest single request, whatever lengths the file claims. A transaction
// is delivered once its EXEC has been seen, so a file that ends within one gives none of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "persistence/file.h"
#include "persistence/rdb_file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

// Where to look: the directives dir, appenddirname and appendfilename.
struct AofLocation {
  std::string directory = ".";
  std::string append_directory = "appendonlydir";
  std::string file_name = "appendonly.aof";
};

struct AofProgress {
  const std::string& file;  // being read, without its directory
  std::uint64_t bytes_read = 0;   // of all files
  std::uint64_t bytes_total = 0;
};

struct AofOptions {
  // aof-load-truncated: a last file that ends within a request or a transaction is cut there; what
  // is cut off stays beside it as *.torn. Otherwise that is an error.
  bool load_truncated = true;
  RdbChecksum checksum = RdbChecksum::kYes;
  // The time of requests before the first annotation: microseconds since the Unix epoch.
  std::int64_t time_us = 0;
  // Called about every `progress_bytes`.
  std::function<void(const AofProgress&)> progress = {};
  std::uint64_t progress_bytes = 2UL << 20;
  // What is read at a time.
  std::size_t buffer_bytes = 1UL << 20;
};

// One request. Views live during the call.
struct AofRequest {
  std::span<const ByteView> words;  // at least one
  std::uint64_t db = 0;             // as selected; the sink knows how many there are
  std::int64_t time_us = 0;
  bool in_transaction = false;      // between MULTI and EXEC
};

// Is told what the files hold, in their order. The calls of RdbFileEvents are for the RDB in front,
// request() for the rest. SELECT, MULTI and EXEC are not delivered: AofRequest says what they mean.
// An error ends the reading; it comes back with file and offset added.
class AofEvents : public RdbFileEvents {
 public:
  virtual Status request(const AofRequest& request) = 0;
};

struct AofSummary {
  bool found = false;  // whether there is an AOF at all; the rest is meaningful only then
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t requests = 0;       // delivered
  std::uint64_t cut_bytes = 0;      // of a torn end
  std::optional<std::int64_t> time_us = std::nullopt;  // of the last annotation
};

// Whether there is one, by Redis's rules; reads nothing but the manifest.
Result<bool> append_only_exists(FileSystem& files, const AofLocation& where);

// Reads all of it. Errors: kCorrupt, kTruncated, kUnsupported, kNotFound for a file that the
// manifest lists, kIo, or the sink's own; the text names the file, says where, and what helps.
Result<AofSummary> read_append_only(FileSystem& files, const AofLocation& where,
                                    const AofOptions& options, AofEvents& events);

}  // namespace memoir
