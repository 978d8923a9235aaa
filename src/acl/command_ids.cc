#include "src/acl/command_ids.h"

#include "src/base/assert.h"
#include "src/base/glob.h"

namespace memoir {

void CommandIds::bind(const CommandTable& running, const Original& original) {
  ids_.clear();
  for (std::size_t i = 0; i < running.size(); ++i) {
    const CommandSpec* spec = running.row(i).spec;
    const Row* own = own_.row_of(spec);
    if (!own) own = own_.row_of(original(*spec));
    ASSERT(own);
    ids_.push_back(own->index);
  }
}

const CommandIds::Row* CommandIds::find(ByteView name) const {
  const std::size_t bar = name.find('|');
  const Row* row = own_.find(name.substr(0, bar));
  if (!row || bar == ByteView::npos) return row;
  for (const CommandSpec& sub : row->spec->subcommands) {
    if (equals_ignoring_case(sub.name, name.substr(bar + 1))) return own_.row_of(&sub);
  }
  return nullptr;
}

}  // namespace memoir
