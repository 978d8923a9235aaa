// GeoShape: the area a search covers, a circle, a box or a polygon, and the cells of the grid that
// have to be looked through for it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "datatypes/geo/geohash.h"

namespace memoir {

class GeoShape {
 public:
  enum class Kind : std::uint8_t { kNone, kCircle, kBox, kPolygon };

  // Sizes are in the unit that has `metres` metres.
  void set_circle(double radius, double metres);
  void set_box(double width, double height, double metres);
  // At least three corners. Its centre, from which distances count, is that of the corners.
  void set_polygon(std::vector<GeoPoint> corners);
  void set_center(const GeoPoint& center) { center_ = center; }

  Kind kind() const { return kind_; }
  double metres() const { return metres_; }

  // The distance in metres of a point within the shape from its centre; nothing if it is outside.
  std::optional<double> distance_within(const GeoPoint& point) const;

  // The cells that cover the shape, in the order they are searched: that of its centre and its
  // eight neighbours; one without steps is not needed.
  std::array<GeoCell, 9> cells() const;

 private:
  GeoBox bounds() const;
  double reach(const GeoBox& bounds) const;
  bool is_in_polygon(const GeoPoint& point) const;

  Kind kind_{Kind::kNone};
  GeoPoint center_;
  double metres_{1};
  double width_{0};  // a circle's radius
  double height_{0};
  std::vector<GeoPoint> corners_;
};

}  // namespace memoir
