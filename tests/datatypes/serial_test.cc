// Values in the RDB format: every form that any Redis wrote is read, what Memoir writes reads back
// equal, and unsound values are refused.
#include <map>

#include <catch2/catch.hpp>

#include "src/server/digest.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

using namespace payloads;

EntryOwner restored(ByteView payload, const EncodingLimits& limits = {}) {
  if (!is_sound_payload(payload, PayloadCheck::kVersionAndChecksum)) return nullptr;
  auto entry = load_payload(payload, "key", kNoExpiry, limits);
  return entry ? std::move(*entry) : nullptr;
}

bool refused(RdbType type, const Bytes& value) { return restored(sealed(type, value)) == nullptr; }

// Everything a digest sees, in a form that can be compared.
class Contents final : public DigestSink {
 public:
  explicit Contents(const Entry& entry) { entry.object()->digest(*this); }
  void ordered(ByteView part) override { all.push_back(Bytes(part)); }
  void unordered(std::span<const ByteView> parts) override {
    Bytes text;
    for (const ByteView part : parts) text += Bytes(part) + "|";
    ++set[text];
  }
  bool operator==(const Contents& other) const { return all == other.all && set == other.set; }
  std::vector<Bytes> all;
  std::map<Bytes, int> set;
};

bool same(const Entry& a, const Entry& b) {
  if (a.type() != b.type()) return false;
  if (a.is_string()) {
    return a.storage() == b.storage() &&
           (a.storage() == Storage::kInteger ? a.integer() == b.integer() : a.bytes() == b.bytes());
  }
  return Contents(a) == Contents(b);
}

// What DEBUG DIGEST-VALUE tells.
Bytes digest_of(const Entry& entry) {
  Digest digest;
  add_value(digest, entry);
  return digest.text();
}

Bytes dumped(std::unique_ptr<Object> object) {
  const EntryOwner entry(Entry::make_object("key", std::move(object)));
  return dump_payload(*entry, RdbCompression::kYes);
}

}  // namespace

TEST_CASE("every form is read, and what is written of it reads back", "[rdb]") {
  for (const bool small : {true, false}) {
    EncodingLimits limits;
    if (!small) {
      limits.hash_listpack_entries = limits.set_intset_entries = limits.set_listpack_entries =
          limits.zset_listpack_entries = 2;
      limits.list_listpack_size = 3;
    }
    for (const Sample& sample : all()) {
      CAPTURE(sample.name, small);
      const EntryOwner first = restored(sample.payload, limits);
      REQUIRE(first);
      for (const auto compression : {RdbCompression::kNo, RdbCompression::kYes}) {
        const Bytes payload = dump_payload(*first, compression);
        const EntryOwner second = restored(payload, limits);
        REQUIRE(second);
        CHECK(same(*first, *second));
        CHECK(digest_of(*first) == digest_of(*second));
        if (!second->is_string()) CHECK(second->object()->verify());
        // What was a ziplist stays a quicklist until it is written as one node.
        const bool turns = ByteView(sample.name) == "list of a ziplist" && small;
        CHECK((turns || Bytes(first->encoding()) == second->encoding()));
        // Tables are in no order, but a copy of the bytes has to be one.
        if (Bytes(first->encoding()) != "hashtable") {
          CHECK(dump_payload(*second, compression) == payload);
        }
      }
    }
  }
}

TEST_CASE("old forms hold what they should", "[rdb]") {
  const EntryOwner list = restored(sealed(
      RdbType::kListZiplist, string_body(ziplist({"a", "0", "12", "13", "-1", "300", "-70000",
                                                  "9000000", "5000000000", Bytes(20000, 'x')}))));
  REQUIRE(list);
  CHECK(Contents(*list).all == std::vector<Bytes>{"a", "0", "12", "13", "-1", "300", "-70000",
                                                  "9000000", "5000000000", Bytes(20000, 'x')});
  CHECK(list->encoding() == ByteView("quicklist"));
  const EntryOwner hash =
      restored(sealed(RdbType::kHashZipmap, string_body(zipmap({"f", "v", Bytes(260, 'g'), "w"}))));
  REQUIRE(hash);
  const auto& fields = static_cast<const Hash&>(*hash->object());
  char digits[kIntegerCharsMax];
  CHECK(fields.find("f").text(digits) == "v");
  CHECK(fields.find(Bytes(260, 'g')).text(digits) == "w");
  CHECK(hash->encoding() == ByteView("hashtable"));  // a field is too long for a listpack
  const EntryOwner sorted = restored(
      sealed(RdbType::kSortedSetListpack, string_body(listpack_of({"b", "2", "a", "-inf"}))));
  REQUIRE(sorted);  // in disorder: put in order
  CHECK(static_cast<const SortedSet&>(*sorted->object()).rank("a")->rank == 0);
}

TEST_CASE("encodings after loading are Redis's", "[rdb]") {
  EncodingLimits limits;
  const auto encoding = [&](RdbType type, const Bytes& value) {
    const EntryOwner entry = restored(sealed(type, value), limits);
    return Bytes(entry ? entry->encoding() : "refused");
  };
  std::vector<Bytes> texts;
  for (int i = 0; i < 129; ++i) texts.push_back("m" + std::to_string(i));
  const auto plain = [](const std::vector<Bytes>& elements) {
    return body([&](RdbWriter& out) {
      out.length(elements.size());
      for (const Bytes& element : elements) out.string(element);
    });
  };
  CHECK(encoding(RdbType::kSet, plain(texts)) == "hashtable");
  CHECK(encoding(RdbType::kSetListpack, string_body(listpack_of(texts))) == "hashtable");
  // Only the number of elements counts where a listpack is copied, so a long one stays in it.
  CHECK(encoding(RdbType::kSetListpack, string_body(listpack_of({Bytes(100, 'x')}))) ==
        "listpack");
  CHECK(encoding(RdbType::kHashListpack, string_body(listpack_of({"f", Bytes(100, 'x')}))) ==
        "listpack");
  CHECK(encoding(RdbType::kSet, plain({Bytes(100, 'x')})) == "hashtable");
  CHECK(encoding(RdbType::kSet, plain({"1", "2"})) == "intset");
  CHECK(encoding(RdbType::kSet, plain({"1", "b"})) == "listpack");
  CHECK(encoding(RdbType::kList, plain({"1", "b"})) == "listpack");
  limits.set_intset_entries = 1;
  CHECK(encoding(RdbType::kSet, plain({"1", "2"})) == "hashtable");
  CHECK(encoding(RdbType::kSetIntset, string_body(intset_of({1, 2}))) == "hashtable");
}

TEST_CASE("payloads of a wrong version or checksum are refused", "[rdb]") {
  Bytes payload = sealed(RdbType::kString, string_body("v"));
  REQUIRE(restored(payload));
  CHECK_FALSE(is_sound_payload("short", PayloadCheck::kVersionAndChecksum));
  payload.back() = static_cast<char>(payload.back() + 1);
  CHECK_FALSE(is_sound_payload(payload, PayloadCheck::kVersionAndChecksum));
  CHECK(is_sound_payload(payload, PayloadCheck::kVersionOnly));
  payload[payload.size() - 10] = 13;
  mend(payload);
  CHECK_FALSE(is_sound_payload(payload, PayloadCheck::kVersionAndChecksum));
}

TEST_CASE("a member that comes twice is refused", "[rdb]") {
  const auto twice = [](int words) {
    return body([&](RdbWriter& out) {
      out.length(2);
      for (int i = 0; i < 2 * words; ++i) out.string("same");
    });
  };
  CHECK(refused(RdbType::kSet, twice(1)));
  CHECK(refused(RdbType::kHash, twice(2)));
  CHECK(refused(RdbType::kSortedSet2, body([](RdbWriter& out) {
                  out.length(2);
                  for (const double score : {1.0, 2.0}) {
                    out.string("same");
                    out.double_value(score);
                  }
                })));
  const std::vector<Bytes> pairs{"5", "1", "b", "2", "5", "3"};
  CHECK(refused(RdbType::kHashListpack, string_body(listpack_of(pairs))));
  CHECK(refused(RdbType::kHashZiplist, string_body(ziplist(pairs))));
  CHECK(refused(RdbType::kHashZipmap, string_body(zipmap(pairs))));
  CHECK(refused(RdbType::kSortedSetListpack, string_body(listpack_of(pairs))));
  CHECK(refused(RdbType::kSortedSetZiplist, string_body(ziplist(pairs))));
  CHECK(refused(RdbType::kSetListpack, string_body(listpack_of({"a", "a"}))));
  const Bytes triples = listpack_of({"f", "v", "0", "f", "w", "0"});
  CHECK(refused(RdbType::kHashListpackExPreGa, string_body(triples)));
}

TEST_CASE("odd counts, bad scores and empty values are refused", "[rdb]") {
  for (const RdbType type : {RdbType::kHashListpack, RdbType::kSortedSetListpack}) {
    CHECK(refused(type, string_body(listpack_of({"a"}))));
    CHECK(refused(type, string_body(listpack_of({"a", "1", "b"}))));
    CHECK(refused(type, string_body(listpack_of({}))));
  }
  for (const RdbType type : {RdbType::kHashZiplist, RdbType::kSortedSetZiplist}) {
    CHECK(refused(type, string_body(ziplist({"a", "1", "b"}))));
    CHECK(refused(type, string_body(ziplist({}))));
  }
  for (const char* score : {"nan", "abc", "", "1 2"}) {
    CHECK(refused(RdbType::kSortedSetListpack, string_body(listpack_of({"a", score}))));
  }
  CHECK(refused(RdbType::kSortedSet2, body([](RdbWriter& out) {
                  out.length(1);
                  out.string("m");
                  out.double_value(__builtin_nan(""));
                })));
  CHECK(refused(RdbType::kSortedSet, Bytes("\x01\x01m\xfd")));
  for (const RdbType type : {RdbType::kList, RdbType::kSet, RdbType::kSortedSet2, RdbType::kHash,
                             RdbType::kListQuicklist, RdbType::kListQuicklist2}) {
    CHECK(refused(type, Bytes(1, '\0')));
  }
  CHECK(refused(RdbType::kSetIntset, string_body(intset_of({}))));
  CHECK(refused(RdbType::kListZiplist, string_body(ziplist({}))));
  CHECK(refused(RdbType::kListQuicklist2, Bytes("\x01\x01\x00", 3)));  // a plain node of no bytes
  CHECK_FALSE(refused(RdbType::kListQuicklist2, Bytes("\x01\x01\xc0\x0c")));  // one that is 12
  CHECK(refused(RdbType::kListQuicklist2, Bytes("\x01\x02\x00", 3)));
  CHECK(refused(RdbType::kListQuicklist2, Bytes("\x01\x03\x01x")));  // no such container
  for (const char* time : {"-1", "x", "300000000000000"}) {
    CHECK(refused(RdbType::kHashListpackExPreGa, string_body(listpack_of({"f", "v", time}))));
  }
}

TEST_CASE("counts without elements cost no memory", "[rdb]") {
  const std::size_t before = allocated_bytes();
  for (const RdbType type : {RdbType::kList, RdbType::kSet, RdbType::kSortedSet,
                             RdbType::kSortedSet2, RdbType::kHash, RdbType::kListQuicklist,
                             RdbType::kListQuicklist2, RdbType::kHashMetadataPreGa}) {
    CHECK(refused(type, Bytes("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01x", 11)));
    CHECK(refused(type, Bytes("\x80\xff\xff\xff\xff\x01x", 7)));
  }
  CHECK(allocated_bytes() < before + (1U << 20));
}

TEST_CASE("modules and unknown types are refused with a reason", "[rdb]") {
  for (const int type : {6, 7, 8, 26, 99, 255}) {
    const Bytes payload = sealed(static_cast<RdbType>(type), string_body("x"));
    auto loaded = load_payload(payload, "key", kNoExpiry, {});
    REQUIRE_FALSE(loaded);
    const bool module = type == 6 || type == 7;
    CHECK((loaded.peek_error().text().find("module") != Bytes::npos) == module);
  }
}

TEST_CASE("unsound listpacks, ziplists, zipmaps and intsets are refused", "[rdb]") {
  // Each change makes one thing wrong, in a place that the comment names.
  const Bytes pack = listpack_of({"aa", "1", "bb", "2"});
  const auto broken = [](Bytes bytes, std::size_t at, int by) {
    bytes[at] = static_cast<char>(bytes[at] + by);
    return bytes;
  };
  for (const auto& [at, by] : std::vector<std::pair<std::size_t, int>>{
           {0, 1},                // bytes in all
           {4, 1},                // number of elements
           {6, 1},                // length of the first
           {9, 1},                // its back length
           {6, 0x7f},             // no such form
           {pack.size() - 1, 1},  // the end
       }) {
    CAPTURE(at, by);
    const Bytes bad = broken(pack, at, by);
    CHECK(refused(RdbType::kHashListpack, string_body(bad)));
    CHECK(refused(RdbType::kListQuicklist2, body([&](RdbWriter& out) {
                    out.length(1);
                    out.length(2);
                    out.string(bad);
                  })));
  }
  const Bytes zip = ziplist({"aa", "1", "bb", "2"});
  for (const auto& [at, by] : std::vector<std::pair<std::size_t, int>>{
           {0, 1},               // bytes in all
           {4, 1},               // where the last one is
           {8, -1},              // number of elements
           {10, 1},              // the first has something before it
           {11, 1},              // length of the first
           {11, 0x10},           // reaches over the end
           {14, 2},              // back length of the second
           {zip.size() - 1, 1},  // the end
       }) {
    CAPTURE(at, by);
    CHECK(refused(RdbType::kHashZiplist, string_body(broken(zip, at, by))));
    CHECK(refused(RdbType::kListZiplist, string_body(broken(zip, at, by))));
  }
  const Bytes map = zipmap({"aa", "1", "bb", "2"});
  for (const auto& [at, by] : std::vector<std::pair<std::size_t, int>>{
           {0, 1}, {1, 40}, {1, 0xfc}, {5, 9}, {map.size() - 1, 1}}) {
    CAPTURE(at, by);
    CHECK(refused(RdbType::kHashZipmap, string_body(broken(map, at, by))));
  }
  const Bytes ints = intset_of({1, 2, 3});
  for (const auto& [at, by] : std::vector<std::pair<std::size_t, int>>{
           {0, 1}, {0, 2}, {4, 1}, {4, -1}, {8, 5}, {10, -1}}) {
    CAPTURE(at, by);
    CHECK(refused(RdbType::kSetIntset, string_body(broken(ints, at, by))));
  }
  CHECK(refused(RdbType::kHashZiplist, string_body("")));
  CHECK(refused(RdbType::kHashListpack, string_body("")));
  CHECK(refused(RdbType::kSetIntset, string_body("")));
  CHECK(refused(RdbType::kHashZipmap, string_body("")));
}

TEST_CASE("times of fields and members come back", "[rdb]") {
  EncodingLimits limits;
  for (const bool small : {true, false}) {
    if (!small) limits.hash_listpack_entries = limits.set_listpack_entries = 1;
    auto hash = std::make_unique<Hash>();
    auto set = std::make_unique<Set>();
    auto sorted = std::make_unique<SortedSet>();
    for (const char* name : {"a", "b", "7"}) {
      hash->set(name, "value", limits);
      set->add(ByteView(name), limits);
      sorted->set(name, 2, limits);
    }
    std::vector<std::unique_ptr<Object>> objects;
    objects.push_back(std::move(hash));
    objects.push_back(std::move(set));
    objects.push_back(std::move(sorted));
    for (auto& object : objects) {
      object->set_member_ms("b", 1'900'000'000'000);
      object->set_member_ms("7", 1'800'000'000'000);
      const EntryOwner after = restored(dumped(std::move(object)), limits);
      REQUIRE(after);
      CHECK(after->object()->earliest_member_ms() == 1'800'000'000'000);
      CHECK(after->object()->member_ms("b") == 1'900'000'000'000);
      CHECK(after->object()->member_ms("a") == kNoExpiry);
      CHECK(after->has_member_expiry());
      // Without times it is what any server reads.
      after->object()->set_member_ms("b", kNoExpiry);
      after->object()->set_member_ms("7", kNoExpiry);
      CHECK(rdb_version_for(rdb_type_of(*after)) <= 11);
    }
  }
  const Bytes wrong = body([](RdbWriter& out) {
    out.type(RdbType::kSetListpack);
    out.string(listpack_of({"a"}));
    out.length(1);
    out.string("b");
    out.time_ms(5);
  });
  CHECK(refused(RdbType::kTimedMembers, wrong));
  CHECK(refused(RdbType::kTimedMembers, Bytes("\xc8", 1)));
}

TEST_CASE("a stream comes back with all it remembers", "[rdb]") {
  for (const Sample& sample : all()) {
    const EntryOwner entry = restored(sample.payload);
    if (entry->type() != TypeId::kStream) continue;
    CAPTURE(sample.name);
    const auto& stream = static_cast<const Stream&>(*entry->object());
    CHECK(stream.verify());
    if (stream.size() != 0) CHECK(!stream.marks().first.is_zero());
    if (rdb_type_of(*entry) == static_cast<RdbType>(sample.payload[0])) {
      CHECK(dump_payload(*entry, RdbCompression::kNo) == sample.payload);
    }
  }
}

TEST_CASE("large values are written as tables and nodes", "[rdb]") {
  const EncodingLimits limits;
  auto hash = std::make_unique<Hash>();
  auto set = std::make_unique<Set>();
  auto sorted = std::make_unique<SortedSet>();
  auto list = std::make_unique<List>();
  for (int i = 0; i < 1000; ++i) {
    const Bytes text = "element " + std::to_string(i);
    hash->set(text, i % 100 == 0 ? Bytes(9000, 'v') : text, limits);
    set->add(text, limits);
    sorted->set(text, i / 7.0, limits);
    list->prepare(text.size(), 1, limits);
    list->push(ListEnd::kTail, {text, {}}, limits);
  }
  list->push(ListEnd::kTail, {Bytes(50'000, 'e'), {}}, limits);
  std::vector<std::unique_ptr<Object>> objects;
  objects.push_back(std::move(hash));
  objects.push_back(std::move(set));
  objects.push_back(std::move(sorted));
  objects.push_back(std::move(list));
  for (std::unique_ptr<Object>& object : objects) {
    const EntryOwner before(Entry::make_object("key", object->copy()));
    const Bytes payload = dumped(std::move(object));
    const EntryOwner after = restored(payload);
    REQUIRE(after);
    CHECK(same(*before, *after));
    CHECK(digest_of(*before) == digest_of(*after));
    CHECK(before->object()->verify());
    CHECK(after->object()->verify());
    CHECK(Bytes(before->encoding()) == after->encoding());
  }
}

}  // namespace memoir
