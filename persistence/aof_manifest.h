// The manifest of an append-only file: "<appendfilename>.manifest" in `appenddirname`, which lists
// the files that together are one AOF.
//
//   line := "file" name "seq" number "type" ("b" | "h" | "i")
//
// The pairs come in any order, and others may stand beside them.
//
// 'b' is the base (at most one), 'i' are increments (ascending numbers), 'h' are files that are no
// longer needed. Words may be quoted; lines that begin with '#' are comments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

struct AofFile {
  std::string name;  // without a directory
  std::int64_t sequence = 0;
};

struct AofManifest {
  std::optional<AofFile> base = std::nullopt;
  std::vector<AofFile> increments = {};
  std::vector<AofFile> history = {};

  bool empty() const { return !base && increments.empty(); }
};

// kCorrupt with the line and what is wrong with it.
Result<AofManifest> parse_aof_manifest(ByteView text);
// The text of a manifest.
Bytes format_aof_manifest(const AofManifest& manifest);

}  // namespace memoir
