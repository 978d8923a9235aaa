// Collation: the order of texts in a locale, for SORT ALPHA.
//
// A locale of its own, so that nothing depends on the process's. Immutable; may be shared between
// threads.
#pragma once

#include <memory>

namespace memoir {

class Collation {
 public:
  // A name that the C library knows ("C", "de_DE.UTF-8"); "" is the environment's. An unknown one
  // gives byte order.
  explicit Collation(const char* locale);
  ~Collation();
  Collation(const Collation&) = delete;
  Collation& operator=(const Collation&) = delete;

  // Below, equal or above 0, as strcoll().
  int compare(const char* a, const char* b) const;

 private:
  struct Locale;
  std::unique_ptr<Locale> locale_;
};

}  // namespace memoir
