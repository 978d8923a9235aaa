// Interlude: requests run in the midst of another one (clients served while a script goes on, or
// while a worker waits for one). The dispatcher's scratch memory, which belongs to the request that
// runs, is put aside while an Interlude lives and given back by its end; references into it stay
// valid.
#pragma once

#include <vector>

#include "src/command/dispatcher.h"

namespace memoir {

class Dispatcher::Interlude {
 public:
  explicit Interlude(Dispatcher& dispatcher);
  ~Interlude();
  Interlude(const Interlude&) = delete;
  Interlude& operator=(const Interlude&) = delete;

 private:
  Dispatcher& dispatcher_;
  const RequestParser* batch_;
  std::size_t batch_next_;
  unsigned batch_db_;
  std::vector<Prepared> prepared_;
  std::size_t prepared_at_;
  std::vector<HashedKey> hashes_;
  std::vector<HashedKey> own_hashes_;
  std::int64_t now_us_;
  std::uint64_t cycles_;
  std::uint64_t clock_cycles_;
  Changes changes_;
  Effects effects_;
  Effects nested_effects_;
  Bytes words_scratch_;
  std::vector<ByteView> pieces_;
  std::vector<KeyRef> ready_;
  std::vector<Invalidation> invalidations_;
  std::uint64_t source_;
  bool serving_;
  bool out_of_memory_;
};

}  // namespace memoir
