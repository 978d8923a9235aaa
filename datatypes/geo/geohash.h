// Geohash: positions on the earth as scores of a sorted set, and the cells of the grid they form.
//
// Longitude and latitude are each scaled to `steps` bits and interleaved, longitude in the odd
// places, so that a cell of the grid is one range of scores. Scores have 26 steps: 52 bits, which a
// double holds exactly. Latitudes end at those of the web's Mercator maps. The arithmetic, order of
// operations included, is that of Redis, since replies show all digits.
//
// All functions are pure; degrees and metres.
#pragma once

#include <array>
#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

struct GeoPoint {
  double longitude = 0;
  double latitude = 0;
};

inline constexpr double kLongitudeMax = 180;
inline constexpr double kLatitudeMax = 85.05112878;
inline constexpr unsigned kGeoSteps = 26;
inline constexpr double kEarthRadius = 6372797.560856;

inline bool is_on_map(const GeoPoint& point) {
  return point.longitude >= -kLongitudeMax && point.longitude <= kLongitudeMax &&
         point.latitude >= -kLatitudeMax && point.latitude <= kLatitudeMax;
}

double radians(double degrees);
double degrees(double radians);

// The score of a position on the map, and back: the middle of the score's cell.
std::uint64_t geo_score(const GeoPoint& point);
GeoPoint geo_point(double score);
// The eleven characters of the usual geohash.
std::array<char, 11> geohash_text(const GeoPoint& point);

// The way between two points along the surface.
double geo_distance(const GeoPoint& from, const GeoPoint& to);
// The same along a meridian.
double latitude_distance(double from, double to);

// A cell of the grid with 2^steps by 2^steps cells.
struct GeoCell {
  std::uint64_t bits = 0;
  unsigned steps = 0;

  bool operator==(const GeoCell&) const = default;
  // The scores within it: from first_score() to before end_score().
  std::uint64_t first_score() const { return bits << (2 * (kGeoSteps - steps)); }
  std::uint64_t end_score() const { return (bits + 1) << (2 * (kGeoSteps - steps)); }
};
// Left, right, bottom and top in degrees.
struct GeoBox {
  double west = 0;
  double south = 0;
  double east = 0;
  double north = 0;
};

GeoCell cell_of(const GeoPoint& point, unsigned steps);
GeoBox box_of(const GeoCell& cell);
// The cell `east` columns to the right and `north` rows up (each -1, 0 or 1), around the world.
GeoCell neighbour_of(const GeoCell& cell, int east, int north);

}  // namespace memoir
