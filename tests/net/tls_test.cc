// Goal: two streams shake hands, carry bytes both ways without waiting, and tell ends and strangers
// apart; a context says what is wrong with its settings.
// Method: a certificate made with the openssl tool, a socket pair, both sides in turn.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include <catch2/catch.hpp>

#include "src/net/socket.h"
#include "src/net/tls.h"

namespace memoir {
namespace {

// A folder with cert.pem, which signs itself, and key.pem.
class Certificate {
 public:
  Certificate() {
    char name[] = "/tmp/memoir-tls-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder_ = name;
    const std::string command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test" +
                                std::string(" -keyout ") + key() + " -out " + file() +
                                " >/dev/null 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  ~Certificate() { std::filesystem::remove_all(folder_); }

  std::string file() const { return folder_ + "/cert.pem"; }
  std::string key() const { return folder_ + "/key.pem"; }
  TlsSettings settings() const {
    TlsSettings settings;
    settings.cert_file = file();
    settings.key_file = key();
    settings.ca_cert_file = file();
    return settings;
  }

 private:
  std::string folder_;
};

std::shared_ptr<const TlsContext> context(const TlsSettings& settings, TlsContext::Side side) {
  auto made = TlsContext::make(settings, side);
  if (!made) FAIL(made.peek_error().text());
  return *std::move(made);
}

std::string refusal(const TlsSettings& settings) {
  auto made = TlsContext::make(settings, TlsContext::Side::kServer);
  return made ? "" : made.peek_error().text();
}

struct Ends {
  Ends(const TlsSettings& server_side, const TlsSettings& client_side) {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    sockets[0] = Socket(fds[0]);
    sockets[1] = Socket(fds[1]);
    server.emplace(context(server_side, TlsContext::Side::kServer), fds[0]);
    client.emplace(context(client_side, TlsContext::Side::kClient), fds[1]);
  }

  // Reads at both ends until nothing moves any more; what the server got, and how it ended.
  TlsStream::Outcome pump() {
    for (int idle = 0; idle < 3;) {
      char bytes[50000];
      const TlsStream::Moved from_server = client->read(bytes, sizeof(bytes));
      if (from_server.outcome == TlsStream::Outcome::kDone) {
        client_got.append(bytes, from_server.bytes);
      }
      const TlsStream::Moved from_client = server->read(bytes, sizeof(bytes));
      if (from_client.outcome == TlsStream::Outcome::kDone) {
        server_got.append(bytes, from_client.bytes);
      } else if (from_client.outcome != TlsStream::Outcome::kWouldBlock) {
        return from_client.outcome;
      }
      idle = from_server.bytes + from_client.bytes > 0 ? 0 : idle + 1;
    }
    return TlsStream::Outcome::kWouldBlock;
  }

  // The same with the client gone.
  TlsStream::Outcome pump_to_end() {
    for (;;) {
      char bytes[1000];
      const TlsStream::Moved moved = server->read(bytes, sizeof(bytes));
      if (moved.outcome != TlsStream::Outcome::kDone) return moved.outcome;
      server_got.append(bytes, moved.bytes);
    }
  }

  Socket sockets[2];
  std::optional<TlsStream> server, client;
  std::string server_got, client_got;
};

TEST_CASE("two streams carry bytes both ways", "[net][tls]") {
  const Certificate certificate;
  Ends ends(certificate.settings(), certificate.settings());
  REQUIRE(ends.pump() == TlsStream::Outcome::kWouldBlock);
  REQUIRE(ends.client->write("hello", 5).bytes == 5);
  REQUIRE(ends.pump() == TlsStream::Outcome::kWouldBlock);
  CHECK(ends.server_got == "hello");

  const std::string large(1'000'000, 'x');
  std::size_t sent = 0;
  while (sent < large.size()) {
    const TlsStream::Moved moved = ends.server->write(large.data() + sent, large.size() - sent);
    REQUIRE(moved.outcome != TlsStream::Outcome::kFailed);
    sent += moved.bytes;
    if (moved.outcome == TlsStream::Outcome::kWouldBlock) ends.pump();
  }
  ends.pump();
  CHECK(ends.client_got == large);

  // A short read leaves the rest of the record in the stream, where the socket does not show it.
  REQUIRE(ends.client->write("0123456789", 10).bytes == 10);
  char byte;
  CHECK_FALSE(ends.server->has_pending());
  REQUIRE(ends.server->read(&byte, 1).bytes == 1);
  CHECK(ends.server->has_pending());

  ends.server_got.clear();
  ends.client.reset();
  CHECK(ends.pump_to_end() == TlsStream::Outcome::kEnd);
  CHECK(ends.server_got == "123456789");
}

TEST_CASE("strangers and garbage fail", "[net][tls]") {
  const Certificate certificate;
  const Certificate other;
  TlsSettings stranger = other.settings();
  stranger.ca_cert_file = certificate.file();
  Ends ends(certificate.settings(), stranger);
  CHECK(ends.pump() == TlsStream::Outcome::kFailed);
  CHECK_FALSE(ends.server->error_text().empty());

  Ends noise(certificate.settings(), certificate.settings());
  REQUIRE(::write(noise.sockets[1].fd(), "PING\r\n", 6) == 6);
  char bytes[100];
  CHECK(noise.server->read(bytes, sizeof(bytes)).outcome == TlsStream::Outcome::kFailed);
}

TEST_CASE("a context names what is wrong", "[net][tls]") {
  const Certificate certificate;
  CHECK(refusal(certificate.settings()).empty());
  CHECK(refusal({}) == "No tls-cert-file configured!");
  TlsSettings settings = certificate.settings();
  settings.key_file.clear();
  CHECK(refusal(settings) == "No tls-key-file configured!");
  settings = certificate.settings();
  settings.ca_cert_file.clear();
  CHECK(refusal(settings).find("tls-ca-cert-file") != std::string::npos);
  settings.peers = TlsSettings::Peers::kUnknown;
  CHECK(refusal(settings).empty());
  settings.protocols = "TLSv1.2 nonsense";
  CHECK(refusal(settings).find("Invalid tls-protocols") != std::string::npos);
  settings = certificate.settings();
  settings.key_file = certificate.file();
  CHECK(refusal(settings).find("Failed to load private key") != std::string::npos);
  settings = certificate.settings();
  settings.dh_params_file = certificate.file();
  CHECK(refusal(settings).find("DH params") != std::string::npos);
}

}  // namespace
}  // namespace memoir
