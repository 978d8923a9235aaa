// TLS between a socket's bytes and a Connection, by OpenSSL; the only place that knows it.
//
// A TlsContext is what connections have in common: certificate, key, whom to trust, protocols. It
// never changes; another configuration is another context, and connections keep the one they were
// made with. A TlsStream is one connection's. It reads and writes the socket itself, and never
// waits: it says what it needs instead. The handshake is part of the first reads and writes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "src/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace memoir {

struct TlsSettings {
  // Whether clients show certificates of a known authority.
  enum class Peers : std::uint8_t { kUnknown, kKnown, kOptional };

  std::string cert_file, key_file, key_file_pass;
  std::string dh_params_file;
  std::string ca_cert_file, ca_cert_dir;  // at least one, unless peers may be unknown
  std::string protocols;                  // "TLSv1.2 TLSv1.3"; empty: these two
  std::string ciphers;                    // up to TLS 1.2; empty: OpenSSL's default
  std::string ciphersuites;               // of TLS 1.3
  Peers peers = Peers::kKnown;
  bool prefer_server_ciphers = false;
  bool session_caching = true;
  std::int64_t session_cache_size = 20480;
  std::int64_t session_cache_timeout_s = 300;
};

// Thread-safe.
class TlsContext {
 public:
  enum class Side : std::uint8_t { kServer, kClient };

  // The error's text names what is wrong, for the log.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsSettings& settings, Side side);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsStream;
  TlsContext(ssl_ctx_st* native, Side side) : native_(native), side_(side) {}

  ssl_ctx_st* native_;
  Side side_;
};

class TlsStream {
 public:
  // `fd` is connected, non-blocking and somebody else's.
  TlsStream(std::shared_ptr<const TlsContext> context, int fd);
  // Says good-bye to the other side if it is still there.
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Outcome : std::uint8_t { kDone, kWouldBlock, kEnd, kFailed };
  struct Moved {
    Outcome outcome;
    std::size_t bytes;
  };
  Moved read(char* into, std::size_t size);
  // After kWouldBlock the same bytes are to be offered again, others may follow them.
  Moved write(const char* from, std::size_t size);

  // Bytes that were received but not read yet: the socket does not become readable for them.
  bool has_pending() const;
  // A read or write waits for the socket to be ready the other way.
  bool read_wants_write() const { return read_wants_write_; }
  bool write_wants_read() const { return write_wants_read_; }

  // Why the last call failed.
  const std::string& error_text() const { return error_; }

 private:
  Outcome outcome_of(int result, bool& wants_other, int other);

  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_;
  std::string error_;
  bool read_wants_write_{false};
  bool write_wants_read_{false};
  bool failed_{false};
};

}  // namespace memoir
