// Up to what size collections keep their compact encodings: the directives
// hash-max-listpack-entries and their like. Read by values when they grow; changed by CONFIG SET
// while all stripes are locked.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memoir {

struct EncodingLimits {
  std::size_t hash_listpack_entries = 128;
  std::size_t hash_listpack_value = 64;
  std::size_t set_intset_entries = 512;
  std::size_t set_listpack_entries = 128;
  std::size_t set_listpack_value = 64;
  std::size_t zset_listpack_entries = 128;
  std::size_t zset_listpack_value = 64;
  std::size_t hll_sparse_bytes = 3000;
  int list_listpack_size = -2;  // > 0: elements a node; -1 .. -5: 4, 8, 16, 32, 64 KB a node
  int list_compress_depth = 0;
  std::size_t stream_node_bytes = 4096;   // 0: no limit
  std::int64_t stream_node_entries = 100;  // 0: no limit
  // DEBUG QUICKLIST-PACKED-THRESHOLD: elements of this size get a node of their own. 0: the
  // default.
  std::size_t list_packed_threshold = 0;
};

}  // namespace memoir
