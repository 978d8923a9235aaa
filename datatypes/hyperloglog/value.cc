#include "datatypes/hyperloglog/value.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace memoir {
namespace {

// Sparse values grow by a byte or two again and again: they get so much room ahead.
constexpr std::size_t kSlackMax = 16;

}  // namespace

const Entry* keep_raw(Context& ctx, ByteView key, const Entry* entry) {
  if (entry->storage() != Storage::kInline) return entry;
  auto edit = ctx.db().edit_string(key, IfMissing::kNone);
  if (edit) edit->resize(edit->size(), 0);
  return ctx.db().peek(key);
}

Result<HllEdit> HllEdit::open(Context& ctx, ByteView key) {
  const std::size_t limit = ctx.replaying() ? std::numeric_limits<std::size_t>::max()
                                            : ctx.limits().hll_sparse_bytes;
  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  HllEdit hll(*std::move(edit), key, limit);
  if (hll.edit_.created()) {
    hll::write_empty(hll.edit_.resize(hll::kEmptySparseBytes, 0));
    return hll;
  }
  char scratch[kIntegerCharsMax];
  const ByteView value = hll.edit_.view(scratch);
  if (!hll::is_hyperloglog(value)) return Error(kNotHll);
  hll.encoding_ = hll::encoding_of(value);
  hll.edit_.resize(value.size(), 0);
  return hll;
}

HllEdit::Raised HllEdit::raise(const hll::Sample& sample, hll::SparseHint& hint) {
  if (encoding_ == hll::Encoding::kSparse) return raise_sparse(sample, hint);
  char* const value = edit_.resize(hll::kDenseBytes, 0);
  return hll::raise_dense(value, sample) ? Raised::kYes : Raised::kNo;
}

HllEdit::Raised HllEdit::raise_sparse(const hll::Sample& sample, hll::SparseHint& hint) {
  using Outcome = hll::Patch::Outcome;
  char scratch[kIntegerCharsMax];
  const ByteView value = edit_.view(scratch);
  const hll::Patch patch = hll::plan_raise(value, sample, hint);
  if (patch.outcome == Outcome::kNothing) return Raised::kNo;
  if (patch.outcome == Outcome::kCorrupt) return Raised::kCorrupt;
  const std::size_t size = value.size();
  const bool too_long = patch.growth() > 0 && size + patch.growth() > sparse_bytes_max_;
  if (patch.outcome == Outcome::kPromote || too_long) {
    if (!make_dense()) return Raised::kCorrupt;
    promoted_ = true;
    return raise(sample, hint);
  }
  const std::size_t room = size + patch.growth();
  char* const bytes = edit_.resize(room, std::min(room, kSlackMax));
  edit_.resize(hll::apply(patch, bytes, size), 0);
  return Raised::kYes;
}

bool HllEdit::make_dense() {
  char scratch[kIntegerCharsMax];
  std::vector<char> dense(hll::kDenseBytes);
  if (!hll::to_dense(edit_.view(scratch), dense.data())) return false;
  std::memcpy(edit_.resize(hll::kDenseBytes, 0), dense.data(), dense.size());
  encoding_ = hll::Encoding::kDense;
  return true;
}

void HllEdit::write_registers(const hll::Registers& registers) {
  hll::write_dense(registers, edit_.resize(hll::kDenseBytes, 0));
}

void HllEdit::invalidate_estimate() {
  hll::invalidate_estimate(edit_.resize(edit_.size(), 0));
}

void HllEdit::add_to_journal(Context& ctx, bool succeeded) {
  if (!succeeded) {
    char scratch[kIntegerCharsMax];
    ctx.effects().add({"SET", key_, edit_.view(scratch), "KEEPTTL"});
    return;
  }
  if (!promoted_) return;
  std::vector<ByteView> words;
  for (const Word& word : ctx.words()) words.push_back(word.text);
  ctx.effects().add(words);
  ctx.effects().add({"PFDEBUG", "TODENSE", key_});
}

}  // namespace memoir
