// Goal: a string changed in place is what the same change of a plain string gives, in whatever form
// it lies; its expiry stays; whoever was given its bytes keeps them.
// Method: random changes beside std::string, over values of all forms, with the keyspace's
// invariants checked.
#include "src/store/string_edit.h"

#include <catch2/catch.hpp>

#include "tests/store/store_rig.h"

namespace memoir {
namespace {

TEST_CASE("appending moves a string through its forms", "[store]") {
  const std::int64_t expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, 2'000'000);
  StoreRig rig;
  rig.set("k", "1", expire_ms);
  REQUIRE(rig.entry("k")->storage() == Storage::kInteger);
  Bytes model = "1";
  for (const std::size_t bytes : {1U, 7U, 60U, 100U, 100U, 300U, 5000U, 1U, 100'000U}) {
    const Bytes more(bytes, static_cast<char>('a' + bytes % 26));
    Database db = rig.db();
    {
      auto edit = db.edit_string("k", IfMissing::kCreate);
      REQUIRE(edit);
      edit->append(more);
      edit->mark_changed("append");
    }
    model += more;
    REQUIRE(rig.text("k") == model);
    REQUIRE(rig.entry("k")->encoding() == std::string("raw"));
    REQUIRE(rig.entry("k")->expire_ms() == expire_ms);
    REQUIRE(is_sound(rig.keyspace));
  }
  REQUIRE(rig.changes.count == 10);
}

TEST_CASE("bytes that are being sent elsewhere are not changed in place", "[store]") {
  StoreRig rig;
  const Bytes before(40'000, 'x');
  rig.set("k", before);
  const SharedBytes sent = rig.entry("k")->shared();
  Database db = rig.db();
  const int change = GENERATE(0, 1, 2, 3);
  {
    auto edit = db.edit_string("k", IfMissing::kNone);
    if (change == 0) edit->append("y");
    if (change == 1) edit->write_at(5, "y");
    if (change == 2) edit->grow_to(1)[7] = 'y';
    if (change == 3) edit->assign("y");
    edit->mark_changed("x");
  }
  REQUIRE(sent.view() == before);
  REQUIRE(rig.text("k") != before);
  REQUIRE(sent.unique());
  if (change == 3) return;
  // Now it is the keyspace's alone: it stays where it is.
  const char* const where = rig.entry("k")->bytes().data();
  db.edit_string("k", IfMissing::kNone)->write_at(9, "z");
  REQUIRE(rig.entry("k")->bytes().data() == where);
}

TEST_CASE("writing beyond the end pads with zero bytes", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  const std::size_t offset = GENERATE(0, 3, 200, 250, 254, 255, 256, 70'000);
  const Bytes start = GENERATE(Bytes(), Bytes("12"), Bytes("ab"), Bytes(300, 'c'));
  if (!start.empty()) rig.set("k", start);
  {
    auto edit = db.edit_string("k", IfMissing::kCreate);
    REQUIRE(edit->created() == start.empty());
    edit->write_at(offset, "XY");
    edit->mark_changed("setrange");
  }
  Bytes model = start;
  if (model.size() < offset + 2) model.resize(offset + 2);
  model.replace(offset, 2, "XY");
  REQUIRE(rig.text("k") == model);
  REQUIRE(rig.entry("k")->storage() ==
          (model.size() <= 255 ? Storage::kInlineRaw : Storage::kShared));
}

TEST_CASE("writing nothing changes nothing", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  rig.set("k", "abc");
  db.edit_string("k", IfMissing::kNone)->append({});
  db.edit_string("k", IfMissing::kNone)->write_at(1, {});
  REQUIRE(rig.text("k") == "abc");
}

TEST_CASE("integers are seen in every form and set from every form", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  const std::int64_t expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, 2'000'000);
  rig.set("int", "12", expire_ms);
  rig.set("text", "ab", expire_ms);
  rig.set("long", Bytes(500, 'q'), expire_ms);
  rig.set("raw", "1", expire_ms);
  db.edit_string("raw", IfMissing::kNone)->append("7");
  REQUIRE(db.edit_string("int", IfMissing::kNone)->integer() == 12);
  REQUIRE(db.edit_string("raw", IfMissing::kNone)->integer() == 17);
  REQUIRE_FALSE(db.edit_string("text", IfMissing::kNone)->integer());
  REQUIRE_FALSE(db.edit_string("long", IfMissing::kNone)->integer());
  for (const char* key : {"int", "text", "long", "raw"}) {
    auto edit = db.edit_string(key, IfMissing::kNone);
    edit->set_integer(-5);
    REQUIRE(edit->integer() == -5);
    REQUIRE(edit->size() == 2);
    edit->mark_changed("incrby");
    REQUIRE(rig.entry(key)->encoding() == std::string("int"));
    REQUIRE(rig.entry(key)->expire_ms() == expire_ms);
  }
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("a created string vanishes unless it was changed", "[store]") {
  StoreRig rig;
  Database db = rig.db();
  REQUIRE_FALSE(*db.edit_string("k", IfMissing::kNone));
  { auto edit = db.edit_string("k", IfMissing::kCreate); }
  REQUIRE(rig.text("k") == "(none)");
  REQUIRE(rig.changes.count == 0);
  REQUIRE(rig.take_events().empty());
  {
    auto edit = db.edit_string("k", IfMissing::kCreate);
    edit->set_integer(1);
    edit->mark_changed("incrby");
  }
  REQUIRE(rig.text("k") == "1");
  REQUIRE(rig.changes.count == 1);
  REQUIRE(rig.take_events() == "new:k incrby:k");
  rig.db().set_object("list", std::make_unique<Strings>(), kNoExpiry, nullptr);
  REQUIRE_FALSE(db.edit_string("list", IfMissing::kCreate));
}

TEST_CASE("random changes of strings agree with a model", "[store]") {
  StoreRig rig;
  std::map<Bytes, Dumped> model;
  Random random(Catch::rngSeed());
  const auto value = [&] {
    switch (random.below(4)) {
      case 0:
        return std::to_string(static_cast<std::int64_t>(random.next() >> random.below(64)));
      case 1:
        return Bytes(random.below(60), 'i');
      case 2:
        return Bytes(240 + random.below(30), 'm');
      default:
        return Bytes(random.below(2000), 's');
    }
  };
  for (int step = 0; step < 8000; ++step) {
    Database db = rig.db();
    const Bytes key = "key" + std::to_string(random.below(20));
    const std::int64_t expire_ms =
        random.below(2) ? kNoExpiry : 2'000'000 + static_cast<std::int64_t>(random.below(100));
    const Bytes bytes = value();
    switch (random.below(7)) {
      case 0:
        db.set_string(key, bytes, {}, expire_ms);
        model[key] = {bytes, expire_ms};
        break;
      case 1:
        REQUIRE(db.remove(key) == (model.erase(key) == 1));
        break;
      case 2:
        if (!model.contains(key)) break;
        db.set_expiry(key, expire_ms);
        model[key].expire_ms = expire_ms;
        break;
      case 3:
      case 4: {
        auto edit = db.edit_string(key, IfMissing::kCreate);
        edit->append(bytes);
        edit->mark_changed("append");
        if (!model.contains(key)) model[key].expire_ms = kNoExpiry;
        model[key].text += bytes;
        break;
      }
      case 5: {
        auto edit = db.edit_string(key, IfMissing::kNone);
        if (!*edit) break;
        const std::size_t offset = random.below(400);
        edit->write_at(offset, bytes);
        edit->mark_changed("setrange");
        Bytes& text = model[key].text;
        if (text.size() < offset + bytes.size()) text.resize(offset + bytes.size());
        text.replace(offset, bytes.size(), bytes);
        break;
      }
      default: {
        auto edit = db.edit_string(key, IfMissing::kNone);
        if (!*edit) break;
        edit->assign(bytes);
        edit->mark_changed("set");
        model[key].text = bytes;
      }
    }
    if (step % 50 == 0) REQUIRE(is_sound(rig.keyspace));
  }
  REQUIRE(is_sound(rig.keyspace));
  REQUIRE(dump_of(rig.keyspace, 0) == model);
}

}  // namespace
}  // namespace memoir
