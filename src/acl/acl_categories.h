// ACL categories of commands, derived from their rows.
#pragma once

#include <cstdint>
#include <span>

#include "src/command/spec.h"

namespace memoir {

enum AclCategory : std::uint32_t {
  kAclKeyspace = 1U << 0,
  kAclRead = 1U << 1,
  kAclWrite = 1U << 2,
  kAclSet = 1U << 3,
  kAclSortedSet = 1U << 4,
  kAclList = 1U << 5,
  kAclHash = 1U << 6,
  kAclString = 1U << 7,
  kAclBitmap = 1U << 8,
  kAclHyperLogLog = 1U << 9,
  kAclGeo = 1U << 10,
  kAclStream = 1U << 11,
  kAclPubSub = 1U << 12,
  kAclAdmin = 1U << 13,
  kAclFast = 1U << 14,
  kAclSlow = 1U << 15,
  kAclBlocking = 1U << 16,
  kAclDangerous = 1U << 17,
  kAclConnection = 1U << 18,
  kAclTransaction = 1U << 19,
  kAclScripting = 1U << 20,
};

struct AclCategoryName {
  const char* name;
  std::uint32_t category;
};
// All categories, in the order in which Redis lists them.
std::span<const AclCategoryName> acl_category_names();
// AclCategory bits of a command: by its group, its access and its flags.
std::uint32_t acl_categories(const CommandSpec& spec);
// The category of a name without '@', in any case; 0 if there is none.
std::uint32_t acl_category(ByteView name);

}  // namespace memoir
