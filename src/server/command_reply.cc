#include "src/server/command_reply.h"

#include <algorithm>
#include <climits>

#include "src/acl/acl_categories.h"
#include "src/server/command_docs.h"

namespace memoir {

namespace {

struct FlagName {
  std::uint32_t flag;
  const char* name;
};
constexpr FlagName kFlagNames[] = {
    {kDenyOom, "denyoom"},          {kAdmin, "admin"},
    {kPubSub, "pubsub"},            {kNoScript, "noscript"},
    {kBlocking, "blocking"},        {kLoading, "loading"},
    {kStale, "stale"},              {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_slowlog"}, {kFast, "fast"},
    {kNoAuth, "no_auth"},           {kNoMandatoryKeys, "no_mandatory_keys"},
    {kNoAsyncLoading, "no_async_loading"}, {kNoMulti, "no_multi"},
    {kAsking, "asking"},
};
constexpr FlagName kKeyFlagNames[] = {
    {kKeyRO, "RO"},         {kKeyRW, "RW"},           {kKeyOW, "OW"},
    {kKeyRM, "RM"},         {kKeyAccess, "access"},   {kKeyUpdate, "update"},
    {kKeyInsert, "insert"}, {kKeyDelete, "delete"},   {kKeyNot, "not_key"},
    {kKeyIncomplete, "incomplete"}, {kKeyVariable, "variable_flags"},
};
constexpr const char* kGroupNames[] = {
    "generic", "string", "list",      "set",         "sorted-set", "hash", "pubsub", "transactions",
    "connection", "server", "scripting", "hyperloglog", "cluster", "geo", "stream", "bitmap",
    "sentinel", "module",
};

template <class Names>
void write_set(const Names& names, ReplyWriter& reply) {
  reply.set(names.size());
  for (const auto& name : names) reply.simple(name);
}

std::vector<ByteView> split(ByteView list) {
  std::vector<ByteView> parts;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    parts.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parts;
}

void write_field(ReplyWriter& reply, ByteView name, ByteView value) {
  reply.bulk(name);
  reply.bulk(value);
}

void write_unknown(ByteView field, ReplyWriter& reply) {
  reply.bulk(field);
  reply.map(2);
  write_field(reply, "type", "unknown");
  reply.bulk("spec");
  reply.map(0);
}

void write_begin_search(const KeySpec& keys, ReplyWriter& reply) {
  const bool keyword = keys.kind == KeySpec::Kind::kKeyword;
  reply.bulk("begin_search");
  reply.map(2);
  write_field(reply, "type", keyword ? "keyword" : "index");
  reply.bulk("spec");
  reply.map(keyword ? 2 : 1);
  if (keyword) write_field(reply, "keyword", keys.keyword);
  reply.bulk(keyword ? "startfrom" : "index");
  reply.integer(keys.first);
}

void write_find_keys(const KeySpec& keys, ReplyWriter& reply) {
  const bool counted = keys.kind == KeySpec::Kind::kCount;
  // Redis counts a range's last key from its first; a keyword's is so already.
  const bool from_start = keys.kind == KeySpec::Kind::kRange && keys.last >= 0;
  const int last = from_start ? keys.last - keys.first : keys.last;
  reply.bulk("find_keys");
  reply.map(2);
  write_field(reply, "type", counted ? "keynum" : "range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk(counted ? "keynumidx" : "lastkey");
  reply.integer(counted ? 0 : last);
  reply.bulk(counted ? "firstkey" : "keystep");
  reply.integer(counted ? 1 : keys.step);
  reply.bulk(counted ? "keystep" : "limit");
  reply.integer(counted ? keys.step : keys.limit);
}

void write_key_specs(const CommandSpec& spec, ReplyWriter& reply) {
  const auto count = std::ranges::count_if(
      spec.keys, [](const KeySpec& keys) { return keys.kind != KeySpec::Kind::kNone; });
  reply.set(static_cast<std::size_t>(count));
  for (const KeySpec& keys : spec.keys) {
    if (keys.kind == KeySpec::Kind::kNone) continue;
    reply.map(3);
    reply.bulk("flags");
    write_set(key_flag_names(keys.flags), reply);
    if (keys.kind == KeySpec::Kind::kUnknown) {
      write_unknown("begin_search", reply);
      write_unknown("find_keys", reply);
      continue;
    }
    write_begin_search(keys, reply);
    write_find_keys(keys, reply);
  }
}

void write_categories(const CommandSpec& spec, ReplyWriter& reply) {
  const std::uint32_t categories = acl_categories(spec);
  std::vector<Bytes> names;
  for (const AclCategoryName& each : acl_category_names()) {
    if (categories & each.category) names.push_back(Bytes("@") + each.name);
  }
  write_set(names, reply);
}

void write_arguments(const std::vector<Argument>& arguments, ReplyWriter& reply);

void write_argument(const Argument& argument, ReplyWriter& reply) {
  const bool leaf = argument.parts.empty();
  std::vector<const char*> flags;
  if (argument.optional) flags.push_back("optional");
  if (argument.multiple) flags.push_back("multiple");
  if (argument.multiple_token) flags.push_back("multiple_token");
  // redis-cli's help takes it for granted that every leaf has a display_text.
  reply.map(2U + (leaf ? 1U : 0U) + (argument.key_spec >= 0 ? 1U : 0U) +
            (argument.token.empty() ? 0U : 1U) + (flags.empty() ? 0U : 1U) + (leaf ? 0U : 1U));
  write_field(reply, "name", argument.name);
  write_field(reply, "type", argument_type_name(argument.type));
  if (leaf) write_field(reply, "display_text", argument.name);
  if (argument.key_spec >= 0) {
    reply.bulk("key_spec_index");
    reply.integer(argument.key_spec);
  }
  if (!argument.token.empty()) write_field(reply, "token", argument.token);
  if (!flags.empty()) {
    reply.bulk("flags");
    write_set(flags, reply);
  }
  if (!leaf) {
    reply.bulk("arguments");
    write_arguments(argument.parts, reply);
  }
}

void write_arguments(const std::vector<Argument>& arguments, ReplyWriter& reply) {
  reply.array(arguments.size());
  for (const Argument& argument : arguments) write_argument(argument, reply);
}

// A row's `deprecated`: "6.2.0 `LMOVE` ...".
void write_deprecation(ByteView deprecated, ReplyWriter& reply) {
  const std::size_t blank = std::min(deprecated.find(' '), deprecated.size());
  reply.bulk("doc_flags");
  write_set(std::vector<const char*>{"deprecated"}, reply);
  write_field(reply, "deprecated_since", deprecated.substr(0, blank));
  write_field(reply, "replaced_by", deprecated.substr(std::min(blank + 1, deprecated.size())));
}

}  // namespace

std::vector<const char*> key_flag_names(unsigned flags) {
  std::vector<const char*> names;
  for (const FlagName& each : kKeyFlagNames) {
    if (flags & each.flag) names.push_back(each.name);
  }
  return names;
}

std::vector<const char*> command_flag_names(const CommandSpec& spec) {
  std::vector<const char*> names;
  if (spec.access == Access::kWrite) names.push_back("write");
  if (spec.access == Access::kRead) names.push_back("readonly");
  for (const FlagName& each : kFlagNames) {
    if (spec.flags & each.flag) names.push_back(each.name);
  }
  if (legacy_range(spec).movable) names.push_back("movablekeys");
  if (spec.has(kAllowBusy)) names.push_back("allow_busy");
  return names;
}

LegacyRange legacy_range(const CommandSpec& spec) {
  LegacyRange range;
  const auto none = [](const KeySpec& keys) { return keys.kind == KeySpec::Kind::kNone; };
  if (none(spec.keys[0])) return range;
  const bool incomplete = std::ranges::any_of(
      spec.keys, [](const KeySpec& keys) { return (keys.flags & kKeyIncomplete) != 0; });
  if (none(spec.keys[1]) && spec.keys[0].kind == KeySpec::Kind::kRange) {
    return {spec.keys[0].first, spec.keys[0].last, spec.keys[0].step, incomplete};
  }
  // Several specs: only plain ranges that follow each other can be told as one.
  for (const KeySpec& keys : spec.keys) {
    if (none(keys)) continue;
    const bool follows = range.step == 0 || range.last == keys.first - 1;
    if (keys.kind != KeySpec::Kind::kRange || keys.step != 1 || !follows) {
      range.movable = true;
      continue;
    }
    if (range.step == 0) range.first = keys.first;
    range.last = keys.last;
    range.step = 1;
  }
  range.movable = range.movable || incomplete;
  return range;
}

void write_command_info(const CommandTable& commands, const CommandTable::Row& row,
                        ReplyWriter& reply) {
  const CommandSpec& spec = *row.spec;
  const LegacyRange range = legacy_range(spec);
  reply.array(10);
  reply.bulk(CommandTable::full_name(row));
  reply.integer(spec.arity.redis_form());
  write_set(command_flag_names(spec), reply);
  reply.integer(range.first);
  reply.integer(range.last);
  reply.integer(range.step);
  write_categories(spec, reply);
  const std::vector<ByteView> tips = split(spec.tips);
  reply.set(tips.size());
  for (const ByteView tip : tips) reply.bulk(tip);
  write_key_specs(spec, reply);
  if (spec.subcommands.empty()) return reply.set(0);
  reply.array(spec.subcommands.size());
  for (const CommandSpec& sub : spec.subcommands) {
    write_command_info(commands, *commands.row_of(&sub), reply);
  }
}

void write_command_docs(const CommandTable& commands, const CommandTable::Row& row,
                        ReplyWriter& reply) {
  const CommandSpec& spec = *row.spec;
  const ByteView deprecated = spec.deprecated;
  const std::vector<Argument> arguments = parse_syntax(spec);
  reply.map(4U + (deprecated.empty() ? 0U : 3U) + (arguments.empty() ? 0U : 1U) +
            (spec.subcommands.empty() ? 0U : 1U));
  write_field(reply, "summary", spec.summary);
  write_field(reply, "since", spec.since);
  write_field(reply, "group", kGroupNames[static_cast<std::size_t>(spec.group)]);
  write_field(reply, "complexity", spec.complexity);
  if (!deprecated.empty()) write_deprecation(deprecated, reply);
  if (!arguments.empty()) {
    reply.bulk("arguments");
    write_arguments(arguments, reply);
  }
  if (spec.subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(spec.subcommands.size());
  for (const CommandSpec& sub : spec.subcommands) {
    const CommandTable::Row& each = *commands.row_of(&sub);
    reply.bulk(CommandTable::full_name(each));
    write_command_docs(commands, each, reply);
  }
}

}  // namespace memoir
