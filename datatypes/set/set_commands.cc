#include <vector>

#include "datatypes/registry.h"
#include "datatypes/set/rows.h"

namespace memoir {

std::span<const CommandSpec> set_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part :
         {set_member_commands(), set_random_commands(), set_algebra_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
