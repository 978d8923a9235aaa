#include "datatypes/geo/geohash.h"

#include <algorithm>
#include <cmath>

namespace memoir {
namespace {

constexpr double kDegree = M_PI / 180.0;
constexpr std::uint64_t kEvenBits = 0x5555555555555555;
constexpr std::uint64_t kOddBits = 0xaaaaaaaaaaaaaaaa;

// Moves the bits of a 32-bit number to the even places, and back.
std::uint64_t spread(std::uint64_t x) {
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x << 2) & 0x3333333333333333;
  return (x | x << 1) & kEvenBits;
}

std::uint32_t gather(std::uint64_t x) {
  x &= kEvenBits;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff00ff00ff;
  x = (x | x >> 8) & 0x0000ffff0000ffff;
  return static_cast<std::uint32_t>(x | x >> 16);
}

struct Range {
  double min;
  double max;

  std::uint32_t scale(double value, unsigned steps) const {
    double offset = (value - min) / (max - min);
    offset *= static_cast<double>(1ULL << steps);
    return static_cast<std::uint32_t>(offset);
  }
  double at(double line, unsigned steps) const {
    return min + (line * 1.0 / static_cast<double>(1ULL << steps)) * (max - min);
  }
};
constexpr Range kLongitudes{-kLongitudeMax, kLongitudeMax};
constexpr Range kLatitudes{-kLatitudeMax, kLatitudeMax};

std::uint64_t interleave(const GeoPoint& point, const Range& latitudes, unsigned steps) {
  return spread(latitudes.scale(point.latitude, steps)) |
         spread(kLongitudes.scale(point.longitude, steps)) << 1;
}

// A score as bits, also one that no position gave: as the processor converts it.
std::uint64_t bits_of(double score) {
  constexpr double kTwo63 = 0x1p63;
  if (score >= 2 * kTwo63) return 0;
  if (score >= kTwo63) return static_cast<std::uint64_t>(score);
  if (score >= -kTwo63) return static_cast<std::uint64_t>(static_cast<std::int64_t>(score));
  return 1ULL << 63;
}

// Adds one to the number that stands in the places of `mask`, or takes one away. The other places
// are filled, so that a carry or borrow passes through them.
std::uint64_t move(std::uint64_t bits, std::uint64_t mask, unsigned steps, int by) {
  if (by == 0) return bits & mask;
  const std::uint64_t filled = ~mask >> (64 - steps * 2);
  const std::uint64_t moved =
      by > 0 ? (bits & mask) + (filled + 1) : ((bits & mask) | filled) - (filled + 1);
  return moved & mask >> (64 - steps * 2);
}

}  // namespace

double radians(double degrees) { return degrees * kDegree; }
double degrees(double radians) { return radians / kDegree; }

std::uint64_t geo_score(const GeoPoint& point) {
  return interleave(point, kLatitudes, kGeoSteps);
}

GeoPoint geo_point(double score) {
  const GeoBox box = box_of({bits_of(score), kGeoSteps});
  return {std::clamp((box.west + box.east) / 2, -kLongitudeMax, kLongitudeMax),
          std::clamp((box.south + box.north) / 2, -kLatitudeMax, kLatitudeMax)};
}

std::array<char, 11> geohash_text(const GeoPoint& point) {
  static constexpr char kAlphabet[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  constexpr Range kAllLatitudes{-90, 90};
  const std::uint64_t bits = interleave(point, kAllLatitudes, kGeoSteps);
  std::array<char, 11> text;
  for (unsigned i = 0; i < text.size() - 1; ++i) text[i] = kAlphabet[bits >> (47 - 5 * i) & 31];
  text.back() = kAlphabet[0];  // of these five bits only two are known
  return text;
}

double latitude_distance(double from, double to) {
  return kEarthRadius * std::fabs(radians(to) - radians(from));
}

// The haversine formula.
double geo_distance(const GeoPoint& from, const GeoPoint& to) {
  const double v = std::sin((radians(to.longitude) - radians(from.longitude)) / 2);
  if (v == 0.0) return latitude_distance(from.latitude, to.latitude);
  const double latitude_from = radians(from.latitude);
  const double latitude_to = radians(to.latitude);
  const double u = std::sin((latitude_to - latitude_from) / 2);
  const double a = u * u + std::cos(latitude_from) * std::cos(latitude_to) * v * v;
  return 2.0 * kEarthRadius * std::asin(std::sqrt(a));
}

GeoCell cell_of(const GeoPoint& point, unsigned steps) {
  return {interleave(point, kLatitudes, steps), steps};
}

GeoBox box_of(const GeoCell& cell) {
  const std::uint32_t row = gather(cell.bits);
  const std::uint32_t column = gather(cell.bits >> 1);
  return {.west = kLongitudes.at(column, cell.steps),
          .south = kLatitudes.at(row, cell.steps),
          .east = kLongitudes.at(column + 1U, cell.steps),
          .north = kLatitudes.at(row + 1U, cell.steps)};
}

GeoCell neighbour_of(const GeoCell& cell, int east, int north) {
  const std::uint64_t columns = move(cell.bits, kOddBits, cell.steps, east);
  const std::uint64_t rows = move(cell.bits, kEvenBits, cell.steps, north);
  return {columns | rows, cell.steps};
}

}  // namespace memoir
