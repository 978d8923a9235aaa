#include "datatypes/geo/geo_arguments.h"

#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

namespace memoir {
namespace {

Result<double> read_size(Args& args, std::string_view not_a_number) {
  const auto size = parse_double(args.next());
  if (!size) return Error(not_a_number);
  return *size;
}

}  // namespace

Result<GeoPoint> read_point(Args& args) {
  const double longitude = args.number();
  const double latitude = args.number();
  if (args.failed()) return args.status().error();
  const GeoPoint point{longitude, latitude};
  if (is_on_map(point)) return point;
  // A double may have more than three hundred digits in front of the point.
  std::vector<char> text(800);
  const int size = std::snprintf(text.data(), text.size(),
                                 "ERR invalid longitude,latitude pair %f,%f", longitude, latitude);
  return Error(std::string_view(text.data(), static_cast<std::size_t>(size)));
}

Result<double> read_unit(Args& args) {
  if (args.take("m")) return 1.0;
  if (args.take("km")) return 1000.0;
  if (args.take("ft")) return 0.3048;
  if (args.take("mi")) return 1609.34;
  return Error("ERR unsupported unit provided. please use M, KM, FT, MI");
}

Status GeoSearch::read(Context& ctx, Args& args, Form form, Store store, const SortedSet* source) {
  form_ = form;
  store_ = store;
  source_ = source;
  if (Status read = read_old_area(args); !read) return read;
  if (Status read = read_options(args); !read) return read;
  if (Status sound = check(ctx); !sound) return sound;
  // The nearest are meant if only some are asked for.
  if (count != 0 && order == Order::kNone && !any) order = Order::kNearest;
  return ok;
}

// GEORADIUS and GEORADIUSBYMEMBER begin with where they look.
Status GeoSearch::read_old_area(Args& args) {
  if (form_ == Form::kRadius) {
    auto point = read_point(args);
    if (!point) return point.error();
    shape.set_center(*point);
    return read_circle(args);
  }
  if (form_ != Form::kRadiusByMember) return ok;
  if (!source_) {  // only the options matter then
    args.skip(3);
    return ok;
  }
  if (Status found = set_center_to(args.next()); !found) return found;
  return read_circle(args);
}

Status GeoSearch::read_options(Args& args) {
  while (args.more()) {
    if (Status read = read_option(args); !read) return read;
  }
  return ok;
}

Status GeoSearch::read_option(Args& args) {
  if (args.take("withdist")) {
    with_distance = true;
  } else if (args.take("withhash")) {
    with_hash = true;
  } else if (args.take("withcoord")) {
    with_point = true;
  } else if (args.take("any")) {
    any = true;
  } else if (args.take("asc")) {
    order = Order::kNearest;
  } else if (args.take("desc")) {
    order = Order::kFarthest;
  } else if (args.take("count", 1)) {
    count = args.integer();
    if (count <= 0) args.fail("ERR COUNT must be > 0");
    return args.status();
  } else if (!take_target(args)) {
    bool taken = false;
    if (is_new()) {
      if (Status read = take_center(args, taken); !read) return read;
      if (taken) return ok;
      if (Status read = take_area(args, taken); !read) return read;
    }
    if (!taken) return Error(kSyntaxError);
  }
  return ok;
}

bool GeoSearch::take_target(Args& args) {
  if (form_ == Form::kSearchStore) {
    if (!args.take("storedist")) return false;
    stores_distance = true;
    return true;
  }
  if (is_new() || store_ == Store::kNo) return false;
  if (args.take("store", 1)) {
    stores_distance = false;
  } else if (args.take("storedist", 1)) {
    stores_distance = true;
  } else {
    return false;
  }
  target = args.next();
  return true;
}

Status GeoSearch::take_center(Args& args, bool& taken) {
  const bool has_polygon = shape.kind() == GeoShape::Kind::kPolygon;
  if (!from_point_ && !has_polygon && args.take("frommember", 1)) {
    taken = from_member_ = true;
    const ByteView member = args.next();
    return source_ ? set_center_to(member) : Status(ok);
  }
  if (!from_member_ && !has_polygon && args.take("fromlonlat", 2)) {
    taken = from_point_ = true;
    auto point = read_point(args);
    if (!point) return point.error();
    shape.set_center(*point);
  }
  return ok;
}

Status GeoSearch::take_area(Args& args, bool& taken) {
  using Kind = GeoShape::Kind;
  const auto may_be = [this](Kind kind) {
    return shape.kind() == Kind::kNone || shape.kind() == kind;
  };
  if (may_be(Kind::kCircle) && args.take("byradius", 2)) {
    taken = true;
    return read_circle(args);
  }
  if (may_be(Kind::kBox) && args.take("bybox", 3)) {
    taken = true;
    return read_box(args);
  }
  // A polygon has its centre in itself.
  if (may_be(Kind::kPolygon) && !from_member_ && !from_point_ && args.take("bypolygon", 2)) {
    taken = true;
    return read_polygon(args);
  }
  return ok;
}

Status GeoSearch::read_circle(Args& args) {
  auto radius = read_size(args, "ERR need numeric radius");
  if (!radius) return radius.error();
  if (*radius < 0) return Error("ERR radius cannot be negative");
  auto metres = read_unit(args);
  if (!metres) return metres.error();
  shape.set_circle(*radius, *metres);
  return ok;
}

Status GeoSearch::read_box(Args& args) {
  auto width = read_size(args, "ERR need numeric width");
  if (!width) return width.error();
  auto height = read_size(args, "ERR need numeric height");
  if (!height) return height.error();
  if (*height < 0 || *width < 0) return Error("ERR height or width cannot be negative");
  auto metres = read_unit(args);
  if (!metres) return metres.error();
  shape.set_box(*width, *height, *metres);
  return ok;
}

Status GeoSearch::read_polygon(Args& args) {
  const std::int64_t corners =
      args.integer_between(std::numeric_limits<std::int32_t>::min(),
                           std::numeric_limits<std::int32_t>::max(),
                           "ERR invalid number of vertices");
  if (args.failed()) return args.status();
  if (corners < 3 || corners > static_cast<std::int64_t>(args.left() / 2)) {
    return Error("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
  }
  std::vector<GeoPoint> points;
  points.reserve(static_cast<std::size_t>(corners));
  for (std::int64_t i = 0; i < corners; ++i) {
    auto point = read_point(args);
    if (!point) return point.error();
    points.push_back(*point);
  }
  shape.set_polygon(std::move(points));
  return ok;
}

Status GeoSearch::set_center_to(ByteView member) {
  const auto score = source_->score(member);
  if (!score) return Error("ERR could not decode requested zset member");
  shape.set_center(geo_point(*score));
  return ok;
}

Status GeoSearch::check(Context& ctx) const {
  const bool stores = target || form_ == Form::kSearchStore;
  if (stores && (with_distance || with_hash || with_point)) {
    return Error(form_ == Form::kSearchStore
                     ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD "
                       "options"
                     : "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH "
                       "and WITHCOORD options");
  }
  const bool has_polygon = shape.kind() == GeoShape::Kind::kPolygon;
  if (is_new() && !from_member_ && !from_point_ && !has_polygon) {
    Bytes text = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
    return Error(text.append(ctx.words()[0].text));
  }
  if (is_new() && shape.kind() == GeoShape::Kind::kNone) {
    Bytes text = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
    return Error(text.append(ctx.words()[0].text));
  }
  if (any && count == 0) return Error("ERR the ANY argument requires COUNT argument");
  return ok;
}

}  // namespace memoir
