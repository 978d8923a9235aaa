// Positions: scores and back, and searches against looking at every point.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "datatypes/geo/geohash.h"
#include "datatypes/geo/shape.h"

namespace memoir {
namespace {

class Draw {
 public:
  Draw() : random_(Catch::rngSeed()) {}
  double between(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  GeoPoint point(double latitude_max = kLatitudeMax) {
    return {between(-180, 180), between(-latitude_max, latitude_max)};
  }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  std::mt19937_64 random_;
};

// Whether a score lies in one of the cells.
bool covered(const std::array<GeoCell, 9>& cells, std::uint64_t score) {
  for (const GeoCell& cell : cells) {
    if (cell.steps != 0 && score >= cell.first_score() && score < cell.end_score()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a score leads back to its position", "[geo]") {
  Draw draw;
  for (int i = 0; i < 2000; ++i) {
    const GeoPoint point = draw.point();
    const std::uint64_t score = geo_score(point);
    REQUIRE(score < 1ULL << 52);
    const GeoPoint back = geo_point(static_cast<double>(score));
    REQUIRE(std::fabs(back.longitude - point.longitude) < 6e-6);
    REQUIRE(std::fabs(back.latitude - point.latitude) < 3e-6);
    REQUIRE(geo_score(back) == score);
    REQUIRE(geo_distance(point, back) < 1);
  }
  CHECK(geo_score({13.361389, 38.115556}) == 3479099956230698);
  const auto text = geohash_text({13.361389, 38.115556});
  CHECK(ByteView(text.data(), text.size()) == "sqc8b49rny0");
}

TEST_CASE("scores that no position gave are positions, too", "[geo]") {
  for (const double score : {0.0, -1.0, 1e300, -1e300, 4503599627370496.0, 0x1p63, -0x1p63,
                             static_cast<double>(INFINITY), -static_cast<double>(INFINITY)}) {
    CAPTURE(score);
    CHECK(is_on_map(geo_point(score)));
  }
}

TEST_CASE("neighbours of a cell lie beside it", "[geo]") {
  Draw draw;
  for (int i = 0; i < 500; ++i) {
    const auto steps = static_cast<unsigned>(3 + draw.below(24));
    const GeoCell cell = cell_of(draw.point(60), steps);
    const GeoBox box = box_of(cell);
    const GeoBox above = box_of(neighbour_of(cell, 0, 1));
    const GeoBox right = box_of(neighbour_of(cell, 1, 0));
    CHECK(above.south == Approx(box.north));
    CHECK(above.west == box.west);
    if (right.west > -180) CHECK(right.west == Approx(box.east));
    CHECK(right.south == box.south);
    CHECK(neighbour_of(neighbour_of(cell, 1, 1), -1, -1) == cell);
  }
}

// Goal: the cells of a circle hold every point within it, away from the poles and the date line.
TEST_CASE("the cells of a circle cover it", "[geo]") {
  Draw draw;
  for (int round = 0; round < 300; ++round) {
    GeoShape shape;
    const GeoPoint center{draw.between(-120, 120), draw.between(-55, 55)};
    const double radius = std::pow(10, draw.between(0, 2.8));  // kilometres
    shape.set_center(center);
    shape.set_circle(radius, 1000);
    const auto cells = shape.cells();
    const double reach = radius / 111.0;
    for (int i = 0; i < 50; ++i) {
      const GeoPoint point{center.longitude + draw.between(-2 * reach, 2 * reach),
                           center.latitude + draw.between(-reach, reach)};
      if (!is_on_map(point)) continue;
      const auto distance = shape.distance_within(point);
      REQUIRE(distance.has_value() == (geo_distance(center, point) <= radius * 1000));
      CAPTURE(round, center.longitude, center.latitude, radius, point.longitude, point.latitude);
      if (distance) REQUIRE(covered(cells, geo_score(point)));
    }
  }
}

TEST_CASE("a polygon holds what lies between its edges", "[geo]") {
  GeoShape shape;
  shape.set_polygon({{0, 0}, {10, 0}, {10, 10}, {5, 5}, {0, 10}});
  CHECK(shape.distance_within({1, 1}));
  CHECK(shape.distance_within({9, 8}));
  CHECK_FALSE(shape.distance_within({5, 8}));  // in the notch
  CHECK_FALSE(shape.distance_within({-1, 5}));
  CHECK_FALSE(shape.distance_within({5, -1}));
  for (const GeoPoint point : {GeoPoint{1, 1}, GeoPoint{9, 8}, GeoPoint{5, 4}}) {
    CHECK(covered(shape.cells(), geo_score(point)));
  }
}

}  // namespace memoir
