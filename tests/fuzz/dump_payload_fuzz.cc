// DUMP payloads: the input is a type and a value; a footer is put behind it, so that no checksum
// is in the way.
#include "tests/fuzz/fuzz_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memoir;
  if (size == 0) return 0;
  Bytes payload(reinterpret_cast<const char*>(data), size);
  const bool valkey = payload[0] == static_cast<char>(RdbType::kHashMetadataPreGa) && size % 2 == 0;
  append_fixed(payload, static_cast<std::uint16_t>(valkey ? kRdbVersionValkey : kRdbVersionMax));
  append_fixed(payload, std::uint64_t{0});
  fuzz::require(is_sound_payload(payload, PayloadCheck::kVersionOnly), "the footer");
  const EncodingLimits limits = fuzz::limits_for(size);
  const auto loaded = load_payload(payload, "key", kNoExpiry, limits);
  if (loaded) fuzz::check_value(**loaded, limits);
  return 0;
}
