#include "src/net/tls.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cctype>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sstream>

#include "src/base/assert.h"

namespace memoir {
namespace {

constexpr unsigned char kSessionContext[] = "memoir";

std::string last_tls_error() {
  const unsigned long code = ERR_get_error();
  if (code == 0) return errno != 0 ? std::strerror(errno) : "unknown error";
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  return text;
}

Error failure(const std::string& what) {
  Error error(ErrorCode::kIo, what + ": " + last_tls_error());
  ERR_clear_error();
  return error;
}

Error misconfigured(const char* what) { return {ErrorCode::kIo, what}; }

// Never asks at the terminal: without a password an encrypted key cannot be read.
int give_password(char* into, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(into, text.data(), text.size());
  return static_cast<int>(text.size());
}

Status set_protocols(SSL_CTX* ctx, const std::string& protocols) {
  struct Version {
    const char* name;
    std::uint64_t off;
  };
  constexpr Version kVersions[] = {{"tlsv1", SSL_OP_NO_TLSv1},
                                   {"tlsv1.1", SSL_OP_NO_TLSv1_1},
                                   {"tlsv1.2", SSL_OP_NO_TLSv1_2},
                                   {"tlsv1.3", SSL_OP_NO_TLSv1_3}};
  std::uint64_t off = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
  if (!protocols.empty()) {
    off |= SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;
    std::istringstream words(protocols);
    for (std::string word; words >> word;) {
      for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      bool known = false;
      for (const Version& version : kVersions) {
        if (word != version.name) continue;
        off &= ~version.off;
        known = true;
      }
      if (!known) {
        return misconfigured(
            "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' "
            "and 'TLSv1.3'.");
      }
    }
  }
  // The library's own lower bound would hide the older versions.
  if ((off & SSL_OP_NO_TLSv1) == 0 || (off & SSL_OP_NO_TLSv1_1) == 0) {
    SSL_CTX_set_min_proto_version(ctx, 0);
  }
  SSL_CTX_set_options(ctx, off);
  return ok;
}

Status load_certificate(SSL_CTX* ctx, const TlsSettings& settings) {
  if (settings.cert_file.empty()) return misconfigured("No tls-cert-file configured!");
  if (settings.key_file.empty()) return misconfigured("No tls-key-file configured!");
  SSL_CTX_set_default_passwd_cb(ctx, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(ctx, const_cast<std::string*>(&settings.key_file_pass));
  if (SSL_CTX_use_certificate_chain_file(ctx, settings.cert_file.c_str()) <= 0) {
    return failure("Failed to load certificate: " + settings.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, settings.key_file.c_str(), SSL_FILETYPE_PEM) <= 0 ||
      SSL_CTX_check_private_key(ctx) <= 0) {
    return failure("Failed to load private key: " + settings.key_file);
  }
  SSL_CTX_set_default_passwd_cb_userdata(ctx, nullptr);
  SSL_CTX_set_default_passwd_cb(ctx, [](char*, int, int, void*) { return -1; });
  return ok;
}

Status load_authorities(SSL_CTX* ctx, const TlsSettings& settings, TlsContext::Side side) {
  const bool any = !settings.ca_cert_file.empty() || !settings.ca_cert_dir.empty();
  const bool needed =
      side == TlsContext::Side::kClient || settings.peers != TlsSettings::Peers::kUnknown;
  if (!any) {
    if (!needed) return ok;
    return misconfigured(
        "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, "
        "tls-replication or tls-auth-clients are enabled!");
  }
  const auto text = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  if (SSL_CTX_load_verify_locations(ctx, text(settings.ca_cert_file),
                                    text(settings.ca_cert_dir)) <= 0) {
    return failure("Failed to configure CA certificate(s) file/directory");
  }
  if (side == TlsContext::Side::kServer && !settings.ca_cert_file.empty()) {
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(settings.ca_cert_file.c_str()));
  }
  return ok;
}

Status set_dh_params(SSL_CTX* ctx, const std::string& file) {
  if (file.empty()) {
    SSL_CTX_set_dh_auto(ctx, 1);
    return ok;
  }
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> in(BIO_new_file(file.c_str(), "r"),
                                                          BIO_free_all);
  EVP_PKEY* params = in ? PEM_read_bio_Parameters(in.get(), nullptr) : nullptr;
  if (!params) return failure(file + ": failed to read DH params");
  if (SSL_CTX_set0_tmp_dh_pkey(ctx, params) <= 0) {
    EVP_PKEY_free(params);
    return failure(file + ": failed to load DH params");
  }
  return ok;
}

Status set_ciphers(SSL_CTX* ctx, const TlsSettings& settings) {
  if (!settings.ciphers.empty() && !SSL_CTX_set_cipher_list(ctx, settings.ciphers.c_str())) {
    return failure("Failed to configure ciphers: " + settings.ciphers);
  }
  if (!settings.ciphersuites.empty() &&
      !SSL_CTX_set_ciphersuites(ctx, settings.ciphersuites.c_str())) {
    return failure("Failed to configure ciphersuites: " + settings.ciphersuites);
  }
  if (settings.prefer_server_ciphers) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return ok;
}

void set_sessions(SSL_CTX* ctx, const TlsSettings& settings) {
  SSL_CTX_set_session_id_context(ctx, kSessionContext, sizeof(kSessionContext) - 1);
  if (!settings.session_caching) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return;
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(ctx, static_cast<long>(settings.session_cache_size));
  SSL_CTX_set_timeout(ctx, static_cast<long>(settings.session_cache_timeout_s));
}

int verify_mode(TlsSettings::Peers peers, TlsContext::Side side) {
  if (side == TlsContext::Side::kClient) return SSL_VERIFY_PEER;
  if (peers == TlsSettings::Peers::kUnknown) return SSL_VERIFY_NONE;
  if (peers == TlsSettings::Peers::kOptional) return SSL_VERIFY_PEER;
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

}  // namespace

// ---- the context --------------------------------------------------------------------------------

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsSettings& settings, Side side) {
  ERR_clear_error();
  SSL_CTX* const ctx = SSL_CTX_new(side == Side::kServer ? TLS_server_method()
                                                         : TLS_client_method());
  if (!ctx) return failure("Failed to create a TLS context");
  const std::shared_ptr<const TlsContext> context(new TlsContext(ctx, side));
  SSL_CTX_set_options(ctx, SSL_OP_SINGLE_DH_USE | SSL_OP_NO_COMPRESSION |
                               SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // What could not be sent is offered again from wherever it then lies, with what came behind it.
  // Idle connections keep no buffers.
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(ctx, verify_mode(settings.peers, side), nullptr);
  set_sessions(ctx, settings);
  if (Status done = set_protocols(ctx, settings.protocols); !done) return std::move(done).error();
  if (Status done = load_certificate(ctx, settings); !done) return std::move(done).error();
  if (Status done = load_authorities(ctx, settings, side); !done) return std::move(done).error();
  if (Status done = set_dh_params(ctx, settings.dh_params_file); !done) {
    return std::move(done).error();
  }
  if (Status done = set_ciphers(ctx, settings); !done) return std::move(done).error();
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(native_); }

// ---- a stream -----------------------------------------------------------------------------------

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int fd)
    : context_(std::move(context)), ssl_(SSL_new(context_->native_)) {
  ASSERT(ssl_);
  ASSERT(SSL_set_fd(ssl_, fd) == 1);
  if (context_->side_ == TlsContext::Side::kServer) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
  }
}

TlsStream::~TlsStream() {
  ERR_clear_error();
  if (!failed_ && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  SSL_free(ssl_);
  ERR_clear_error();
}

// What a call that moved nothing means. `other` is the readiness that it may wait for unexpectedly.
TlsStream::Outcome TlsStream::outcome_of(int result, bool& wants_other, int other) {
  const int number = errno;
  const int reason = SSL_get_error(ssl_, result);
  switch (reason) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      wants_other = reason == other;
      return Outcome::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::kEnd;
    case SSL_ERROR_SYSCALL:
      failed_ = true;
      if (number == 0 && ERR_peek_error() == 0) return Outcome::kEnd;
      errno = number;
      break;
    default:
      failed_ = true;
  }
  error_ = last_tls_error();
  ERR_clear_error();
  return Outcome::kFailed;
}

TlsStream::Moved TlsStream::read(char* into, std::size_t size) {
  ERR_clear_error();
  errno = 0;
  read_wants_write_ = false;
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_, into, size, &bytes);
  if (result == 1) return {Outcome::kDone, bytes};
  return {outcome_of(result, read_wants_write_, SSL_ERROR_WANT_WRITE), 0};
}

TlsStream::Moved TlsStream::write(const char* from, std::size_t size) {
  ERR_clear_error();
  errno = 0;
  write_wants_read_ = false;
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_, from, size, &bytes);
  if (result == 1) return {Outcome::kDone, bytes};
  return {outcome_of(result, write_wants_read_, SSL_ERROR_WANT_READ), 0};
}

bool TlsStream::has_pending() const { return SSL_pending(ssl_) > 0; }

}  // namespace memoir
