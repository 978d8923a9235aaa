// Payloads for tests: values of every type and encoding, and the forms that only old servers wrote.
#pragma once

#include <functional>
#include <random>
#include <vector>

#include "datatypes/encoding/intset.h"
#include "datatypes/encoding/listpack.h"
#include "datatypes/hash/hash.h"
#include "datatypes/list/list.h"
#include "datatypes/serial/values.h"
#include "datatypes/set/set.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "datatypes/stream/stream.h"
#include "src/base/crc64.h"

namespace memoir::payloads {

// A payload of this type and body, with a sound footer.
inline Bytes sealed(RdbType type, ByteView body) {
  RdbWriter out(RdbCompression::kNo);
  out.type(type);
  out.raw(body);
  out.fixed<std::uint16_t>(9);
  out.fixed(out.checksum());
  return out.take();
}
// The same payload with a sound checksum again.
inline void mend(Bytes& payload) {
  store(payload.data() + payload.size() - 8,
        crc64(0, ByteView(payload).substr(0, payload.size() - 8)));
}

inline Bytes body(const std::function<void(RdbWriter&)>& write) {
  RdbWriter out(RdbCompression::kNo);
  write(out);
  return out.take();
}
inline Bytes string_body(ByteView text) {
  return body([&](RdbWriter& out) { out.string(text); });
}

inline void append_old_size(Bytes& out, std::size_t size) {
  if (size < 254) {
    out.push_back(static_cast<char>(size));
  } else {
    out.push_back('\xfe');
    append_fixed(out, static_cast<std::uint32_t>(size));
  }
}

inline Bytes ziplist_entry(ByteView text) {
  Bytes entry;
  const auto integer = parse_integer(text);
  if (integer && *integer >= 0 && *integer <= 12) {
    entry.push_back(static_cast<char>(0xf1 + *integer));
  } else if (integer && *integer == static_cast<std::int8_t>(*integer)) {
    entry.push_back('\xfe');
    append_fixed(entry, static_cast<std::int8_t>(*integer));
  } else if (integer && *integer == static_cast<std::int16_t>(*integer)) {
    entry.push_back('\xc0');
    append_fixed(entry, static_cast<std::int16_t>(*integer));
  } else if (integer && *integer >= -(1 << 23) && *integer < (1 << 23)) {
    entry.push_back('\xf0');
    entry.append(reinterpret_cast<const char*>(&*integer), 3);
  } else if (integer && *integer == static_cast<std::int32_t>(*integer)) {
    entry.push_back('\xd0');
    append_fixed(entry, static_cast<std::int32_t>(*integer));
  } else if (integer) {
    entry.push_back('\xe0');
    append_fixed(entry, *integer);
  } else {
    if (text.size() < 64) {
      entry.push_back(static_cast<char>(text.size()));
    } else if (text.size() < 16384) {
      entry.push_back(static_cast<char>(0x40 | (text.size() >> 8)));
      entry.push_back(static_cast<char>(text.size()));
    } else {
      entry.push_back('\x80');
      append_fixed(entry, __builtin_bswap32(static_cast<std::uint32_t>(text.size())));
    }
    entry.append(text);
  }
  return entry;
}

inline Bytes ziplist(const std::vector<Bytes>& elements) {
  Bytes out(10, '\0');
  std::size_t last = 10;
  std::size_t before = 0;
  for (const Bytes& element : elements) {
    last = out.size();
    append_old_size(out, before);
    out += ziplist_entry(element);
    before = out.size() - last;
  }
  out.push_back('\xff');
  store(out.data(), static_cast<std::uint32_t>(out.size()));
  store(out.data() + 4, static_cast<std::uint32_t>(last));
  store(out.data() + 8, static_cast<std::uint16_t>(elements.size()));
  return out;
}

inline Bytes zipmap(const std::vector<Bytes>& pairs) {
  Bytes out(1, static_cast<char>(pairs.size() / 2));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    append_old_size(out, pairs[i].size());
    if (i % 2 == 1) out.push_back('\x02');
    out += pairs[i];
    if (i % 2 == 1) out.append(2, '?');
  }
  out.push_back('\xff');
  return out;
}

inline Bytes listpack_of(const std::vector<Bytes>& elements) {
  Listpack pack;
  for (const Bytes& element : elements) pack.append(ByteView(element));
  return Bytes(pack.bytes());
}

inline Bytes intset_of(const std::vector<std::int64_t>& elements) {
  Intset set;
  for (const std::int64_t element : elements) set.add(element);
  return Bytes(set.bytes());
}

struct Sample {
  const char* name;
  Bytes payload;
};

// Collects sound payloads, each type and form at least once.
class Samples {
 public:
  Samples() {
    add_strings();
    add_lists();
    add_sets();
    add_sorted_sets();
    add_hashes();
    add_hashes_with_times();
    add_members_with_times();
    add_streams();
  }
  std::vector<Sample> all;

 private:
  void add(const char* name, RdbType type, const Bytes& value) {
    all.push_back({name, sealed(type, value)});
  }
  static Bytes counted(const std::vector<Bytes>& elements, std::size_t words_each) {
    return body([&](RdbWriter& out) {
      out.length(elements.size() / words_each);
      for (const Bytes& element : elements) out.string(element);
    });
  }

  void add_strings() {
    add("string", RdbType::kString, string_body("hello"));
    add("integer", RdbType::kString, string_body("-70000"));
    RdbWriter packed(RdbCompression::kYes);
    packed.string(Bytes(300, 'q') + "tail");
    add("packed string", RdbType::kString, packed.take());
  }

  void add_lists() {
    add("list", RdbType::kList, counted(mixed_, 1));
    add("list of a ziplist", RdbType::kListZiplist, string_body(ziplist(mixed_)));
    add("list of ziplists", RdbType::kListQuicklist, body([&](RdbWriter& out) {
          out.length(3);
          out.string(ziplist(mixed_));
          out.string(ziplist({}));
          out.string(ziplist({Bytes(300, 'l'), "1", Bytes(17000, 'm'), "2"}));
        }));
    add("list of nodes", RdbType::kListQuicklist2, body([&](RdbWriter& out) {
          out.length(3);
          out.length(2);
          out.string(listpack_of(mixed_));
          out.length(1);
          out.string(Bytes(9000, 'p'));
          out.length(2);
          out.string(listpack_of({"end"}));
        }));
  }

  void add_sets() {
    add("set", RdbType::kSet, counted(mixed_, 1));
    add("set of integers", RdbType::kSet, counted({"3", "1", "2", "70000"}, 1));
    add("intset", RdbType::kSetIntset, string_body(intset_of({-70000, -1, 0, 3, 5})));
    add("set of a listpack", RdbType::kSetListpack, string_body(listpack_of(mixed_)));
  }

  void add_sorted_sets() {
    add("sorted set, text", RdbType::kSortedSet, body([](RdbWriter& out) {
          out.length(3);
          for (const char* member : {"x", "y", "5"}) {
            out.string(member);
            out.byte(3);
            out.raw("1.5");
          }
        }));
    add("sorted set, binary", RdbType::kSortedSet2, body([](RdbWriter& out) {
          out.length(3);
          double score = 3;
          for (const char* member : {"x", "y", "5"}) {
            out.string(member);
            out.double_value(score -= 1.25);
          }
        }));
    const std::vector<Bytes> pairs{"a", "1", "b", "2.5", "c", "3", "dd", "inf"};
    add("sorted set of a ziplist", RdbType::kSortedSetZiplist, string_body(ziplist(pairs)));
    add("sorted set of a listpack", RdbType::kSortedSetListpack,
        string_body(listpack_of(pairs)));
  }

  void add_hashes() {
    add("hash", RdbType::kHash, counted(mixed_, 2));
    add("zipmap", RdbType::kHashZipmap, string_body(zipmap(mixed_)));
    add("hash of a ziplist", RdbType::kHashZiplist, string_body(ziplist(mixed_)));
    add("hash of a listpack", RdbType::kHashListpack, string_body(listpack_of(mixed_)));
  }

  void add_hashes_with_times() {
    constexpr std::int64_t kSoonest = 1'900'000'000'000;
    const auto timed = [](RdbWriter& out, std::uint64_t time) {
      out.length(2);
      out.length(0);
      out.string("f");
      out.string("v");
      out.length(time);
      out.string("g");
      out.string("w");
    };
    add("hash with times", RdbType::kHashMetadata, body([&](RdbWriter& out) {
          out.time_ms(kSoonest);
          timed(out, 1);
        }));
    add("hash with times, early", RdbType::kHashMetadataPreGa,
        body([&](RdbWriter& out) { timed(out, kSoonest); }));
    const Bytes triples = listpack_of({"f", "v", "1900000000000", "g", "w", "0"});
    add("hash of triples", RdbType::kHashListpackEx, body([&](RdbWriter& out) {
          out.time_ms(kSoonest);
          out.string(triples);
        }));
    add("hash of triples, early", RdbType::kHashListpackExPreGa, string_body(triples));
  }

  void add_value(const char* name, std::unique_ptr<Object> value) {
    const std::unique_ptr<Entry, EntryDestroyer> entry(
        Entry::make_object("key", std::move(value)));
    all.push_back({name, dump_payload(*entry, RdbCompression::kNo)});
  }

  void add_members_with_times() {
    const EncodingLimits limits;
    auto set = std::make_unique<Set>();
    auto sorted = std::make_unique<SortedSet>();
    for (const Bytes& member : mixed_) {
      set->add(member, limits);
      sorted->set(member, 1.5, limits);
    }
    for (const char* member : {"a", "1", "bc"}) {
      set->set_member_ms(member, 1'900'000'000'000);
      sorted->set_member_ms(member, 1'900'000'000'001);
    }
    add_value("set with times", std::move(set));
    add_value("sorted set with times", std::move(sorted));
  }

  static std::unique_ptr<Stream> stream_with_groups() {
    EncodingLimits limits;
    limits.stream_node_entries = 4;
    auto stream = std::make_unique<Stream>();
    for (std::uint64_t i = 1; i <= 10; ++i) {
      const Bytes value = std::to_string(i);
      const Word pairs[] = {{"field", {}}, {value, {}}, {i % 3 == 0 ? "other" : "name", {}},
                            {"text", {}}};
      stream->append({1000 + i / 2, i}, pairs, limits);
    }
    stream->erase({1001, 3});
    stream->settle_first();
    StreamGroup& group = stream->add_group("group", {1002, 5}, 3);
    StreamConsumer& first = group.add_consumer("first", 500, 600);
    StreamConsumer& second = group.add_consumer("second", 700);
    group.deliver({1000, 1}, first, 600, 1);
    group.deliver({1001, 2}, second, 650, 7);
    stream->add_group("idle", {}, StreamGroup::kUnknown);
    return stream;
  }

  void add_streams() {
    add_value("stream", stream_with_groups());
    add_value("empty stream", std::make_unique<Stream>());
    const Bytes node = listpack_of({"1", "0", "1", "f", "0", "2", "0", "0", "v", "4"});
    const auto old = [&](RdbWriter& out, bool second) {
      const Bytes id("\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01", 16);
      out.length(1);
      out.string(id);
      out.string(node);
      for (const int number : {1, 5, 1}) out.length(static_cast<std::uint64_t>(number));
      if (second) {
        for (const int number : {5, 1, 0, 0, 3}) out.length(static_cast<std::uint64_t>(number));
      }
      out.length(1);
      out.string("group");
      for (const int number : {5, 1}) out.length(static_cast<std::uint64_t>(number));
      if (second) out.length(3);
      out.length(1);
      out.raw(id);
      out.time_ms(777);
      out.length(2);
      out.length(1);
      out.string("consumer");
      out.time_ms(888);
      out.length(1);
      out.raw(id);
    };
    add("first streams", RdbType::kStreamListpacks,
        body([&](RdbWriter& out) { old(out, false); }));
    add("second streams", RdbType::kStreamListpacks2,
        body([&](RdbWriter& out) { old(out, true); }));
  }

  const std::vector<Bytes> mixed_{"a", "1",        "bc", "-5",         "hello world", "4096",
                                  "x", "70000",    "y",  "-9000000",   "z",           "5000000000",
                                  "007", "12",     "",   "-32768"};
};

inline std::vector<Sample> all() { return Samples().all; }

}  // namespace memoir::payloads
