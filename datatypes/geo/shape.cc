#include "datatypes/geo/shape.h"

#include <algorithm>
#include <cmath>

namespace memoir {
namespace {

// How fine the grid is whose cells are as large as a search reaches.
unsigned steps_for(double reach, double latitude) {
  constexpr double kMercatorMax = 20037726.37;
  if (reach == 0) return kGeoSteps;
  int steps = 1;
  for (; reach < kMercatorMax; reach *= 2) ++steps;
  steps -= 2;  // so that the eight neighbours cover it in most cases
  // Cells get narrower towards the poles.
  if (latitude > 66 || latitude < -66) {
    --steps;
    if (latitude > 80 || latitude < -80) --steps;
  }
  return static_cast<unsigned>(std::clamp(steps, 1, static_cast<int>(kGeoSteps)));
}

// Whether the neighbours of `cell` on all four sides go as far as `bounds`.
bool covers(const GeoCell& cell, const GeoBox& bounds) {
  // Bounds of a size beyond all measure are no numbers; those count as covered.
  const bool falls_short = box_of(neighbour_of(cell, 0, 1)).north < bounds.north ||
                           box_of(neighbour_of(cell, 0, -1)).south > bounds.south ||
                           box_of(neighbour_of(cell, 1, 0)).east < bounds.east ||
                           box_of(neighbour_of(cell, -1, 0)).west > bounds.west;
  return !falls_short;
}

}  // namespace

void GeoShape::set_circle(double radius, double metres) {
  kind_ = Kind::kCircle;
  width_ = radius;
  metres_ = metres;
}

void GeoShape::set_box(double width, double height, double metres) {
  kind_ = Kind::kBox;
  width_ = width;
  height_ = height;
  metres_ = metres;
}

// The centre is the middle of the corners as points in space, brought back to the surface.
void GeoShape::set_polygon(std::vector<GeoPoint> corners) {
  kind_ = Kind::kPolygon;
  metres_ = 1;
  corners_ = std::move(corners);
  double x = 0;
  double y = 0;
  double z = 0;
  for (const GeoPoint& corner : corners_) {
    const double longitude = radians(corner.longitude);
    const double latitude = radians(corner.latitude);
    x += kEarthRadius * std::cos(latitude) * std::cos(longitude);
    y += kEarthRadius * std::cos(latitude) * std::sin(longitude);
    z += kEarthRadius * std::sin(latitude);
  }
  const auto count = static_cast<double>(corners_.size());
  x /= count;
  y /= count;
  z /= count;
  center_ = {degrees(std::atan2(y, x)), degrees(std::atan2(z, std::sqrt(x * x + y * y)))};
}

std::optional<double> GeoShape::distance_within(const GeoPoint& point) const {
  switch (kind_) {
    case Kind::kCircle: {
      // Far off to the north or south: no need to be exact, which costs sines.
      constexpr double kMargin = 1.000001;
      const double radius = width_ * metres_;
      if (latitude_distance(center_.latitude, point.latitude) > radius * kMargin + 1) break;
      const double distance = geo_distance(center_, point);
      if (distance <= radius) return distance;
      break;
    }
    case Kind::kBox: {
      if (latitude_distance(point.latitude, center_.latitude) > height_ * metres_ / 2) break;
      const GeoPoint aside{center_.longitude, point.latitude};
      if (geo_distance(point, aside) > width_ * metres_ / 2) break;
      return geo_distance(center_, point);
    }
    case Kind::kPolygon:
      if (is_in_polygon(point)) return geo_distance(center_, point);
      break;
    case Kind::kNone:
      break;
  }
  return std::nullopt;
}

// Counts the edges that a ray from the point to the east crosses.
bool GeoShape::is_in_polygon(const GeoPoint& point) const {
  bool inside = false;
  const GeoPoint* last = &corners_.back();
  for (const GeoPoint& corner : corners_) {
    const bool passes = (corner.latitude > point.latitude) != (last->latitude > point.latitude);
    if (passes && point.longitude < (last->longitude - corner.longitude) *
                                            (point.latitude - corner.latitude) /
                                            (last->latitude - corner.latitude) +
                                        corner.longitude) {
      inside = !inside;
    }
    last = &corner;
  }
  return inside;
}

GeoBox GeoShape::bounds() const {
  if (kind_ == Kind::kPolygon) {
    GeoBox box{kLongitudeMax, kLatitudeMax, -kLongitudeMax, -kLatitudeMax};
    for (const GeoPoint& corner : corners_) {
      box.west = std::min(box.west, corner.longitude);
      box.south = std::min(box.south, corner.latitude);
      box.east = std::max(box.east, corner.longitude);
      box.north = std::max(box.north, corner.latitude);
    }
    return box;
  }
  const double height = metres_ * (kind_ == Kind::kCircle ? width_ : height_ / 2);
  const double width = metres_ * (kind_ == Kind::kCircle ? width_ : width_ / 2);
  const double up = degrees(height / kEarthRadius);
  // A degree of longitude is shortest at the side that is nearer to the pole, but it is the other
  // one that Redis takes.
  const double side = center_.latitude < 0 ? center_.latitude - up : center_.latitude + up;
  const double aside = degrees(width / kEarthRadius / std::cos(radians(side)));
  return {center_.longitude - aside, center_.latitude - up, center_.longitude + aside,
          center_.latitude + up};
}

// How far from the centre the shape goes, in metres.
double GeoShape::reach(const GeoBox& bounds) const {
  if (kind_ == Kind::kCircle) return width_ * metres_;
  if (kind_ == Kind::kBox) {
    return std::sqrt((width_ / 2) * (width_ / 2) + (height_ / 2) * (height_ / 2)) * metres_;
  }
  double farthest = 0;
  for (const double longitude : {bounds.west, bounds.east}) {
    for (const double latitude : {bounds.south, bounds.north}) {
      farthest = std::max(farthest, geo_distance(center_, {longitude, latitude}));
    }
  }
  return farthest;
}

std::array<GeoCell, 9> GeoShape::cells() const {
  const GeoBox wanted = bounds();
  unsigned steps = steps_for(reach(wanted), center_.latitude);
  GeoCell middle = cell_of(center_, steps);
  if (steps > 1 && !covers(middle, wanted)) middle = cell_of(center_, --steps);
  constexpr struct {
    int east;
    int north;
  } kAround[] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
  const GeoBox box = box_of(middle);
  std::array<GeoCell, 9> cells;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto [east, north] = kAround[i];
    // Neighbours on a side that the shape does not reach are left out.
    const bool needless =
        steps >= 2 && ((north < 0 && box.south < wanted.south) ||
                       (north > 0 && box.north > wanted.north) ||
                       (east < 0 && box.west < wanted.west) ||
                       (east > 0 && box.east > wanted.east));
    if (!needless) cells[i] = i == 0 ? middle : neighbour_of(middle, east, north);
  }
  return cells;
}

}  // namespace memoir
