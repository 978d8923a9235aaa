// How rules change a selector. The order and the mistakes are Redis's, so that a text means the
// same rights here and there.
#include <algorithm>
#include <cctype>

#include "src/acl/acl_categories.h"
#include "src/acl/acl_rules.h"
#include "src/acl/selector.h"
#include "src/base/glob.h"
#include "src/base/log.h"

namespace memoir {
namespace {

// Whether `rule` ("+config|get", "-get") is one on `name` or on a subcommand of it.
bool concerns(ByteView rule, ByteView name) {
  rule.remove_prefix(1);
  return rule.starts_with(name) && (rule.size() == name.size() || rule[name.size()] == '|');
}

}  // namespace

const char* rule_error_text(RuleError error) {
  switch (error) {
    case RuleError::kUnknown:
      return "Unknown command or category name in ACL";
    case RuleError::kSyntax:
      return "Syntax error";
    case RuleError::kAfterAllKeys:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
             "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    case RuleError::kAfterAllChannels:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
             "does not have any effect. Try 'resetchannels' to start with an empty list of "
             "channels";
    case RuleError::kNoSuchPassword:
      return "The password you are trying to remove from the user does not exist";
    case RuleError::kBadHash:
      return "The password hash must be exactly 64 characters and contain only lowercase "
             "hexadecimal characters";
    case RuleError::kFirstArgument:
      return "Allowing first-arg of a subcommand is not supported";
    case RuleError::kNone:
      break;
  }
  return "Wrong format";
}

RuleError Selector::apply(ByteView rule) {
  const auto is = [rule](ByteView word) { return equals_ignoring_case(rule, word); };
  if (is("allkeys") || is("~*") || is("resetkeys")) {
    all_keys_ = !is("resetkeys");
    keys_.clear();
    return RuleError::kNone;
  }
  if (is("allchannels") || is("&*") || is("resetchannels")) {
    all_channels_ = !is("resetchannels");
    channels_.clear();
    return RuleError::kNone;
  }
  if (is("allcommands") || is("+@all")) return set_all(true), RuleError::kNone;
  if (is("nocommands") || is("-@all")) return set_all(false), RuleError::kNone;
  const char sign = rule.empty() ? '\0' : rule[0];
  if (sign == '~' || sign == '%') return add_key_pattern(rule);
  if (sign == '&') return add_channel_pattern(rule.substr(1));
  if (sign != '+' && sign != '-') return RuleError::kSyntax;
  const ByteView name = rule.substr(1);
  if (name.starts_with('@')) return set_category(name, sign == '+');
  return sign == '+' ? add_command(name) : remove_command(name);
}

// --- commands ------------------------------------------------------------------------------------

void Selector::set_bit(std::uint32_t id, bool on) {
  const std::uint64_t mask = std::uint64_t{1} << (id % 64);
  if (on) {
    allowed_[id / 64] |= mask;
  } else {
    allowed_[id / 64] &= ~mask;
    all_commands_ = false;
  }
}

void Selector::set_all(bool on) {
  std::ranges::fill(allowed_, on ? ~std::uint64_t{0} : 0);
  all_commands_ = future_commands_ = on;
  rules_.clear();
  first_arguments_.clear();
}

// A container's right is that of all its subcommands.
void Selector::set_command(const CommandIds::Row& row, bool on) {
  set_bit(row.index, on);
  first_arguments_.erase(row.index);
  for (const CommandSpec& sub : row.spec->subcommands) set_bit(ids_->id_of_subcommand(sub), on);
}

// Earlier rules on the same name, or on its subcommands, say nothing any more.
void Selector::keep_rule(bool allow, ByteView name) {
  const Bytes lower = to_lower(name);
  std::erase_if(rules_, [&](const Bytes& rule) { return concerns(rule, lower); });
  rules_.push_back((allow ? "+" : "-") + lower);
}

RuleError Selector::add_command(ByteView name) {
  const std::size_t bar = name.rfind('|');
  const CommandIds::Row* row = ids_->find(name);
  if (bar != ByteView::npos && (!row || !row->parent)) return add_first_argument(name, bar);
  if (!row) return RuleError::kUnknown;
  set_command(*row, true);
  keep_rule(true, CommandTable::full_name(*row));
  return RuleError::kNone;
}

// "select|0": where there are no subcommands, a first argument.
RuleError Selector::add_first_argument(ByteView rule, std::size_t bar) {
  const CommandIds::Row* row = ids_->find(rule.substr(0, bar));
  const ByteView argument = rule.substr(bar + 1);
  if (!row) return RuleError::kUnknown;
  if (row->parent) return RuleError::kFirstArgument;
  if (argument.empty()) return RuleError::kSyntax;
  if (!row->spec->subcommands.empty()) return RuleError::kUnknown;
  log_warning("Deprecation warning: Allowing a first arg of an otherwise blocked command is a "
              "misuse of ACL and may get disabled in the future (offender: +{})", rule);
  auto& arguments = first_arguments_[row->index];
  const bool known = std::ranges::any_of(
      arguments, [&](const Bytes& each) { return equals_ignoring_case(each, argument); });
  if (!known) arguments.emplace_back(argument);
  keep_rule(true, rule);
  return RuleError::kNone;
}

RuleError Selector::remove_command(ByteView name) {
  const CommandIds::Row* row = ids_->find(name);
  if (!row) return RuleError::kUnknown;
  set_command(*row, false);
  keep_rule(false, CommandTable::full_name(*row));
  return RuleError::kNone;
}

RuleError Selector::set_category(ByteView name, bool on) {
  const std::uint32_t category = acl_category(name.substr(1));
  if (category == 0) return RuleError::kUnknown;
  keep_rule(on, name);
  for (const std::uint32_t id : ids_->commands()) {
    const CommandIds::Row& row = ids_->row(id);
    if (acl_categories(*row.spec) & category) set_command(row, on);
    for (const CommandSpec& sub : row.spec->subcommands) {
      if (acl_categories(sub) & category) set_bit(ids_->id_of_subcommand(sub), on);
    }
  }
  return RuleError::kNone;
}

// --- keys and channels ---------------------------------------------------------------------------

RuleError Selector::add_key_pattern(ByteView rule) {
  if (all_keys_) return RuleError::kAfterAllKeys;
  std::uint8_t access = rule[0] == '~' ? kReadWriteKeys : 0;
  std::size_t at = 1;
  for (; rule[0] == '%' && at < rule.size(); ++at) {
    const char letter = rule[at];
    const std::uint8_t bit = letter == 'R' || letter == 'r'   ? kReadKeys
                             : letter == 'W' || letter == 'w' ? kWriteKeys
                                                              : 0;
    if (letter == '~' && access) {
      ++at;
      break;
    }
    if (!bit || (access & bit)) return RuleError::kSyntax;
    access |= bit;
  }
  if (has_blanks(rule.substr(at))) return RuleError::kSyntax;
  const Bytes pattern(rule.substr(at));
  const auto known = std::ranges::find(keys_, pattern, &KeyGrant::pattern);
  if (known != keys_.end()) {
    known->access |= access;
  } else {
    keys_.push_back({pattern, access});
  }
  return RuleError::kNone;
}

RuleError Selector::add_channel_pattern(ByteView pattern) {
  if (all_channels_) return RuleError::kAfterAllChannels;
  if (has_blanks(pattern)) return RuleError::kSyntax;
  if (std::ranges::find(channels_, pattern) == channels_.end()) channels_.emplace_back(pattern);
  return RuleError::kNone;
}

}  // namespace memoir
