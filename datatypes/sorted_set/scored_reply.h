// How members leave with or without their scores: in RESP2 as one flat array, in RESP3 as an array
// of pairs.
#pragma once

#include <cstddef>

#include "protocol/reply_writer.h"
#include "src/base/bytes.h"

namespace memoir {

enum class WithScores : bool { kNo, kYes };

class ScoredReply {
 public:
  // Opens the array of `count` members.
  ScoredReply(ReplyWriter& reply, std::size_t count, WithScores with_scores)
      : reply_(reply),
        scores_(with_scores == WithScores::kYes),
        nested_(scores_ && reply.version() == Resp::kV3) {
    reply.array(scores_ && !nested_ ? 2 * count : count);
  }
  void operator()(ByteView member, double score) {
    if (nested_) reply_.array(2);
    reply_.bulk(member);
    if (scores_) reply_.double_value(score);
  }

 private:
  ReplyWriter& reply_;
  const bool scores_;
  const bool nested_;
};

}  // namespace memoir
