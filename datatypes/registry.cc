#include "datatypes/registry.h"

#include <array>

namespace memoir {

std::span<const std::span<const CommandSpec> (*const)()> data_type_commands() {
  static constexpr std::array kLists{&key_commands,  &string_commands, &list_commands,
                                     &hash_commands, &set_commands,    &sorted_set_commands};
  return kLists;
}

}  // namespace memoir
