// InfoWriter: INFO's lines, "name:value", under titles; and the sections that fill a file of their
// own.
#pragma once

#include "src/base/log.h"
#include "src/base/bytes.h"

namespace memoir {

struct InfoSources;

class InfoWriter {
 public:
  void title(ByteView name) {
    if (!text_.empty()) text_ += "\r\n";
    text_.append("# ").append(name).append("\r\n");
  }
  template <class T>
  void add(ByteView name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
  }
  // With two decimals.
  void add_fraction(ByteView name, double value, const char* unit = "") {
    fmt::format_to(std::back_inserter(text_), "{}:{:.2f}{}\r\n", name, value, unit);
  }
  Bytes text() && { return std::move(text_); }

 private:
  Bytes text_;
};

void write_memory(const InfoSources& from, InfoWriter& to);
void write_persistence(const InfoSources& from, InfoWriter& to);
void write_stats(const InfoSources& from, InfoWriter& to);

}  // namespace memoir
