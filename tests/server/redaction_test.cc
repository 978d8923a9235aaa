// Which words of a request the slow log and monitors see.
#include <catch2/catch.hpp>

#include "src/server/redaction.h"

namespace memoir {
namespace {

Bytes shown(std::uint32_t flags, const std::vector<Bytes>& request) {
  const CommandSpec spec{.name = "any", .arity = at_least(1), .flags = flags};
  std::vector<Word> words;
  for (const Bytes& text : request) words.push_back({text, {}});
  std::vector<Word> copy;
  Bytes text;
  for (const Word& word : redacted({.spec = &spec, .name = spec.name}, words, copy)) {
    if (!text.empty()) text += ' ';
    text.append(word.text);
  }
  return text;
}

TEST_CASE("passwords are not shown, the rest of a request is", "[server]") {
  CHECK(shown(0, {"SET", "k", "v"}) == "SET k v");
  CHECK(shown(kSecretWords, {"AUTH", "a", "b"}) == "AUTH (redacted) (redacted)");
  CHECK(shown(kSecretWords, {"AUTH"}) == "AUTH");
  CHECK(shown(kSecretLogin, {"HELLO", "3"}) == "HELLO 3");
  CHECK(shown(kSecretLogin, {"HELLO", "3", "auth", "me", "pw", "SETNAME", "x"}) ==
        "HELLO 3 auth (redacted) (redacted) SETNAME x");
  CHECK(shown(kSecretLogin, {"HELLO", "3", "AUTH", "me"}) == "HELLO 3 AUTH (redacted)");
  CHECK(shown(kSecretValues, {"CONFIG", "SET", "hz", "10", "requirepass", "pw"}) ==
        "CONFIG SET hz 10 requirepass (redacted)");
  CHECK(shown(kSecretValues, {"CONFIG", "SET", "requirepass"}) == "CONFIG SET requirepass");
}

}  // namespace
}  // namespace memoir
