// StreamClaims: tells the journal which pending entries a run gave to a consumer, in Redis's form:
// XCLAIM with absolute times, which gives the same result on any replay.
//
// Entries that follow each other with the same time and count share one XCLAIM.
#pragma once

#include <vector>

#include "datatypes/stream/stream_group.h"
#include "src/command/context.h"

namespace memoir {

class StreamClaims {
 public:
  enum class Why : std::uint8_t {
    kDelivered,  // XCLAIM ... FORCE: the entry becomes the consumer's, who was active
    kReread,     // without FORCE: the consumer asked for its own entries again
  };

  StreamClaims(Context& ctx, ByteView key, const StreamGroup& group,
               const StreamConsumer& consumer, Why why = Why::kDelivered)
      : ctx_(ctx), key_(key), group_(group), consumer_(consumer), why_(why) {}

  void add(StreamId id, std::int64_t time_ms, std::uint64_t count);
  // To be called at the end, when the group's last id is what it will be.
  void flush();
  bool any() const { return any_; }

 private:
  Context& ctx_;
  ByteView key_;
  const StreamGroup& group_;
  const StreamConsumer& consumer_;
  Why why_;
  bool any_{false};
  std::int64_t time_ms_{0};
  std::uint64_t count_{0};
  std::vector<StreamId> ids_;
};

// The consumer of this name. A new one is notified, journaled and counted as a change of `edit`.
template <class Edit>
StreamConsumer& consumer_of(Context& ctx, Edit& edit, ByteView key, StreamGroup& group,
                            ByteView name) {
  if (StreamConsumer* const known = group.find_consumer(name)) return *known;
  StreamConsumer& made = group.add_consumer(name, ctx.now_ms());
  edit.mark_changed(nullptr);
  ctx.db().notify(kEventStream, "xgroup-createconsumer", key);
  ctx.effects().add({"XGROUP", "CREATECONSUMER", key, group.name, name});
  return made;
}

// Tells the journal how far a group has read.
void journal_group_position(Context& ctx, ByteView key, const StreamGroup& group);

}  // namespace memoir
