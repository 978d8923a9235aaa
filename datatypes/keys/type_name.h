// The names of the types, as TYPE replies them and SCAN's TYPE option takes them.
#pragma once

#include "src/store/object.h"

namespace memoir {

constexpr const char* type_name(TypeId type) {
  switch (type) {
    case TypeId::kString:
      return "string";
    case TypeId::kList:
      return "list";
    case TypeId::kSet:
      return "set";
    case TypeId::kSortedSet:
      return "zset";
    case TypeId::kHash:
      return "hash";
    case TypeId::kStream:
      return "stream";
  }
  return "unknown";
}

}  // namespace memoir
