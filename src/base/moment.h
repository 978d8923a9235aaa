// Moments of the past, as people and programs name them: a place in the journal or a time.
//
//   moment   := "lsn:" digits | time | unix | relative | "now"
//   time     := YYYY-MM-DD [("T" | " ") hh:mm [":" ss [("." | ",") digits]]] [zone]     ISO 8601
//   zone     := "Z" | ("+" | "-") hh [":"] [mm]              without one: UTC
//   unix     := digits ["." digits]                          seconds; from 10^11 on milliseconds,
//                                                            from 10^14 on microseconds
//   relative := "-" digits ("ms" | "s" | "m" | "h" | "d" | "w")       so long before now
//
// The form with "T" may leave out '-' and ':' (20260131T235959Z). Fractions beyond microseconds are
// cut off. Upper and lower case are the same.
#pragma once

#include <compare>
#include <cstdint>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

struct Moment {
  enum class Kind : std::uint8_t { kLsn, kTime };

  Kind kind = Kind::kTime;
  std::uint64_t lsn = 0;     // of kLsn
  std::int64_t time_us = 0;  // of kTime: since the Unix epoch

  static Moment at_lsn(std::uint64_t lsn) { return {Kind::kLsn, lsn, 0}; }
  static Moment at_time_us(std::int64_t us) { return {Kind::kTime, 0, us}; }
  bool operator==(const Moment&) const = default;
};

// Reads a moment; relative ones count from `now_us`. The error is a reply: "ERR ...".
Result<Moment> parse_moment(ByteView text, std::int64_t now_us);

// A time as ISO 8601 in UTC with microseconds: "2026-01-31T23:59:59.000000Z".
Bytes format_time_us(std::int64_t time_us);

}  // namespace memoir
