// The rows of this folder, file by file; geo_commands() puts them into one list. Each row stands
// beside its handler. And how numbers leave.
#pragma once

#include <span>

#include "datatypes/geo/geohash.h"
#include "protocol/reply_writer.h"
#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> geo_member_commands();  // GEOADD, GEOPOS, GEODIST, GEOHASH
std::span<const CommandSpec> geo_search_commands();  // GEOSEARCH, GEORADIUS and their kin

// A distance with four digits behind the point.
void reply_distance(ReplyWriter& reply, double distance);
// "[longitude, latitude]", with seventeen digits behind the point.
void reply_point(ReplyWriter& reply, const GeoPoint& point);

}  // namespace memoir
