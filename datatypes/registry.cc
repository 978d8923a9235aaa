#include "datatypes/registry.h"

namespace memoir {

std::span<const CommandList> data_type_commands() {
  static constexpr CommandList kLists[] = {key_commands,  string_commands, list_commands,
                                           hash_commands, set_commands,    sorted_set_commands,
                                           bitmap_commands, hyperloglog_commands, geo_commands,
                                           sort_commands, stream_commands, serial_commands};
  return kLists;
}

}  // namespace memoir
