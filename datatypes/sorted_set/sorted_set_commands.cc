#include <vector>

#include "datatypes/registry.h"
#include "datatypes/sorted_set/rows.h"

namespace memoir {

std::span<const CommandSpec> sorted_set_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {sorted_set_member_commands(), sorted_set_range_commands(),
                            sorted_set_count_commands(), sorted_set_pop_commands(),
                            sorted_set_random_commands(), sorted_set_algebra_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
