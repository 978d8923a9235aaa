// The journal: frames of one or two segments, read through TimelineReader as recovery does.
//
// Hashes would keep any change of the input from being looked at, so they are computed anew where
// the input has something like a frame, unless its first byte says otherwise.
//
//   input := raw:u8 split:u16 bytes                the second segment begins at bytes[split]
#include <algorithm>
#include <cstring>

#include "persistence/memory_file.h"
#include "persistence/timeline_reader.h"
#include "src/base/coding.h"
#include "tests/fuzz/fuzz_checks.h"

namespace memoir::fuzz {
namespace {

constexpr std::uint64_t kSalt = 42;
constexpr std::size_t kInputHead = 3;
const std::string kDirectory = "/journal/00000001";

Bytes segment_header() {
  SegmentHeader header;
  header.timeline = 1;
  header.salt = kSalt;
  std::memset(header.replication_id, 'a', sizeof(header.replication_id));
  header.hash = hash_on_disk(bytes_of(header).substr(0, offsetof(SegmentHeader, hash)));
  return Bytes(bytes_of(header));
}

// Computes the hashes of what looks like frames.
void mend(Bytes& body) {
  for (std::size_t at = 0; at + kFrameHeadBytes <= body.size();) {
    auto head = load<FrameHead>(body.data() + at);
    head.magic = kFrameMagic;
    const std::size_t room = body.size() - at - kFrameHeadBytes;
    if (head.body_bytes() <= room) {
      const ByteView rest = ByteView(body).substr(at + kFrameHeadBytes);
      const std::size_t front = std::size_t{head.table_bytes} + head.sessions_bytes;
      seal_frame(head, kSalt, rest.substr(0, head.table_bytes),
                 rest.substr(head.table_bytes, head.sessions_bytes),
                 rest.substr(front, head.words_bytes));
    } else {
      seal_head(head, kSalt);
    }
    std::memcpy(body.data() + at, &head, sizeof(head));
    if (head.body_bytes() > room) return;
    at += kFrameHeadBytes + static_cast<std::size_t>(head.body_bytes());
  }
}

class Sink final : public RecordSink {
 public:
  Status on_record(const RecordView& record) override {
    require(record.first >= end_ && record.lsn >= record.first, "the order of records");
    require(record.lsn - record.first == record.words.size(), "the length of a record");
    end_ = record.lsn;
    RequestCursor requests(record.words);
    std::vector<ByteView> words;
    while (requests.next(words)) bytes_ += words.size();
    return ok;
  }

 private:
  Lsn end_ = 0;
  std::size_t bytes_ = 0;
};

void read(FileSystem& files, Timeline timeline, Lsn from) {
  TimelineReader reader(files, std::move(timeline), from, 4096);
  Sink sink;
  FrameView frame;
  Lsn end = 0;
  while (true) {
    const Result<bool> next = reader.next(frame);
    if (!next) {
      require(next.peek_error().code() == ErrorCode::kCorrupt ||
                  next.peek_error().code() == ErrorCode::kUnsupported,
              "an error that is none of the journal's");
      return;
    }
    if (!*next) return;
    require(frame.head.first_lsn >= end, "the order of frames");
    end = frame.head.end_lsn();
    if (!deliver_frame(frame, from, UINT64_MAX, sink)) return;
  }
}

}  // namespace
}  // namespace memoir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memoir;
  set_log_level(LogLevel::kNothing);
  if (size < fuzz::kInputHead) return 0;
  const ByteView input(reinterpret_cast<const char*>(data), size);
  const ByteView bytes = input.substr(fuzz::kInputHead);
  const std::size_t split =
      std::min<std::size_t>(load<std::uint16_t>(input.data() + 1), bytes.size());
  Bytes bodies[] = {Bytes(bytes.substr(0, split)), Bytes(bytes.substr(split))};
  Lsn second_lsn = 1;
  if (bodies[1].size() >= kFrameHeadBytes) second_lsn = load<FrameHead>(bodies[1].data()).first_lsn;
  MemoryFileSystem files;
  Timeline timeline{.number = 1, .path = fuzz::kDirectory, .segments = {}};
  const Lsn starts[] = {0, std::max<Lsn>(second_lsn, 1)};
  for (std::size_t i = 0; i < 2; ++i) {
    if (i == 1 && bodies[1].empty()) break;
    if (input[0] % 4 != 0) fuzz::mend(bodies[i]);
    const std::string path = join_path(fuzz::kDirectory, segment_name(starts[i]));
    files.set_contents(path, fuzz::segment_header() + bodies[i]);
    timeline.segments.push_back({.first_lsn = starts[i], .path = path});
  }
  fuzz::read(files, timeline, 0);
  if (timeline.segments.size() == 2) fuzz::read(files, timeline, starts[1]);
  return 0;
}
