#include "src/scripting/script_flags.h"

#include <algorithm>
#include <vector>

#include "protocol/request_parser.h"
#include "src/base/glob.h"

namespace memoir {
namespace {

constexpr ScriptFlagName kNames[] = {
    {kScriptNoWrites, "no-writes"},
    {kScriptAllowOom, "allow-oom"},
    {kScriptAllowStale, "allow-stale"},
    {kScriptNoCluster, "no-cluster"},
    {kScriptAllowCrossSlot, "allow-cross-slot-keys"},
    {kScriptRollback, "rollback"},
};

Error error(std::string_view text, ByteView detail = {}) {
  return Error(Bytes("ERR ").append(text).append(detail));
}

// "a,b,c", or nothing at all.
Result<std::uint32_t> read_flags(ByteView list) {
  std::uint32_t flags = 0;
  if (list.empty()) return flags;
  while (true) {
    const std::size_t comma = list.find(',');
    const ByteView name = list.substr(0, comma);
    const auto found = std::ranges::find(kNames, name, &ScriptFlagName::name);
    if (found == std::end(kNames)) return error("Unexpected flag in script shebang: ", name);
    flags |= found->flag;
    if (comma == ByteView::npos) return flags;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::span<const ScriptFlagName> script_flag_names() { return kNames; }

Result<ScriptHead> read_script_head(ByteView body) {
  ScriptHead head;
  if (!body.starts_with("#!")) return head;
  head.bytes = body.find('\n');
  if (head.bytes == ByteView::npos) return error("Invalid script shebang");
  std::vector<Bytes> parts;
  if (!split_line(body.substr(0, head.bytes), parts) || parts.empty()) {
    return error("Invalid engine in script shebang");
  }
  if (parts[0] != "#!lua") return error("Unexpected engine in script shebang: ", parts[0]);
  head.flags = 0;
  constexpr ByteView kFlags = "flags=";
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const ByteView part = parts[i];
    if (!part.starts_with(kFlags)) return error("Unknown lua shebang option: ", part);
    auto flags = read_flags(part.substr(kFlags.size()));
    if (!flags) return flags.error();
    head.flags |= *flags;
  }
  return head;
}

Result<LibraryHead> read_library_head(ByteView payload) {
  if (!payload.starts_with("#!")) return error("Missing library metadata");
  LibraryHead head;
  head.bytes = payload.find('\n');
  std::vector<Bytes> parts;
  if (head.bytes == ByteView::npos || !split_line(payload.substr(0, head.bytes), parts) ||
      parts.empty()) {
    return error("Invalid library metadata");
  }
  head.engine = parts[0].substr(2);
  constexpr ByteView kName = "name=";
  bool named = false;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const ByteView part = parts[i];
    if (!equals_ignoring_case(part.substr(0, kName.size()), kName)) {
      return error("Invalid metadata value given: ", part);
    }
    if (named) return error("Invalid metadata value, name argument was given multiple times");
    named = true;
    head.name = part.substr(kName.size());
  }
  if (!named) return error("Library name was not given");
  return head;
}

bool is_function_name(ByteView name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace memoir
