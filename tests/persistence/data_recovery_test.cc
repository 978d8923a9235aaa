// What a start takes from a directory: which snapshot, how much journal, and when it refuses.
#include <catch2/catch.hpp>

#include "persistence/data_recovery.h"
#include "persistence/rdb_blocks.h"
#include "persistence/snapshot_writer.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {
namespace {

// Its memory is a text: what the snapshot held, then the words of the records.
class TextSink final : public DataSink {
 public:
  explicit TextSink(FileSystem& files) : files_(files) {}

  Status load_snapshot(const std::string& path, Lsn) override {
    REQUIRE(memory.empty());
    auto file = files_.open(path, OpenMode::kRead);
    if (!file) return file.error();
    RdbFileSource source(**file, *(*file)->size());
    RdbReader in(source);
    Events events(*this);
    return read_rdb_file(in, RdbChecksum::kYes, events);
  }
  void clear() override { memory.clear(); }
  Status on_record(const RecordView& record) override {
    memory += record.words;
    ++records;
    return ok;
  }

  Bytes memory;
  int records = 0;

 private:
  class Events final : public RdbFileEvents {
   public:
    explicit Events(TextSink& sink) : sink_(sink) {}
    Status function(ByteView) override { return ok; }
    Status database(std::uint64_t) override { return ok; }
    Status key(const RdbKey&, RdbReader& in) override {
      sink_.memory += in.string();
      return ok;
    }

   private:
    TextSink& sink_;
  };

  FileSystem& files_;
};

struct Named {
  Lsn lsn = 0;
  Bytes replication_id = kTestReplicationId;
  std::uint32_t timeline = 1;
};

// A snapshot whose one value is all that was written before.
void save(FileSystem& files, const Bytes& memory, Named named) {
  SnapshotSettings settings;
  settings.directory = "data";
  settings.link_name.clear();
  settings.lsn = named.lsn;
  settings.replication_id = named.replication_id;
  settings.timeline = named.timeline;
  Keyspace keyspace(1);
  const std::uint64_t hash = hash_in_memory("memory");
  keyspace.shard(stripe_of(hash), 0)
      .keys.insert({Entry::make_shared("memory", SharedBytes::copy_of(memory))}, hash);
  REQUIRE(save_snapshot(files, keyspace, settings));
}

// A journal with snapshots on the way.
struct Written {
  ManualClock clock;
  MemoryFileSystem files;
  Bytes stream;
  std::vector<Lsn> snapshots;

  explicit Written(int records, std::initializer_list<int> saved_at,
                   std::uint64_t segment_bytes = 4096) {
    Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, segment_bytes));
    REQUIRE(opened.journal);
    for (int i = 0; i < records; ++i) {
      const Bytes words = set_request(i);
      opened.journal->append({.words = words});
      opened.journal->flush();
      opened.journal->work();
      stream += words;
      if (std::ranges::find(saved_at, i) == saved_at.end()) continue;
      save(files, stream, {.lsn = opened.journal->position()});
      snapshots.push_back(opened.journal->position());
    }
    REQUIRE(opened.journal->close());
  }
  std::string path_of(std::size_t snapshot) const {
    return join_path("data", snapshot_name(snapshots[snapshot]));
  }
};

struct Found {
  Bytes memory;
  int records = 0;
  std::string error;
  RecoveredData data;
};

Found recover(FileSystem& files) {
  QuietLog quiet;
  TextSink sink(files);
  auto data = recover_data(files, {.directory = "data"}, sink);
  Found found{.memory = sink.memory, .records = sink.records, .error = {}, .data = {}};
  if (data) {
    found.data = *std::move(data);
  } else {
    found.error = data.peek_error().text();
  }
  return found;
}

}  // namespace

TEST_CASE("recovery takes the newest snapshot and the journal behind it", "[persistence]") {
  Written written(60, {10, 30, 50});
  const Found found = recover(written.files);
  CHECK(found.error.empty());
  CHECK(found.memory == written.stream);
  CHECK(found.records == 9);
  CHECK(found.data.snapshot == written.snapshots[2]);
  CHECK(found.data.end_lsn == written.stream.size());
}

TEST_CASE("a damaged snapshot is left aside for the one before it", "[persistence]") {
  Written written(40, {10, 30});
  const Bytes sound = written.files.contents(written.path_of(1));
  SECTION("any byte changed") {
    for (std::size_t at = 0; at < sound.size(); at += 3) {
      CAPTURE(at);
      Bytes flipped = sound;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x21);
      written.files.set_contents(written.path_of(1), flipped);
      const Found found = recover(written.files);
      REQUIRE(found.error.empty());
      REQUIRE(found.memory == written.stream);
      REQUIRE(found.data.snapshot == written.snapshots[0]);
      REQUIRE(found.records == 29);
    }
  }
  SECTION("cut anywhere") {
    for (std::size_t size = 0; size < sound.size(); size += 7) {
      CAPTURE(size);
      written.files.set_contents(written.path_of(1), sound.substr(0, size));
      const Found found = recover(written.files);
      REQUIRE(found.memory == written.stream);
      REQUIRE(found.data.snapshot == written.snapshots[0]);
    }
  }
  SECTION("both are damaged: the journal alone, if it goes back to the beginning") {
    written.files.set_contents(written.path_of(0), "REDIS0011");
    written.files.set_contents(written.path_of(1), "nonsense");
    const Found found = recover(written.files);
    CHECK(found.memory == written.stream);
    CHECK_FALSE(found.data.snapshot);
    CHECK(found.records == 40);
  }
  SECTION("both are damaged and the journal has lost its beginning") {
    written.files.set_contents(written.path_of(0), "REDIS0011");
    written.files.set_contents(written.path_of(1), "nonsense");
    REQUIRE(written.files.remove(segment_paths(written.files).front()));
    const Found found = recover(written.files);
    CHECK(found.error.find("data incomplete") == 0);
    CHECK(found.error.find("2 damaged") != std::string::npos);
    CHECK(found.error.find("snapshot-") != std::string::npos);
    CHECK(found.error.find("memoir-journal") != std::string::npos);
  }
  SECTION("the older one is too old for what is left of the journal") {
    written.files.set_contents(written.path_of(1), "nonsense");
    Bytes wrong = written.files.contents(written.path_of(0));
    REQUIRE(segment_paths(written.files).size() > 1);
    REQUIRE(written.files.remove(segment_paths(written.files).front()));
    const Found found = recover(written.files);
    CHECK(found.error.find("data incomplete") == 0);
  }
}

TEST_CASE("snapshots of another history are not used", "[persistence]") {
  Written written(20, {10});
  SECTION("another timeline and id") {
    save(written.files, "strange",
         {.lsn = written.stream.size(), .replication_id = Bytes(40, 'b'), .timeline = 7});
  }
  SECTION("one that says it is another LSN's") {
    save(written.files, "strange", {.lsn = 5});
    REQUIRE(written.files.rename(join_path("data", snapshot_name(5)),
                                 join_path("data", snapshot_name(written.stream.size()))));
  }
  const Found found = recover(written.files);
  CHECK(found.memory == written.stream);
  CHECK(found.data.snapshot == written.snapshots[0]);
}

TEST_CASE("a snapshot ahead of a torn journal is the truth", "[persistence]") {
  for (int lost = 1; lost < 12; ++lost) {
    CAPTURE(lost);
    // The end of the journal was never synced, and is gone; the snapshot was.
    Written written(30, {20, 29}, 1UL << 20);
    const std::string segment = segment_paths(written.files).front();
    Bytes contents = written.files.contents(segment);
    for (int i = 0; i <= lost; ++i) contents.resize(contents.rfind("JMRF"));
    written.files.set_contents(segment, contents + Bytes(4096, '\0'));

    Found found = recover(written.files);
    REQUIRE(found.error.empty());
    REQUIRE(found.memory == written.stream);
    REQUIRE(found.data.end_lsn == written.stream.size());

    // The journal goes on at the snapshot's LSN, in a timeline of its own.
    FileJournalOptions options = simulated();
    options.replication_id.clear();
    options.first_lsn = found.data.end_lsn;
    auto journal = FileJournal::open(written.files, written.clock, std::move(found.data.journal),
                                     std::move(options));
    REQUIRE(journal);
    CHECK((*journal)->position() == written.stream.size());
    CHECK((*journal)->stats().timeline == 2);
    CHECK((*journal)->replication_id() == kTestReplicationId);
    const Bytes more = set_request(1000);
    (*journal)->append({.words = more});
    REQUIRE((*journal)->sync_now());
    journal->reset();

    {
      const Found again = recover(written.files);
      REQUIRE(again.error.empty());
      REQUIRE(again.memory == written.stream + more);
      CHECK(again.records == 1);
      CHECK(again.data.snapshot == written.stream.size());
      CHECK(again.data.journal.timeline == 2);
    }

    // Damaged, it is missed.
    const Bytes sound = written.files.contents(written.path_of(1));
    written.files.set_contents(written.path_of(1), sound.substr(0, sound.size() - 1));
    CHECK(recover(written.files).error.find("data incomplete") == 0);
    // Without it the older one does not do: what lies between is nowhere else.
    REQUIRE(written.files.remove(written.path_of(1)));
    CHECK(recover(written.files).error.find("data incomplete") == 0);
  }
}

TEST_CASE("a damaged snapshot that the journal does not reach is no silent loss",
          "[persistence]") {
  Written written(30, {10, 29}, 1UL << 20);
  const std::string segment = segment_paths(written.files).front();
  Bytes contents = written.files.contents(segment);
  for (int i = 0; i < 4; ++i) contents.resize(contents.rfind("JMRF"));
  written.files.set_contents(segment, contents);
  const Bytes sound = written.files.contents(written.path_of(1));
  written.files.set_contents(written.path_of(1), sound.substr(0, sound.size() - 1));
  const Found found = recover(written.files);
  CHECK(found.error.find("data incomplete") == 0);
  CHECK(found.error.find(snapshot_name(written.snapshots[1])) != std::string::npos);
  written.files.set_contents(written.path_of(1), sound);
  CHECK(recover(written.files).memory == written.stream);
}

TEST_CASE("a loss of power at any moment leaves data that recover", "[persistence]") {
  QuietLog quiet;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    ManualClock clock;
    auto files = std::make_unique<MemoryFileSystem>();
    Bytes acknowledged;  // known to be on disk
    Bytes written;
    for (int life = 0; life < 4; ++life) {
      TextSink sink(*files);
      auto data = recover_data(*files, {.directory = "data"}, sink);
      if (!data) FAIL(data.peek_error().text());
      REQUIRE(sink.memory.starts_with(acknowledged));
      REQUIRE(written.starts_with(sink.memory));
      written = sink.memory;
      FileJournalOptions options = simulated(SyncMode::kEverySecond, 4096);
      if (data->journal.found) options.replication_id.clear();
      options.first_lsn = data->end_lsn;
      auto journal =
          FileJournal::open(*files, clock, std::move(data->journal), std::move(options));
      if (!journal) FAIL(journal.peek_error().text());
      REQUIRE((*journal)->position() == written.size());
      acknowledged = written;
      for (std::uint64_t left = random.below(60); left > 0; --left) {
        const Bytes words = set_request(static_cast<int>(random.below(1000)));
        (*journal)->append({.words = words});
        (*journal)->flush();
        written += words;
        if (random.below(4) == 0) (*journal)->work();
        if (random.below(12) == 0) {
          REQUIRE((*journal)->sync_now());
          acknowledged = written;
        }
        if (random.below(12) == 0) {
          // Not waiting for the journal, as a snapshot that another program copied here.
          save(*files, written, {.lsn = written.size(),
                                 .replication_id = (*journal)->replication_id(),
                                 .timeline = (*journal)->stats().timeline});
          acknowledged = written;
        }
      }
      auto next = files->power_cut(MemoryFileSystem::Unsynced::kRandom, random);
      journal->reset();
      files = std::move(next);
    }
  }
}

}  // namespace memoir
