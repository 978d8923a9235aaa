#include <stdlib.h>

#include <catch2/catch.hpp>

#include "persistence/file.h"
#include "persistence/memory_file.h"
#include "persistence/snapshot_file.h"

namespace memoir {

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/memoir-file-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TemporaryDirectory() { remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  static void remove_all(const std::string& path) {
    FileSystem& files = posix_file_system();
    auto entries = files.list(path);
    for (const DirectoryEntry& entry : *entries) {
      const std::string inner = join_path(path, entry.name);
      if (entry.is_directory) {
        remove_all(inner);
      } else {
        (void)files.remove(inner);
      }
    }
    (void)files.remove(path);
  }
  std::string path_;
};

// What every file system does.
void check_file_system(FileSystem& files, const std::string& root) {
  const std::string directory = join_path(root, "a/b/c");
  REQUIRE(files.create_directories(directory));
  REQUIRE(files.create_directories(directory));
  const std::string path = join_path(directory, "file");
  CHECK(files.open(path, OpenMode::kWrite).peek_error().code() == ErrorCode::kNotFound);
  {
    auto file = files.open(path, OpenMode::kCreate);
    REQUIRE(file);
    std::vector<ByteView> parts(200, "ab");
    parts[7] = "";
    REQUIRE((*file)->write(3, parts));
    CHECK(*(*file)->size() == 3 + 199 * 2);
    REQUIRE((*file)->write(1, "XY"));
    char buffer[8];
    CHECK(*(*file)->read(0, buffer, 5) == 5);
    CHECK(ByteView(buffer, 5) == ByteView("\0XYab", 5));
    CHECK(*(*file)->read(3 + 199 * 2 - 2, buffer, 8) == 2);
    CHECK(*(*file)->read(5000, buffer, 8) == 0);
    REQUIRE((*file)->sync());
    REQUIRE((*file)->truncate(4));
    CHECK(*(*file)->size() == 4);
    REQUIRE((*file)->allocate(4, 700'000, Fill::kZeros));
    CHECK(*(*file)->size() == 700'004);
    REQUIRE((*file)->allocate(700'004, 100, Fill::kReserve));
    CHECK(*(*file)->size() == 700'104);
    CHECK(*(*file)->read(700'000, buffer, 8) == 8);
    CHECK(ByteView(buffer, 8) == ByteView("\0\0\0\0\0\0\0\0", 8));
  }
  REQUIRE(files.sync_directory(directory));
  REQUIRE(files.rename(path, path + "2"));
  const auto entries = files.list(directory);
  REQUIRE(entries);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().name == "file2");
  CHECK(files.list(join_path(root, "a"))->front().is_directory);
  CHECK(files.list(join_path(root, "nothing")).peek_error().code() == ErrorCode::kNotFound);
  CHECK(files.info(directory)->is_directory);
  CHECK_FALSE(files.info(path + "2")->is_directory);
  REQUIRE(files.remove(path + "2"));
  CHECK_FALSE(files.remove(path + "2"));

  REQUIRE(write_file(files, path, "hello"));
  CHECK(*read_file(files, path) == "hello");
  CHECK(read_file(files, path, 4).peek_error().code() == ErrorCode::kTooLarge);
  REQUIRE(copy_file(files, path, 2, path + "3"));
  CHECK(*read_file(files, path + "3") == "llo");

  const std::string lock_path = join_path(root, "lock");
  auto lock = files.lock(lock_path);
  REQUIRE(lock);
  const auto second = files.lock(lock_path);
  REQUIRE_FALSE(second);
  CHECK(second.peek_error().text() == lock_path + " is in use by another process");
  *lock = nullptr;
  CHECK(files.lock(lock_path));
}

}  // namespace

TEST_CASE("the system's files", "[persistence]") {
  TemporaryDirectory directory;
  check_file_system(posix_file_system(), directory.path());
}

TEST_CASE("files in memory", "[persistence]") {
  MemoryFileSystem files;
  check_file_system(files, "root");
}

TEST_CASE("errors name the path and the reason", "[persistence]") {
  const auto missing = posix_file_system().open("/nowhere/file", OpenMode::kRead);
  CHECK(missing.peek_error().text() == "/nowhere/file: No such file or directory");
}

TEST_CASE("paths are taken apart and joined", "[persistence]") {
  CHECK(join_path("a", "b") == "a/b");
  CHECK(join_path("a/", "b") == "a/b");
  CHECK(join_path("", "b") == "b");
  CHECK(parent_path("a/b") == "a");
  CHECK(parent_path("a/b//") == "a");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("a") == ".");
  CHECK(parent_path("") == ".");
  CHECK(base_name("a/b") == "b");
  CHECK(base_name("a/b/") == "b");
  CHECK(base_name("b") == "b");
}

TEST_CASE("snapshots are found by their names", "[persistence]") {
  MemoryFileSystem files;
  REQUIRE(files.create_directories("data"));
  for (const char* name : {"snapshot-00000000000000000200.rdb", "snapshot-00000000000000000030.rdb",
                           "snapshot-00000000000000000030.index", "snapshot-7.rdb", "dump.rdb",
                           "snapshot-0000000000000000003x.rdb"}) {
    REQUIRE(files.open(join_path("data", name), OpenMode::kCreate));
  }
  const auto found = list_snapshots(files, "data");
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK((*found)[0].lsn == 30);
  CHECK((*found)[1].lsn == 200);
  CHECK((*found)[1].name == snapshot_name(200));
  CHECK(snapshot_index_name(30) == "snapshot-00000000000000000030.index");
}

TEST_CASE("a power cut forgets what was not synced", "[persistence]") {
  MemoryFileSystem files;
  Random random(1);
  REQUIRE(files.create_directories("d"));
  auto file = files.open("d/f", OpenMode::kCreate);
  REQUIRE((*file)->write(0, "old"));
  REQUIRE((*file)->sync());
  CHECK_FALSE(files.power_cut(MemoryFileSystem::Unsynced::kLost, random)->exists("d/f"));
  REQUIRE(files.sync_directory("d"));
  REQUIRE((*file)->write(0, "newer"));
  CHECK(files.power_cut(MemoryFileSystem::Unsynced::kLost, random)->contents("d/f") == "old");
  CHECK(files.power_cut(MemoryFileSystem::Unsynced::kKept, random)->contents("d/f") == "newer");
  REQUIRE(files.rename("d/f", "d/g"));
  CHECK(files.power_cut(MemoryFileSystem::Unsynced::kLost, random)->exists("d/f"));
  REQUIRE(files.sync_directory("d"));
  CHECK(files.power_cut(MemoryFileSystem::Unsynced::kLost, random)->contents("d/g") == "old");
}

TEST_CASE("faults happen where they are planned", "[persistence]") {
  using Operation = MemoryFileSystem::Operation;
  MemoryFileSystem files;
  REQUIRE(files.create_directories("d"));
  auto file = files.open("d/f", OpenMode::kCreate);
  files.set_faults([](std::uint64_t, Operation operation) {
    return operation == Operation::kWrite
               ? std::optional<MemoryFileSystem::Fault>({.code = ErrorCode::kIo, .bytes_done = 2})
               : std::nullopt;
  });
  const Status failed = (*file)->write(0, "abcd");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text() == "Input/output error");
  CHECK(files.contents("d/f") == "ab");
  files.set_faults({});
  files.set_capacity(10);
  CHECK((*file)->write(0, Bytes(11, 'x')).error().code() == ErrorCode::kNoSpace);
  CHECK((*file)->write(0, Bytes(10, 'x')));
}

}  // namespace memoir
