// Goal: members of hashes, sets and sorted sets end when they should, wherever they are and
// whatever is done with their keys, and a replay of the journal ends in the same state.
// Method: the times and the values against maps; then an engine with a clock moved by hand under
// random commands.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "datatypes/hash/hash.h"
#include "datatypes/set/set.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "tests/store/store_rig.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

using Times = std::map<Bytes, std::int64_t>;

Bytes random_member(std::mt19937_64& random, unsigned members) {
  const auto number = random() % members;
  switch (number % 5) {
    case 0:
      return std::to_string(number);
    case 1:
      return "member " + std::to_string(number);
    case 2:
      return Bytes(70 + number % 200, 'x') + std::to_string(number);
    default:
      return "m" + std::to_string(number);
  }
}

Times contents(const MemberTimes& times) {
  Times all;
  std::int64_t last = 0;
  times.for_each([&](ByteView member, std::int64_t ms) {
    REQUIRE(ms >= last);
    last = ms;
    REQUIRE(all.emplace(Bytes(member), ms).second);
  });
  return all;
}

// What is to end before `now_ms`, at most `most`, the earliest first; taken out of the model.
std::vector<Bytes> take_before(Times& model, std::int64_t now_ms, std::size_t most) {
  std::vector<std::pair<std::int64_t, Bytes>> due;
  for (const auto& [member, ms] : model) {
    if (ms < now_ms) due.emplace_back(ms, member);
  }
  std::sort(due.begin(), due.end());
  if (due.size() > most) due.resize(most);
  std::vector<Bytes> members;
  for (const auto& [ms, member] : due) {
    members.push_back(member);
    model.erase(member);
  }
  return members;
}

}  // namespace

TEST_CASE("times of members are kept in order", "[member_times]") {
  std::mt19937_64 random(Catch::rngSeed());
  const unsigned members = GENERATE(5U, 60U, 3000U);
  MemberTimes times;
  Times model;
  for (int step = 0; step < 6000; ++step) {
    const Bytes member = random_member(random, members);
    const auto ms = static_cast<std::int64_t>(random() % 1000 == 0 ? kMemberMomentMax - 1
                                                                   : random() % 500);
    switch (random() % 8) {
      case 0:
        REQUIRE(times.remove(member) == (model.erase(member) == 1));
        break;
      case 1: {
        std::vector<Bytes> taken;
        const std::size_t most = random() % 4;
        times.take_before(ms / 20, most, taken);
        REQUIRE(taken == take_before(model, ms / 20, most));
        break;
      }
      default:
        times.set(member, ms);
        model[member] = ms;
    }
    REQUIRE(times.size() == model.size());
    const Bytes other = random_member(random, members);
    REQUIRE(times.find(other) == (model.contains(other) ? model[other] : kNoExpiry));
    std::int64_t earliest = kNoExpiry, latest = kNoExpiry;
    if (step % 50 != 0) continue;
    for (const auto& [_, at] : model) {
      earliest = earliest == kNoExpiry ? at : std::min(earliest, at);
      latest = std::max(latest, at);
    }
    REQUIRE(times.earliest() == earliest);
    REQUIRE(times.latest() == latest);
  }
  REQUIRE(contents(times) == model);
  const MemberTimes twin = times.copy();
  times.set("new", 1);
  REQUIRE(contents(twin) == model);
  REQUIRE(twin.memory_usage(0) > 0);
}

// --- values ---

namespace {

void put(Hash& hash, ByteView member, const EncodingLimits& limits) {
  hash.set_keeping_time(member, "v", limits);
}
void put(Set& set, ByteView member, const EncodingLimits& limits) { set.add(member, limits); }
void put(SortedSet& set, ByteView member, const EncodingLimits& limits) {
  set.set(member, static_cast<double>(member.size()), limits);
}

EncodingLimits limits_of(std::size_t entries) {
  EncodingLimits limits;
  limits.hash_listpack_entries = limits.set_listpack_entries = entries;
  limits.zset_listpack_entries = limits.set_intset_entries = entries;
  return limits;
}

// kNoExpiry for members without an end.
template <class T>
void check(const T& value, const Times& model) {
  REQUIRE(value.size() == model.size());
  std::int64_t earliest = kNoExpiry;
  for (const auto& [member, ms] : model) {
    REQUIRE(value.member_ms(member) == ms);
    if (ms != kNoExpiry) earliest = earliest == kNoExpiry ? ms : std::min(earliest, ms);
  }
  REQUIRE(value.earliest_member_ms() == earliest);
  const bool mortal = std::none_of(model.begin(), model.end(),
                                   [](const auto& one) { return one.second == kNoExpiry; });
  REQUIRE(value.has_ended(1'000'000) == (mortal && value.times() != nullptr));
}

}  // namespace

TEMPLATE_TEST_CASE("members end", "[member_times]", Hash, Set, SortedSet) {
  std::mt19937_64 random(Catch::rngSeed());
  const EncodingLimits limits = limits_of(GENERATE(0, 16, 512));
  const unsigned members = GENERATE(12U, 400U);
  auto value = std::make_unique<TestType>();
  Times model;
  for (int step = 0; step < 4000; ++step) {
    const Bytes member = random_member(random, members);
    const bool there = model.contains(member);
    const auto ms = static_cast<std::int64_t>(random() % 300);
    switch (random() % 6) {
      case 0:
        if (there) value->remove_member(member);
        model.erase(member);
        break;
      case 1:
        if (!there) break;
        value->set_member_ms(member, ms);
        model[member] = ms;
        break;
      case 2:
        if (!there || random() % 3 != 0) break;
        value->set_member_ms(member, kNoExpiry);
        model[member] = kNoExpiry;
        break;
      case 3: {
        Times ending;
        for (const auto& [name, at] : model) {
          if (at != kNoExpiry) ending[name] = at;
        }
        std::vector<Bytes> ended;
        const std::size_t most = random() % 3 == 0 ? SIZE_MAX : random() % 5;
        value->expire_members(ms / 10, most, ended);
        REQUIRE(ended == take_before(ending, ms / 10, most));
        for (const Bytes& gone : ended) model.erase(gone);
        break;
      }
      default:
        put(*value, member, limits);
        model.emplace(member, kNoExpiry);
    }
    if (step % 100 == 0) check(*value, model);
    if (step % 1000 == 0) {
      std::unique_ptr<Object> twin = value->copy();
      value.reset(static_cast<TestType*>(twin.release()));
    }
  }
  check(*value, model);
  REQUIRE(value->members_may_end());
}

TEST_CASE("a value without ends takes no more than one that never knew of them",
          "[member_times]") {
  const EncodingLimits limits = limits_of(512);
  const auto hash = std::make_unique<Hash>();
  for (int i = 0; i < 10; ++i) hash->set("field" + std::to_string(i), "0123456789", limits);
  REQUIRE(hash->times() == nullptr);
  REQUIRE(sizeof(Hash) == 16);
  REQUIRE(sizeof(Set) == 16);
  REQUIRE(sizeof(SortedSet) == 16);
  REQUIRE(sizeof(Shard) == 64);
  const std::size_t before = hash->memory_usage(0);
  hash->set_member_ms("field1", 1000);
  REQUIRE(hash->memory_usage(0) > before);
  REQUIRE(ByteView(hash->encoding()) == "listpackex");
}

TEST_CASE("what is popped or cut off a sorted set loses its end", "[member_times]") {
  const EncodingLimits limits = limits_of(GENERATE(0, 512));
  SortedSet set;
  for (int i = 0; i < 100; ++i) {
    const Bytes member = "m" + std::to_string(i);
    set.set(member, i, limits);
    set.set_member_ms(member, 1000 + i);
  }
  set.erase_range({10, 80});
  REQUIRE(set.times()->size() == 20);
  REQUIRE(set.times()->find("m10") == kNoExpiry);
  REQUIRE(set.times()->find("m9") == 1009);
  REQUIRE(set.verify());
}

// --- the engine ---

namespace {

struct Rig {
  ManualClock clock;
  MemoryJournal journal;
  std::unique_ptr<TestEngine> engine = std::make_unique<TestEngine>(clock, journal);

  Bytes run(ByteView line) {
    std::vector<Bytes> texts;
    REQUIRE(split_line(line, texts));
    engine->run("a", texts);
    Bytes reply = engine->take_reply("a");
    std::erase(reply, '\r');
    std::replace(reply.begin(), reply.end(), '\n', ' ');
    return reply;
  }
  Dispatcher& dispatcher() { return *engine->dispatcher; }
  const Object* object(ByteView key) {
    const std::uint64_t hash = hash_in_memory(key);
    const auto place = engine->keyspace.shard(stripe_of(hash), 0).keys.find(key, hash);
    return place ? static_cast<const Entry*>(place.item().pointer)->object() : nullptr;
  }
  // Every key with its members, when they end, and when it does itself.
  std::map<Bytes, Bytes> state() {
    std::map<Bytes, Bytes> all;
    for (unsigned db = 0; db < TestEngine::kDatabases; ++db) {
      for (unsigned i = 0; i < kStripes; ++i) {
        engine->keyspace.shard(i, engine->keyspace.physical(db)).keys.for_each([&](TableItem item) {
          const auto* entry = static_cast<const Entry*>(item.pointer);
          all[std::to_string(db) + " " + Bytes(entry->key())] = text(*entry);
        });
      }
    }
    return all;
  }
  bool is_sound() {
    bool sound = true;
    for (unsigned db = 0; db < TestEngine::kDatabases; ++db) {
      for (unsigned i = 0; i < kStripes; ++i) {
        sound = sound && memoir::is_sound(engine->keyspace.shard(i, db), i);
      }
    }
    return sound;
  }
  void restart() {
    engine = std::make_unique<TestEngine>(clock, journal);
    REQUIRE(engine->replay());
  }

 private:
  static Bytes text(const Entry& entry) {
    Bytes text = std::to_string(entry.expire_ms());
    if (entry.is_string()) return text + " a string";
    std::map<Bytes, std::int64_t> members;
    const auto add = [&](ByteView member) {
      members[Bytes(member)] = entry.object()->member_ms(member);
    };
    if (entry.type() == TypeId::kHash) {
      static_cast<const Hash*>(entry.object())->for_each([&](const HashText& field, HashText) {
        char buffer[kIntegerCharsMax];
        add(field.text(buffer));
      });
    } else if (entry.type() == TypeId::kSet) {
      static_cast<const Set*>(entry.object())->for_each([&](const MemberView& member) {
        add(member.text());
      });
    } else {
      static_cast<const SortedSet*>(entry.object())->for_each([&](ByteView member, double) {
        add(member);
      });
    }
    text += " " + Bytes(entry.encoding());
    for (const auto& [member, ms] : members) text += " " + member + "=" + std::to_string(ms);
    return text;
  }
};

Bytes random_line(std::mt19937_64& random) {
  const auto pick = [&](std::initializer_list<const char*> of) {
    return Bytes(std::data(of)[random() % of.size()]);
  };
  const auto number = [&](unsigned below) { return std::to_string(random() % below); };
  const Bytes key = pick({"h1", "h2", "h3", "c1", "c2", "z1", "z2"});
  const Bytes member = "m" + number(6);
  const Bytes ms = number(400);
  switch (random() % 26) {
    case 0: case 1: case 2: return "hset " + key + " " + member + " " + number(9) + " x 1";
    case 3: case 4: return "sadd " + key + " " + member + " " + number(9);
    case 5: case 6: return "zadd " + key + " " + number(9) + " " + member + " 1 " + number(9);
    case 7: case 8: return "hpexpire " + key + " " + ms + " fields 2 x " + member;
    case 9: case 10: case 11: return "pexpiremember " + key + " " + member + " " + ms;
    case 12: return "persistmember " + key + " " + member;
    case 13: return pick({"hlen ", "scard ", "zcard ", "type ", "ttl "}) + key;
    case 14: return "hsetex " + key + " px " + ms + " fields 1 " + member + " 3";
    case 15: return "hgetex " + key + pick({" persist", " px 50"}) + " fields 1 " + member;
    case 16: return "hincrbyfloat " + key + " " + member + " 1.5";
    case 17: return "rename " + key + " " + pick({"h1", "h2", "c1", "z1"});
    case 18: return "copy " + key + " " + pick({"h1", "c2", "z2"}) + " replace";
    case 19: return "move " + key + " 1";
    case 20: return pick({"pexpire " , "pexpire ", "set "}) + key + " " + ms;
    case 21: return pick({"persist ", "del ", "hgetall ", "zpopmin "}) + key;
    case 22: return pick({"hdel ", "srem ", "zrem "}) + key + " " + member + " x";
    case 23: return pick({"sunionstore c1 c1 c2", "zunionstore z1 2 z2 c1", "swapdb 0 1", "flushdb",
                          "smove c1 c2 m1"});
    case 24: return pick({"spop ", "hrandfield ", "zrange z1 0 "}) + key;
    default: return "zremrangebyrank " + key + " 0 0";
  }
}

}  // namespace

TEST_CASE("random commands on members that end replay to the same state", "[member_times]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 6; ++round) {
    Rig rig;
    if (round % 2 != 0) rig.engine->keyspace.limits = limits_of(0);
    const EncodingLimits limits = rig.engine->keyspace.limits;
    for (int step = 0; step < 1500; ++step) {
      rig.run(random_line(random));
      if (random() % 8 == 0) rig.clock.advance_ms(static_cast<std::int64_t>(random() % 100));
      if (random() % 30 == 0) rig.dispatcher().expire_some(0, 1, 100'000);
      if (step % 100 == 0) REQUIRE(rig.is_sound());
    }
    const auto before = rig.state();
    rig.engine = std::make_unique<TestEngine>(rig.clock, rig.journal);
    rig.engine->keyspace.limits = limits;
    REQUIRE(rig.engine->replay());
    REQUIRE(rig.state() == before);
    REQUIRE(rig.is_sound());
    rig.clock.advance_ms(1'000'000);
    rig.dispatcher().expire_some(0, 1, 10'000'000);
    for (const auto& [key, text] : rig.state()) {
      INFO(key << ": " << text);
      for (std::size_t at = text.find('='); at != Bytes::npos; at = text.find('=', at + 1)) {
        REQUIRE(text.substr(at, 3) == "=-1");
      }
    }
    REQUIRE(rig.is_sound());
  }
}

TEST_CASE("active expiry removes members in time, many at a step", "[member_times]") {
  Rig rig;
  constexpr int kKeys = 600;
  for (int i = 0; i < kKeys; ++i) {
    const Bytes key = std::to_string(i);
    if (i % 100 == 0) rig.run("select " + std::to_string(i / 100 % 3));
    rig.run("sadd s" + key + " a b");
    rig.run("pexpiremember s" + key + " a " + (i % 3 == 0 ? "10000" : "100"));
  }
  rig.run("select 0");
  for (int i = 0; i < 3000; ++i) {
    rig.run("hsetex big px 100 fields 1 f" + std::to_string(i) + " v");
  }
  rig.clock.advance_ms(101);
  rig.journal.records.clear();
  std::size_t removed = 0;
  for (int i = 0; i < 300 && removed < 3400; ++i) {
    removed += rig.dispatcher().expire_some(0, 2, 1000);
    removed += rig.dispatcher().expire_some(1, 2, 1000);
  }
  REQUIRE(removed == 3400);
  REQUIRE(rig.dispatcher().stats().expired_members == 3400);
  REQUIRE(rig.dispatcher().stats().expired == 0);
  REQUIRE(rig.object("big") == nullptr);
  std::size_t words_max = 0;
  for (const auto& record : rig.journal.records) {
    words_max = std::max(words_max, record.words.size());
  }
  REQUIRE(words_max < 20'000);  // no record of all that went
  rig.dispatcher().settings.active_expire = false;
  rig.clock.advance_ms(100'000);
  REQUIRE(rig.dispatcher().expire_some(0, 1, 100'000) == 0);
}

TEST_CASE("a replica hides members whose time is over, and keeps them", "[member_times]") {
  Rig rig;
  if (GENERATE(true, false)) rig.engine->keyspace.limits = limits_of(0);
  rig.run("hset h a 1 b 2 c 3");
  rig.run("hpexpire h 100 fields 2 a b");
  rig.run("sadd s a b");
  rig.run("pexpiremember s a 100");
  rig.run("zadd z 1 a 2 b");
  rig.run("pexpiremember z a 100");
  rig.run("hset gone a 1");
  rig.run("hpexpire gone 100 fields 1 a");
  rig.clock.advance_ms(101);
  rig.journal.records.clear();
  rig.dispatcher().settings.expiry = ExpiryMode::kHide;
  REQUIRE(rig.run("hlen h") == ":1 ");
  REQUIRE(rig.run("hmget h a c") == "*2 $-1 $1 3 ");
  REQUIRE(rig.run("httl h fields 2 a c") == "*2 :-2 :-1 ");
  REQUIRE(rig.run("smembers s") == "*1 $1 b ");
  REQUIRE(rig.run("sunion s s") == "*1 $1 b ");
  REQUIRE(rig.run("zrange z 0 -1") == "*1 $1 b ");
  REQUIRE(rig.run("zrank z b") == ":0 ");
  REQUIRE(rig.run("exists gone h") == ":1 ");
  REQUIRE(rig.run("hgetall gone") == "*0 ");
  REQUIRE(rig.dispatcher().expire_some(0, 1, 100'000) == 0);
  REQUIRE(rig.object("h")->size() == 3);
  REQUIRE(rig.object("s")->size() == 2);
  REQUIRE(rig.object("z")->size() == 2);
  REQUIRE(rig.object("gone")->size() == 1);
  REQUIRE(rig.journal.records.empty());
  // A replica that takes writes: what is changed there loses what was hidden.
  REQUIRE(rig.run("hset h a 9") == ":1 ");
  REQUIRE(rig.run("hlen h") == ":2 ");
  REQUIRE(rig.run("hset gone b 1") == ":1 ");
  REQUIRE(rig.run("hgetall gone") == "*2 $1 b $1 1 ");
  REQUIRE(rig.run("copy s t") == ":1 ");
  REQUIRE(rig.run("rename z y") == "+OK ");
  REQUIRE(rig.run("del s") == ":1 ");
  REQUIRE(rig.is_sound());
  rig.dispatcher().settings.expiry = ExpiryMode::kDelete;
  REQUIRE(rig.run("smembers t") == "*1 $1 b ");
  REQUIRE(rig.run("zrange y 0 -1") == "*1 $1 b ");
}

TEST_CASE("a replay does not look at the clock for members either", "[member_times]") {
  Rig rig;
  rig.run("hset h a 1 b 2");
  rig.run("hpexpire h 100 fields 1 a");
  rig.clock.advance_ms(1000);
  rig.restart();
  REQUIRE(rig.object("h")->size() == 2);
  REQUIRE(rig.run("hlen h") == ":1 ");
}

}  // namespace memoir
