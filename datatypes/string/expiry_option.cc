#include "datatypes/string/expiry_option.h"

#include <limits>

namespace memoir {

bool ExpiryOption::take(Args& args) {
  static constexpr struct {
    const char* word;
    Unit unit;
  } kOptions[] = {{"EX", Unit::kSeconds},
                  {"PX", Unit::kMilliseconds},
                  {"EXAT", Unit::kUnixSeconds},
                  {"PXAT", Unit::kUnixMilliseconds}};
  for (const auto& option : kOptions) {
    if (unit != Unit::kNone && unit != option.unit) continue;
    if (!args.take(option.word, 1)) continue;
    unit = option.unit;
    text = args.next();
    return true;
  }
  return false;
}

Result<std::int64_t> ExpiryOption::moment(const Context& ctx) const {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto invalid = [&ctx] {
    return Error(Bytes("ERR invalid expire time in '") + ctx.command().name + "' command");
  };
  const auto value = parse_integer(text);
  if (!value) return Error(kNotInteger);
  std::int64_t ms = *value;
  if (ms <= 0) return invalid();
  if (unit == Unit::kSeconds || unit == Unit::kUnixSeconds) {
    if (ms > kMax / 1000) return invalid();
    ms *= 1000;
  }
  if (!absolute()) {
    if (ms > kMax - ctx.now_ms()) return invalid();
    ms += ctx.now_ms();
  }
  return ms;
}

}  // namespace memoir
