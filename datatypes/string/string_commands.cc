#include <vector>

#include "datatypes/registry.h"
#include "datatypes/string/rows.h"

namespace memoir {

std::span<const CommandSpec> string_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {string_write_commands(), string_read_commands(),
                            string_change_commands(), lcs_commands(),
                            string_compare_commands(), msetex_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
