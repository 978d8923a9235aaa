#include "src/server/config_fields.h"
#include "src/server/config_sections.h"
#include "src/server/config_special.h"

namespace memoir::config_fields {

namespace {

constexpr ConfigRow kRows[] = {
    with(kMultiWord,
         special("bind", get_bind, set_bind,
                 "The addresses to listen on. One that begins with '-' may be missing on the "
                 "machine; "
                 "'*' means all of IPv4 and '::*' all of IPv6.")),
    integer<&Config::port>("port", 0, 65535, "", "The TCP port; 0 for none."),
    immutable(text<&Config::unixsocket>(
        "unixsocket", "Path of a Unix socket to listen on as well; empty for none.")),
    immutable(number<&Config::unixsocketperm>(
        ConfigKind::kOctal, "unixsocketperm", 0, 0777, "octal",
        "Permissions of the Unix socket; 0 leaves them to the process's mask.")),
    immutable(integer<&Config::tcp_backlog>(
        "tcp-backlog", 0, kIntMax, "connections",
        "How many connections may wait to be accepted. The kernel caps it at somaxconn.")),
    integer<&Config::tcp_keepalive>(
        "tcp-keepalive", 0, kIntMax, "seconds",
        "Idle time after which the kernel asks whether the other side is alive; 0 for never."),
    integer<&Config::timeout>("timeout", 0, kIntMax, "seconds",
                              "Idle time after which a client is disconnected; 0 for never."),
    integer<&Config::maxclients>("maxclients", 1, kUnsignedMax, "connections",
                                 "How many clients may be connected at the same time."),
    yes_no<&Config::protected_mode>(
        "protected-mode",
        "Whether clients from other machines are refused as long as there is no password."),
    with(kSensitive, text<&Config::requirepass>(
                         "requirepass",
                         "The password that clients must give with AUTH or HELLO; empty for "
                         "none.")),
    with(kImmutable | kMachineDefault,
         read_by(set_io_threads,
                 integer<&Config::io_threads>(
                     "io-threads", 1, 128, "threads",
                     "How many threads serve clients. All of them run commands; more than 16 count "
                     "as 16. The default is the number of cores."))),
    integer<&Config::heavy_command_time>(
        "heavy-command-time", 0, kIntMax, "microseconds",
        "A client that runs commands as long as this more than once a second is served by a thread "
        "apart, so that others do not wait for it; 0 for never. It needs at least two io-threads."),
    with(kHidden, yes_no<&Config::move_clients>(
                      "move-clients",
                      "For tests: clients go to another worker after each of their turns.")),
    immutable(integer<&Config::socket_mark_id>(
        "socket-mark-id", 0, kUnsignedMax, "",
        "The mark (SO_MARK) set on listening sockets; 0 for none.")),
    with(kMultiWord,
         special("client-output-buffer-limit", get_output_limits, set_output_limits,
                 "For each class of clients (normal, replica, pubsub): bytes waiting to be sent at "
                 "which the client is disconnected at once, bytes at which it is after some "
                 "time, and "
                 "that time in seconds. 0 for no limit.")),
    memory<&Config::client_query_buffer_limit>(
        "client-query-buffer-limit", 1 << 20,
        "How much of a client's unfinished requests is kept before it is disconnected."),
    memory<&Config::proto_max_bulk_len>("proto-max-bulk-len", 1 << 20,
                                        "The longest argument of a request, and so the longest "
                                        "string."),
    [] {
      ConfigRow row = memory<&Config::maxmemory_clients>(
          "maxmemory-clients", -100,
          "Memory of all clients' buffers together at which the largest are disconnected; with a "
          "percent sign a share of maxmemory; 0 for no limit.");
      row.percent = true;
      return row;
    }(),
    integer<&Config::tracking_table_max_keys>(
        "tracking-table-max-keys", 0, kLongMax, "keys",
        "How many keys are remembered for client-side caching; 0 for no limit."),
    immutable(inert_yes_no("io-threads-do-reads", "no", "Every thread reads and runs commands.")),
    inert_text("bind-source-addr", "", "The address from which replicas connect."),
};

constexpr int peers(TlsSettings::Peers value) { return static_cast<int>(value); }
constexpr ConfigChoice kAuthClients[] = {{"no", peers(TlsSettings::Peers::kUnknown)},
                                         {"yes", peers(TlsSettings::Peers::kKnown)},
                                         {"optional", peers(TlsSettings::Peers::kOptional)}};

template <auto member>
constexpr ConfigRow file(const char* name, const char* summary) {
  return with(kRereads, text<member>(name, summary));
}

constexpr ConfigRow kTlsRows[] = {
    integer<&Config::tls_port>("tls-port", 0, 65535, "",
                               "The port for TLS connections, beside or instead of port; 0 for "
                               "none."),
    file<&Config::tls_cert_file>("tls-cert-file",
                                 "The server's certificate, with its chain, as PEM."),
    file<&Config::tls_key_file>("tls-key-file", "The key of the server's certificate, as PEM."),
    with(kSensitive, text<&Config::tls_key_file_pass>("tls-key-file-pass",
                                                      "The password of that key.")),
    file<&Config::tls_client_cert_file>(
        "tls-client-cert-file",
        "The certificate for connections to other servers; empty for the server's own."),
    file<&Config::tls_client_key_file>("tls-client-key-file", "The key of that certificate."),
    with(kSensitive, text<&Config::tls_client_key_file_pass>("tls-client-key-file-pass",
                                                             "The password of that key.")),
    file<&Config::tls_dh_params_file>(
        "tls-dh-params-file",
        "Parameters of the Diffie-Hellman exchange up to TLS 1.2; empty for the library's."),
    file<&Config::tls_ca_cert_file>("tls-ca-cert-file",
                                    "Certificates of the authorities that are trusted."),
    file<&Config::tls_ca_cert_dir>("tls-ca-cert-dir", "A directory of such certificates."),
    choice<&Config::tls_auth_clients>(
        "tls-auth-clients", kAuthClients,
        "Whether clients must show a certificate of a trusted authority (yes), need not (no), or "
        "may (optional)."),
    yes_no<&Config::tls_replication>("tls-replication", "Whether a primary is reached by TLS."),
    inert_yes_no("tls-cluster", "no", "TLS between nodes of a cluster."),
    text<&Config::tls_protocols>(
        "tls-protocols",
        "Versions of TLS that are allowed, separated by blanks: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3; "
        "empty for the last two."),
    text<&Config::tls_ciphers>("tls-ciphers",
                               "Ciphers that are allowed up to TLS 1.2, as OpenSSL lists them; "
                               "empty for its default."),
    text<&Config::tls_ciphersuites>("tls-ciphersuites",
                                    "Cipher suites that are allowed in TLS 1.3; empty for "
                                    "OpenSSL's default."),
    yes_no<&Config::tls_prefer_server_ciphers>(
        "tls-prefer-server-ciphers",
        "Whether the server's order of ciphers counts rather than the client's."),
    yes_no<&Config::tls_session_caching>("tls-session-caching",
                                         "Whether TLS sessions may be resumed."),
    integer<&Config::tls_session_cache_size>("tls-session-cache-size", 0, kIntMax, "sessions",
                                             "How many sessions are kept for that; 0 for no "
                                             "limit."),
    integer<&Config::tls_session_cache_timeout>("tls-session-cache-timeout", 0, kIntMax, "seconds",
                                                "How long sessions are kept for that."),
};

}  // namespace

std::span<const ConfigRow> network_rows() { return kRows; }
std::span<const ConfigRow> tls_rows() { return kTlsRows; }

}  // namespace memoir::config_fields
