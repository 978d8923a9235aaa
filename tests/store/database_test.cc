// Goal: every change made through a Database leaves both tables of a shard consistent, tells
// observers, watchers and listeners what they need, and obeys expiry in all its modes.
// Method: single cases, and random operations beside a std::map with the invariants checked.
#include "src/store/database.h"

#include <catch2/catch.hpp>

#include "tests/store/store_rig.h"

namespace memoir {
namespace {

constexpr std::int64_t kLater = 2'000'000;
constexpr std::int64_t kPast = 999'999;

std::unique_ptr<Strings> strings(std::initializer_list<const char*> items) {
  auto object = std::make_unique<Strings>();
  for (const char* item : items) object->items.emplace_back(item);
  return object;
}

TEST_CASE("a set string replaces whatever was there", "[store]") {
  const std::vector<Bytes> values = {"",           "12",          "-9223372036854775808",
                                     "text",       Bytes(44, 'a'), Bytes(45, 'b'),
                                     Bytes(255, 'c'), Bytes(256, 'd'), Bytes(40'000, 'e')};
  for (const std::int64_t first_expiry : {kNoExpiry, kLater}) {
    for (const std::int64_t second_expiry : {kNoExpiry, kLater + 1}) {
      for (std::size_t i = 0; i <= values.size(); ++i) {
        for (const Bytes& second : values) {
          StoreRig rig(1);
          if (i < values.size()) {
            rig.set("k", values[i], first_expiry);
          } else {
            rig.db().set_object("k", strings({"x"}), first_expiry, "rpush");
          }
          rig.set("k", second, second_expiry);
          REQUIRE(rig.text("k") == second);
          REQUIRE(rig.entry("k")->expire_ms() == second_expiry);
          const char* const encoding = second.size() > 44              ? "raw"
                                       : parse_integer(second)         ? "int"
                                                                       : "embstr";
          REQUIRE(rig.entry("k")->encoding() == Bytes(encoding));
          const std::uint64_t hash = hash_in_memory("k");
          REQUIRE(is_sound(rig.keyspace.shard(stripe_of(hash), 0), stripe_of(hash)));
          REQUIRE(rig.changes.count == 2);
        }
      }
    }
  }
}

TEST_CASE("a value of the same form is overwritten where it is", "[store]") {
  StoreRig rig;
  const std::int64_t expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, kLater);
  rig.set("k", "abcdefgh", expire_ms);
  const Entry* const entry = rig.entry("k");
  rig.set("k", "hgfedcba", expire_ms == kNoExpiry ? kNoExpiry : kLater + 7);
  REQUIRE(rig.entry("k") == entry);
  REQUIRE(rig.text("k") == "hgfedcba");
  REQUIRE(entry->expire_ms() == (expire_ms == kNoExpiry ? kNoExpiry : kLater + 7));
  // A raw one becomes what SET says.
  rig.db().edit_string("k", IfMissing::kNone)->append("");
  rig.set("k", "hgfedcbb", expire_ms);
  REQUIRE(rig.entry("k")->encoding() == Bytes("embstr"));
}

TEST_CASE("a large value is kept without a copy", "[store]") {
  StoreRig rig;
  const SharedBytes owner = SharedBytes::copy_of(Bytes(50'000, 'o'));
  rig.db().set_string("k", owner.view(), owner, kNoExpiry);
  REQUIRE(rig.entry("k")->bytes().data() == owner.data());
  REQUIRE(rig.db().remove("k"));
  REQUIRE(owner.unique());
}

TEST_CASE("expiries are added, changed and taken away", "[store]") {
  StoreRig rig;
  const int kind = GENERATE(0, 1, 2, 3);
  const Bytes key = GENERATE(Bytes("k"), Bytes(300, 'K'));
  if (kind == 0) rig.set(key, "7");
  if (kind == 1) rig.set(key, "text");
  if (kind == 2) rig.set(key, Bytes(400, 'x'));
  if (kind == 3) rig.db().set_object(key, strings({"a", "b"}), kNoExpiry, "rpush");
  const Bytes before = rig.text(key);
  rig.entry(key)->set_access(99);
  for (const std::int64_t expire_ms : {kNoExpiry, kLater, kLater + 1, kNoExpiry, kLater}) {
    rig.db().set_expiry(key, expire_ms);
    REQUIRE(rig.entry(key)->expire_ms() == expire_ms);
    REQUIRE(rig.text(key) == before);
    REQUIRE(rig.entry(key)->access() == 99);
    REQUIRE(is_sound(rig.keyspace));
  }
  rig.db().set_expiry(key, kPast);
  rig.db().set_expiry(rig.entry(key)->key(), kNoExpiry);  // by its own bytes, its time over
  REQUIRE(rig.text(key) == before);
}

TEST_CASE("an entry is taken and put under other names", "[store]") {
  StoreRig rig;
  const std::int64_t expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, kLater);
  const std::int64_t other_expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, kLater + 1);
  rig.set("a", "value of a", expire_ms);
  rig.set("b", "value of b", other_expire_ms);
  rig.db().put("b", rig.db().take("a"));
  REQUIRE(rig.entry("a") == nullptr);
  REQUIRE(rig.text("b") == "value of a");
  REQUIRE(rig.entry("b")->expire_ms() == expire_ms);
  REQUIRE(rig.db().take("a") == nullptr);
  REQUIRE(is_sound(rig.keyspace));
  Database other = rig.db(1);
  other.put("b", rig.db().take("b"));
  REQUIRE(rig.entry("b") == nullptr);
  REQUIRE(text_of(*rig.entry("b", 1)) == "value of a");
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("a primary deletes a key whose time has come", "[store][expiry]") {
  StoreRig rig;
  rig.set("k", "v", kPast);
  rig.take_events();
  const int way = GENERATE(0, 1, 2, 3, 4, 5, 6);
  Database db = rig.db();
  if (way == 0) REQUIRE(db.lookup("k") == nullptr);
  if (way == 1) REQUIRE_FALSE(db.remove("k"));
  if (way == 2) REQUIRE(db.take("k") == nullptr);
  if (way == 3) db.set_string("k", "new", {}, kNoExpiry);
  if (way == 4) db.set_object("k", strings({"x"}), kNoExpiry, "rpush");
  if (way == 5) db.edit_string("k", IfMissing::kCreate)->append("new");
  if (way == 6) db.set_integer("k", 5, kNoExpiry, "set");
  REQUIRE(rig.changes.expired.size() == 1);
  REQUIRE(rig.changes.expired[0].key == "k");
  REQUIRE(rig.stats.expired == 1);
  REQUIRE(rig.changes.events[0].name == Bytes("expired"));
  if (way >= 3 && way != 5) {
    REQUIRE(rig.changes.events[1].name == Bytes("new"));
    REQUIRE_FALSE(rig.entry("k")->has_expiry());
  } else {
    REQUIRE(rig.entry("k") == nullptr);
  }
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("a replica hides a key whose time has come, and a write there replaces it",
          "[store][expiry]") {
  StoreRig rig;
  rig.set("k", "old", kPast);
  rig.env.expiry = ExpiryMode::kHide;
  rig.take_events();
  Database db = rig.db();
  REQUIRE(db.lookup("k") == nullptr);
  REQUIRE_FALSE(db.exists("k"));
  REQUIRE_FALSE(db.remove("k"));
  REQUIRE(rig.entry("k") != nullptr);
  REQUIRE(rig.changes.expired.empty());
  const int way = GENERATE(0, 1, 2, 3, 4);
  if (way == 0) db.set_string("k", "new", {}, kNoExpiry);
  if (way == 1) db.set_object("k", strings({"new"}), kNoExpiry, "rpush");
  if (way == 2) {
    auto edit = db.edit_string("k", IfMissing::kCreate);
    REQUIRE(edit->created());
    edit->append("new");
    edit->mark_changed("append");
  }
  if (way == 3) {
    auto edit = db.edit<Strings>("k", IfMissing::kCreate);
    (*edit)->items.emplace_back("new");
    edit->mark_changed("rpush");
  }
  if (way == 4) db.put("k", Entry::make_inline("other", "new", Storage::kInline));
  REQUIRE(rig.text("k") == (way == 1 || way == 3 ? "[new,]" : "new"));
  REQUIRE_FALSE(rig.entry("k")->has_expiry());
  REQUIRE(rig.changes.expired.empty());
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("a replay does not look at the clock", "[store][expiry]") {
  StoreRig rig;
  rig.env.expiry = ExpiryMode::kIgnore;
  rig.set("k", "v", kPast);
  REQUIRE(rig.db().lookup("k") != nullptr);
  REQUIRE(rig.db().remove("k"));
  REQUIRE(rig.changes.expired.empty());
}

TEST_CASE("a guard removes what was left empty and settles only what was marked", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  {
    auto edit = db.edit<Strings>("k", IfMissing::kCreate);
    REQUIRE(edit->created());
  }
  REQUIRE(rig.entry("k") == nullptr);
  REQUIRE(rig.changes.count == 0);
  REQUIRE(rig.take_events().empty());
  {
    auto edit = db.edit<Strings>("k", IfMissing::kCreate);
    (*edit)->items = {"a", "b"};
    edit->mark_changed("rpush", 2);
  }
  REQUIRE(rig.changes.count == 2);
  REQUIRE(rig.take_events() == "new:k rpush:k");
  { REQUIRE(*db.edit<Strings>("k")); }
  REQUIRE(rig.changes.count == 2);
  {
    auto edit = db.edit<Strings>("k");
    (*edit)->items.clear();
    edit->mark_changed("lpop");
    edit->close();
    REQUIRE(rig.entry("k") == nullptr);
    REQUIRE_FALSE(*edit);
  }
  REQUIRE(rig.changes.count == 3);
  REQUIRE(rig.take_events() == "lpop:k del:k");
  REQUIRE_FALSE(*db.edit<Strings>("k"));
  rig.set("k", "text");
  REQUIRE(db.edit<Strings>("k").error().text() == kWrongType);
  REQUIRE(db.read<Strings>("k").error().text() == kWrongType);
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("changed buckets carry the position, reads leave it", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  rig.keyspace.advance_position(10);
  rig.set("k", "v");
  REQUIRE(rig.version("k") == 10);
  rig.keyspace.advance_position(20);
  db.lookup("k");
  { auto edit = db.edit_string("k", IfMissing::kNone); }
  REQUIRE(rig.version("k") == 10);
  db.edit_string("k", IfMissing::kNone)->mark_changed(nullptr);
  REQUIRE(rig.version("k") == 20);
  rig.keyspace.advance_position(15);  // never back
  db.set_expiry("k", kLater);
  REQUIRE(rig.version("k") == 20);
  rig.keyspace.advance_position(30);
  db.remove("k");
  REQUIRE(rig.version("k") == 30);
  rig.keyspace.advance_position(40);
  {
    auto edit = db.edit<Strings>("l", IfMissing::kCreate);
    (*edit)->items = {"a"};
    edit->mark_changed("x");
  }
  REQUIRE(rig.version("l") == 40);
  rig.keyspace.advance_position(50);
  {
    auto edit = db.edit<Strings>("l");
    (*edit)->items.clear();
    edit->mark_changed("x");
  }
  REQUIRE(rig.version("l") == 50);
}

// Keeps each key's first pre-image, as a rollback does.
struct PreImages final : ChangeObserver {
  std::map<std::pair<unsigned, Bytes>, Bytes> first;
  void before_change(unsigned db, std::uint64_t, ByteView key, const Entry* entry,
                     Bucket*) override {
    first.emplace(std::pair(db, Bytes(key)), entry ? text_of(*entry) : "(none)");
  }
};

TEST_CASE("an observer sees every key as it was before its first change", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  Random random(Catch::rngSeed());
  const auto name = [&] { return "key" + std::to_string(random.below(30)); };
  for (int round = 0; round < 60; ++round) {
    PreImages images;
    const Dump before = dump_of(rig.keyspace, 0);
    rig.keyspace.set_observer(&images);
    for (int i = 0; i < 20; ++i) {
      const Bytes key = name();
      const Bytes value = std::to_string(random.next() >> 40) + Bytes(random.below(300), 'v');
      const Entry* entry = rig.entry(key);
      switch (random.below(8)) {
        case 0:
          db.set_string(key, value, {}, random.below(2) ? kNoExpiry : kLater);
          break;
        case 1:
          db.remove(key);
          break;
        case 2:
          if (auto edit = db.edit_string(key, IfMissing::kCreate)) {
            edit->append(value);
            edit->mark_changed("append");
          }
          break;
        case 3:
          if (auto edit = db.edit<Strings>(key, IfMissing::kCreate)) {
            (*edit)->items.push_back(value);
            edit->mark_changed("rpush");
          }
          break;
        case 4:
          if (auto edit = db.edit<Strings>(key); edit && *edit) {
            (*edit)->items.pop_back();
            edit->mark_changed("rpop");
          }
          break;
        case 5:
          if (entry) db.set_expiry(key, random.below(2) ? kNoExpiry : kLater + 5);
          break;
        case 6:
          if (entry) db.put(name(), db.take(key));
          break;
        default:
          if (entry) db.set_expiry(key, kPast);
          db.lookup(key);
      }
    }
    rig.keyspace.set_observer(nullptr);
    REQUIRE(is_sound(rig.keyspace));
    const Dump after = dump_of(rig.keyspace, 0);
    for (unsigned k = 0; k < 30; ++k) {
      const Bytes key = "key" + std::to_string(k);
      const auto was = before.find(key);
      const auto is = after.find(key);
      const auto image = images.first.find({0U, key});
      if (image != images.first.end()) {
        REQUIRE(image->second == (was == before.end() ? "(none)" : was->second.text));
      } else {
        REQUIRE((was == before.end()) == (is == after.end()));
        if (was != before.end()) REQUIRE(was->second == is->second);
      }
    }
  }
}

TEST_CASE("hits, misses and touches are counted for reads alone", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  rig.set("k", "v");
  rig.take_events();
  rig.env.now_ms = 5'000'000;
  db.peek("k");
  db.peek("none");
  REQUIRE(rig.stats.hits + rig.stats.misses == 0);
  REQUIRE(rig.entry("k")->access() == 1000);
  db.lookup("k");
  db.lookup("none");
  REQUIRE(rig.stats.hits == 1);
  REQUIRE(rig.stats.misses == 1);
  REQUIRE(rig.take_events() == "keymiss:none");
  REQUIRE(rig.entry("k")->access() == 5000);
  rig.env.touch = false;
  rig.env.now_ms = 6'000'000;
  db.lookup("k");
  REQUIRE(rig.entry("k")->access() == 5000);
}

TEST_CASE("an LFU counter grows slowly and decays with time", "[store]") {
  StoreRig rig;
  rig.env.access_policy = AccessPolicy::kLfu;
  Database db = rig.db();
  rig.set("k", "v");
  const auto counter = [&] { return lfu_counter(rig.entry("k")->access(), rig.env.now_ms, 1); };
  REQUIRE(counter() == 5);
  for (int i = 0; i < 100; ++i) db.lookup("k");
  const unsigned after_100 = counter();
  REQUIRE(after_100 > 5);
  REQUIRE(after_100 < 25);
  for (int i = 0; i < 10'000; ++i) db.lookup("k");
  const unsigned after_10000 = counter();
  REQUIRE(after_10000 > after_100);
  REQUIRE(after_10000 < 120);
  rig.env.now_ms += 3 * 60'000;
  REQUIRE(counter() == after_10000 - 3);
  REQUIRE(lfu_counter(rig.entry("k")->access(), rig.env.now_ms + 60'000'000, 1) == 0);
  REQUIRE(lfu_counter(rig.entry("k")->access(), rig.env.now_ms + 60'000'000, 0) == after_10000);
}

TEST_CASE("large objects are left for the background only if asked", "[store]") {
  StoreRig rig;
  rig.env.lazy_free = GENERATE(false, true);
  Database db = rig.db();
  auto large = std::make_unique<Strings>();
  large->items.resize(100, "x");
  db.set_object("large", std::move(large), kNoExpiry, "rpush");
  db.set_object("small", strings({"x"}), kNoExpiry, "rpush");
  db.remove("large");
  db.remove("small");
  REQUIRE(rig.changes.garbage.size() == (rig.env.lazy_free ? 1 : 0));
}

TEST_CASE("keys are known by address and length", "[store]") {
  StoreRig rig;
  const Bytes text = "abcdef";
  const ByteView empty(text.data(), 0);
  const ByteView whole(text);
  std::vector<HashedKey> hashed = {{empty, hash_in_memory(empty)}, {whole, hash_in_memory(whole)}};
  rig.env.hashed_keys = hashed;
  Database db = rig.db();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(db.hash_of(whole) == hash_in_memory(whole));
    REQUIRE(db.hash_of(empty) == hash_in_memory(empty));
    REQUIRE(db.hash_of(whole.substr(0, 3)) == hash_in_memory(whole.substr(0, 3)));
  }
}

TEST_CASE("many keys are found by their hashes in any order", "[store]") {
  StoreRig rig;
  std::vector<Bytes> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("key" + std::to_string(i));
  std::vector<HashedKey> hashed;
  for (const Bytes& key : keys) hashed.push_back({key, hash_in_memory(key)});
  rig.env.hashed_keys = hashed;
  Database db = rig.db();
  for (int pass = 0; pass < 2; ++pass) {
    for (const Bytes& key : keys) REQUIRE(db.hash_of(key) == hash_in_memory(key));
  }
  for (std::size_t i = keys.size(); i-- > 0;) {
    REQUIRE(db.hash_of(keys[i]) == hash_in_memory(keys[i]));
  }
}

// Whether the model has the key; it forgets one whose time is over.
static bool is_live_in(Dump& model, const Bytes& key, std::int64_t now_ms) {
  const auto found = model.find(key);
  if (found == model.end()) return false;
  const std::int64_t expire_ms = found->second.expire_ms;
  if (expire_ms == kNoExpiry || expire_ms >= now_ms) return true;
  model.erase(found);
  return false;
}

TEST_CASE("random operations on a database agree with a model", "[store]") {
  StoreRig rig(1);
  Dump model;
  Random random(Catch::rngSeed());
  Database db = rig.db();
  const auto name = [&] {
    const Bytes key = "key" + std::to_string(random.below(3000));
    return random.below(50) == 0 ? key + Bytes(260, 'w') : key;
  };
  const auto expire = [&] {
    const auto later = static_cast<std::int64_t>(random.below(500));
    return random.below(2) ? kNoExpiry : rig.env.now_ms + later;
  };
  const auto is_live = [&](const Bytes& key) { return is_live_in(model, key, rig.env.now_ms); };
  for (int step = 0; step < 30'000; ++step) {
    const Bytes key = name();
    const bool there = is_live(key);
    rig.env.now_ms += random.below(20) == 0 ? 1 : 0;
    if (there != is_live(key)) continue;
    switch (random.below(8)) {
      case 0:
      case 1: {
        const Bytes value = random.below(2) ? std::to_string(random.next() >> 30)
                                            : Bytes(random.below(300), 'x');
        const std::int64_t expire_ms = expire();
        db.set_string(key, value, {}, expire_ms);
        model[key] = {value, expire_ms};
        break;
      }
      case 2:
        REQUIRE(db.remove(key) == there);
        model.erase(key);
        break;
      case 3: {
        const auto entry = db.lookup(key);
        REQUIRE((entry != nullptr) == there);
        if (entry) REQUIRE(Dumped{text_of(*entry), entry->expire_ms()} == model[key]);
        break;
      }
      case 4:
        if (there) db.set_expiry(key, model[key].expire_ms = expire());
        break;
      case 5: {
        const Bytes to = name();
        is_live(to);
        if (!there || to == key) break;
        db.put(to, db.take(key));
        model[to] = model[key];
        model.erase(key);
        break;
      }
      case 6: {
        const std::int64_t expire_ms = expire();
        db.set_object(key, strings({"a"}), expire_ms, "rpush");
        model[key] = {"[a,]", expire_ms};
        break;
      }
      default: {
        auto edit = db.edit<Strings>(key);
        if (!edit || !*edit) break;
        REQUIRE(there);
        (*edit)->items.clear();
        edit->mark_changed("lpop");
        model.erase(key);
      }
    }
    if (step % 3000 == 0) REQUIRE(is_sound(rig.keyspace));
  }
  REQUIRE(is_sound(rig.keyspace));
  std::erase_if(model, [&](const auto& each) {
    const std::int64_t expire_ms = each.second.expire_ms;
    const bool over = expire_ms != kNoExpiry && expire_ms < rig.env.now_ms;
    if (over) db.peek(each.first);
    return over;
  });
  const Dump live = dump_of(rig.keyspace, 0);
  for (const auto& [key, value] : model) REQUIRE(live.at(key) == value);
}

}  // namespace
}  // namespace memoir
