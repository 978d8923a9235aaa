#include "src/base/collation.h"

#include <clocale>
#include <cstring>
#include <locale.h>

namespace memoir {

struct Collation::Locale {
  locale_t handle;
};

Collation::Collation(const char* locale) {
  const locale_t handle = ::newlocale(LC_COLLATE_MASK, locale, nullptr);
  if (handle) locale_ = std::make_unique<Locale>(Locale{handle});
}

Collation::~Collation() {
  if (locale_) ::freelocale(locale_->handle);
}

int Collation::compare(const char* a, const char* b) const {
  return locale_ ? ::strcoll_l(a, b, locale_->handle) : std::strcmp(a, b);
}

}  // namespace memoir
