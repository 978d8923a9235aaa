// HllEdit: a HyperLogLog that is being changed, in the string that holds it.
//
// It keeps the value sparse while it may be, and notes what the journal needs to know: a value that
// became dense because it was too long for the sparse form's limit does so on replay by a request
// of its own, whatever the limit is then (see add_to_journal()).
#pragma once

#include <cstdint>
#include <utility>

#include "datatypes/hyperloglog/hyperloglog.h"
#include "datatypes/hyperloglog/sparse.h"
#include "src/command/context.h"

namespace memoir {

inline constexpr std::string_view kCorruptHll = "INVALIDOBJ Corrupted HLL object detected";
inline constexpr std::string_view kNotHll =
    "WRONGTYPE Key is not a valid HyperLogLog string value.";

// Whoever looks into a value keeps it as raw bytes from then on, as in Redis; no change. Returns
// where it is then.
const Entry* keep_raw(Context& ctx, ByteView key, const Entry* entry);

class HllEdit {
 public:
  enum class Raised : std::uint8_t { kNo, kYes, kCorrupt };

  // The value of `key`, created empty if missing. Errors: WRONGTYPE.
  static Result<HllEdit> open(Context& ctx, ByteView key);

  bool created() const { return edit_.created(); }
  hll::Encoding encoding() const { return encoding_; }
  // Raises a register.
  Raised raise(const hll::Sample& sample) {
    hll::SparseHint hint;
    return raise(sample, hint);
  }
  // The same for samples in ascending order, which share a hint.
  Raised raise(const hll::Sample& sample, hll::SparseHint& hint);
  // False if the sparse form is corrupted; the value is then as it was.
  bool make_dense();
  // Sets all registers of a dense value.
  void write_registers(const hll::Registers& registers);
  void invalidate_estimate();

  // Tells the journal what was done by the request, unless its own words are enough. `changed`
  // false: it failed half-way, and what it did so far is told as the value that came of it.
  void add_to_journal(Context& ctx, bool succeeded);
  void mark_changed(const char* event) { edit_.mark_changed(event); }

 private:
  HllEdit(StringEdit edit, ByteView key, std::size_t sparse_bytes_max)
      : edit_(std::move(edit)), key_(key), sparse_bytes_max_(sparse_bytes_max) {}

  Raised raise_sparse(const hll::Sample& sample, hll::SparseHint& hint);

  StringEdit edit_;
  ByteView key_;
  std::size_t sparse_bytes_max_;
  hll::Encoding encoding_{hll::Encoding::kSparse};
  bool promoted_{false};
};

}  // namespace memoir
