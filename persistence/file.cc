#include "persistence/file.h"

#include <algorithm>

namespace memoir {

namespace {
constexpr std::size_t kCopyBytes = 1UL << 20;
}

std::string join_path(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  if (directory.back() == '/') return directory + name;
  return directory + "/" + name;
}

std::string parent_path(const std::string& path) {
  std::size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  const std::size_t slash = path.rfind('/', end - 1);
  if (end == 0 || slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_name(const std::string& path) {
  std::size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  if (end == 0) return "";
  const std::size_t slash = path.rfind('/', end - 1);
  if (slash == std::string::npos) return path.substr(0, end);
  return path.substr(slash + 1, end - slash - 1);
}

Result<Bytes> read_file(FileSystem& files, const std::string& path, std::size_t bytes_max) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return Error(size.peek_error().code(), path + ": " + size.peek_error().text());
  if (*size > bytes_max) return Error(ErrorCode::kTooLarge, path + ": file too large");
  Bytes contents(*size, '\0');
  const auto got = (*file)->read(0, contents.data(), contents.size());
  if (!got) return Error(got.peek_error().code(), path + ": " + got.peek_error().text());
  contents.resize(*got);
  return contents;
}

Status write_file(FileSystem& files, const std::string& path, ByteView contents) {
  const std::string temporary = path + ".tmp";
  {
    auto file = files.open(temporary, OpenMode::kCreate);
    if (!file) return file.error();
    Status done = (*file)->write(0, contents);
    if (done) done = (*file)->sync();
    if (!done) {
      Error error(done.error().code(), temporary + ": " + done.error().text());
      (void)files.remove(temporary);
      return error;
    }
  }
  if (Status renamed = files.rename(temporary, path); !renamed) return renamed;
  return files.sync_directory(parent_path(path));
}

Status copy_file(FileSystem& files, const std::string& from, std::uint64_t offset,
                 const std::string& to) {
  auto source = files.open(from, OpenMode::kRead);
  if (!source) return source.error();
  auto target = files.open(to, OpenMode::kCreate);
  if (!target) return target.error();
  Bytes buffer(kCopyBytes, '\0');
  for (std::uint64_t at = 0;; ) {
    const auto got = (*source)->read(offset + at, buffer.data(), buffer.size());
    if (!got) return Error(got.peek_error().code(), from + ": " + got.peek_error().text());
    if (*got == 0) break;
    if (Status done = (*target)->write(at, ByteView(buffer).substr(0, *got)); !done) {
      return Error(done.error().code(), to + ": " + done.error().text());
    }
    at += *got;
  }
  if (Status done = (*target)->sync(); !done) {
    return Error(done.error().code(), to + ": " + done.error().text());
  }
  return files.sync_directory(parent_path(to));
}

}  // namespace memoir
