// What the commands on positions read from their words: positions, units, and all that says where a
// search looks and what becomes of what it finds.
#pragma once

#include <cstdint>
#include <optional>

#include "datatypes/geo/shape.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "src/command/context.h"

namespace memoir {

// "longitude latitude". Errors: not a number; "ERR invalid longitude,latitude pair ...".
Result<GeoPoint> read_point(Args& args);
// How many metres "m", "km", "ft" or "mi" has.
Result<double> read_unit(Args& args);

class GeoSearch {
 public:
  enum class Form : std::uint8_t {
    kRadius,           // GEORADIUS key longitude latitude radius unit ...
    kRadiusByMember,   // GEORADIUSBYMEMBER key member radius unit ...
    kSearch,           // GEOSEARCH key ...
    kSearchStore,      // GEOSEARCHSTORE destination source ...
  };
  enum class Store : std::uint8_t { kNo, kMayStore };
  enum class Order : std::uint8_t { kNone, kNearest, kFarthest };

  GeoShape shape;
  Order order = Order::kNone;
  std::int64_t count = 0;  // 0: all
  bool any = false;        // the first that are found
  bool with_distance = false;
  bool with_hash = false;
  bool with_point = false;
  std::optional<ByteView> target;  // where the result is stored
  bool stores_distance = false;

  // Reads all words behind the source's key. `source` is the set that is searched, null if there is
  // none; positions of its members are looked up in it.
  Status read(Context& ctx, Args& args, Form form, Store store, const SortedSet* source);

 private:
  Status read_old_area(Args& args);
  Status read_options(Args& args);
  Status read_option(Args& args);
  // Whether the next words are an option about where the result goes, or what area is searched;
  // `taken` says so.
  bool take_target(Args& args);
  Status take_area(Args& args, bool& taken);
  Status take_center(Args& args, bool& taken);
  Status read_circle(Args& args);
  Status read_box(Args& args);
  Status read_polygon(Args& args);
  Status set_center_to(ByteView member);
  Status check(Context& ctx) const;
  bool is_new() const { return form_ == Form::kSearch || form_ == Form::kSearchStore; }

  Form form_{Form::kSearch};
  Store store_{Store::kNo};
  const SortedSet* source_{nullptr};
  bool from_member_{false};
  bool from_point_{false};
};

}  // namespace memoir
