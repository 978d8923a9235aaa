#include "src/base/crc64.h"
#include "src/scripting/function_library.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kFooterBytes = kVersionBytes + 8;

}  // namespace

Bytes dump_libraries(const Libraries& libraries) {
  RdbWriter out(RdbCompression::kYes);
  libraries.each([&](const Library& library) {
    out.opcode(RdbOpcode::kFunction2);
    out.string(library.payload);
  });
  Bytes dump = out.take();
  append_fixed(dump, static_cast<std::uint16_t>(kRdbVersionDumped));
  append_fixed(dump, crc64(0, dump));
  return dump;
}

Result<std::vector<Bytes>> read_library_dump(ByteView dump) {
  const bool long_enough = dump.size() >= kFooterBytes;
  const ByteView body = dump.substr(0, long_enough ? dump.size() - kFooterBytes : 0);
  const bool sound =
      long_enough && is_known_rdb_version(load<std::uint16_t>(dump.data() + body.size())) &&
      load<std::uint64_t>(dump.data() + body.size() + kVersionBytes) ==
          crc64(0, dump.substr(0, body.size() + kVersionBytes));
  if (!sound) return Error("ERR DUMP payload version or checksum are wrong");
  RdbReader in(body);
  std::vector<Bytes> texts;
  while (!in.at_end()) {
    const auto opcode = static_cast<RdbOpcode>(in.byte());
    if (opcode == RdbOpcode::kFunctionPreGa) {
      return Error("ERR Pre-GA function format not supported");
    }
    if (opcode != RdbOpcode::kFunction2) return Error("ERR given type is not a function");
    texts.emplace_back(in.string());
    if (in.failed()) return Error("ERR Failed loading library data");
  }
  return texts;
}

}  // namespace memoir
