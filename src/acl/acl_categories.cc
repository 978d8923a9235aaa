#include "src/acl/acl_categories.h"

#include "src/base/glob.h"

namespace memoir {

namespace {

constexpr AclCategoryName kNames[] = {
    {"keyspace", kAclKeyspace},       {"read", kAclRead},
    {"write", kAclWrite},             {"set", kAclSet},
    {"sortedset", kAclSortedSet},     {"list", kAclList},
    {"hash", kAclHash},               {"string", kAclString},
    {"bitmap", kAclBitmap},           {"hyperloglog", kAclHyperLogLog},
    {"geo", kAclGeo},                 {"stream", kAclStream},
    {"pubsub", kAclPubSub},           {"admin", kAclAdmin},
    {"fast", kAclFast},               {"slow", kAclSlow},
    {"blocking", kAclBlocking},       {"dangerous", kAclDangerous},
    {"connection", kAclConnection},   {"transaction", kAclTransaction},
    {"scripting", kAclScripting},
};

std::uint32_t category_of(Group group) {
  switch (group) {
    case Group::kGeneric: return kAclKeyspace;
    case Group::kString: return kAclString;
    case Group::kList: return kAclList;
    case Group::kSet: return kAclSet;
    case Group::kSortedSet: return kAclSortedSet;
    case Group::kHash: return kAclHash;
    case Group::kTransactions: return kAclTransaction;
    case Group::kConnection: return kAclConnection;
    case Group::kScripting: return kAclScripting;
    case Group::kHyperLogLog: return kAclHyperLogLog;
    case Group::kGeo: return kAclGeo;
    case Group::kStream: return kAclStream;
    case Group::kBitmap: return kAclBitmap;
    case Group::kPubSub:  // the flag says which of them
    case Group::kServer:
    case Group::kCluster:
    case Group::kSentinel:
    case Group::kModule: return 0;
  }
  return 0;
}

}  // namespace

std::span<const AclCategoryName> acl_category_names() { return kNames; }

std::uint32_t acl_categories(const CommandSpec& spec) {
  std::uint32_t categories = category_of(spec.group);
  // A container's group says nothing: only what its subcommands do counts.
  if (!spec.subcommands.empty() && !spec.run) categories = 0;
  // WAIT and its kin concern the connection, not keys.
  if (spec.group == Group::kGeneric && spec.has(kConnection)) categories = 0;
  if (spec.has(kCollectionsCategory)) categories = kAclSet | kAclSortedSet | kAclList;
  if (spec.has(kKeyspaceCategory)) categories |= kAclKeyspace;
  if (spec.has(kConnection)) categories |= kAclConnection;
  if (spec.access == Access::kWrite) categories |= kAclWrite;
  // What a script reads is the script's matter.
  if (spec.access == Access::kRead && !(categories & kAclScripting)) categories |= kAclRead;
  if (spec.has(kAdmin) || spec.has(kAdminCategory)) categories |= kAclAdmin | kAclDangerous;
  if (spec.has(kDangerous)) categories |= kAclDangerous;
  if (spec.has(kPubSub)) categories |= kAclPubSub;
  if (spec.has(kBlocking)) categories |= kAclBlocking;
  return categories | (spec.has(kFast) ? kAclFast : kAclSlow);
}

std::uint32_t acl_category(ByteView name) {
  for (const AclCategoryName& each : kNames) {
    if (equals_ignoring_case(name, each.name)) return each.category;
  }
  return 0;
}

}  // namespace memoir
