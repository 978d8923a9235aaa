#!/usr/bin/env python3
"""TLS as clients see it: certificates made here, Python's ssl, redis-cli --tls and garbage.

    tls.py [--server PATH]

Each case is a function that gets a server of its own kind and the folder of certificates. It runs
against any server built with TLS. The last line is "N passed, N failed".
"""

import argparse
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.ports import Port
from client.process import Server, memoir_path
from client.resp import Connection, Error, encode


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(folder):
    """ca.crt; server and client with keys; other.crt, which another authority signed."""
    def path(name):
        return os.path.join(folder, name)

    for authority in ("ca", "otherca"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-sha256",
                "-subj", "/O=Test/CN=" + authority, "-keyout", path(authority + ".key"),
                "-out", path(authority + ".crt"))
    for name, authority in (("server", "ca"), ("client", "ca"), ("second", "ca"),
                            ("other", "otherca")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=Test/CN=" + name,
                "-keyout", path(name + ".key"), "-out", path(name + ".csr"))
        openssl("x509", "-req", "-days", "10", "-sha256", "-in", path(name + ".csr"),
                "-CA", path(authority + ".crt"), "-CAkey", path(authority + ".key"),
                "-CAcreateserial", "-out", path(name + ".crt"))
    openssl("rsa", "-aes256", "-passout", "pass:secret", "-in", path("server.key"),
            "-out", path("encrypted.key"))
    openssl("dhparam", "-dsaparam", "-out", path("dh.pem"), "2048")


class TlsServer(Server):
    """With a tls-port and no other."""

    def __init__(self, binary, certificates, options=()):
        self.certificates = certificates
        self.tls_reserved = Port()
        self.tls_port = self.tls_reserved.number
        super().__init__(binary, [
            "--tls-port", str(self.tls_port), "--save", "",
            "--tls-cert-file", self.path("server.crt"), "--tls-key-file", self.path("server.key"),
            "--tls-ca-cert-file", self.path("ca.crt"), *options, "--port", "0"])

    def path(self, name):
        return os.path.join(self.certificates, name)

    def start(self, wait=True, timeout=60.0):
        super().start(wait=False)
        end = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended:\n" + self.log_tail())
            try:
                connection = self.secure()
                reply = connection.call("PING")
                connection.close()
                if reply == b"PONG":
                    return self
            except (OSError, ConnectionError):
                pass
            if time.monotonic() > end:
                raise RuntimeError("no PONG over TLS:\n" + self.log_tail())
            time.sleep(0.01)

    def context(self, certificate="client", authority="ca"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.path(authority + ".crt"))
        if certificate:
            context.load_cert_chain(self.path(certificate + ".crt"),
                                    self.path(certificate + ".key"))
        return context

    def secure(self, context=None, port=None):
        connection = Connection(port=port or self.tls_port)
        try:
            connection.socket = (context or self.context()).wrap_socket(connection.socket)
        except BaseException:
            connection.close()
            raise
        return connection


def refused(server, context):
    """Whether a client with this context cannot talk to the server."""
    try:
        connection = server.secure(context)
        try:
            return connection.call("PING") != b"PONG"
        finally:
            connection.close()
    except (OSError, ConnectionError):
        return True


def requests_and_replies(server):
    client = server.secure()
    assert client.call("SET", "key", "value") == b"OK" and client.call("GET", "key") == b"value"
    assert client.pipeline([("INCR", "n")] * 1000) == list(range(1, 1001))
    assert client.call("DEL", "key", "n") == 2
    client.close()


def large_values_both_ways(server):
    client = server.secure()
    for size in (16383, 16384, 16385, 70000, 5_000_000):
        value = os.urandom(size)
        assert client.call("SET", "large", value) == b"OK"
        assert client.call("GET", "large") == value
    requests = b"".join(encode(("GET", "large")) for _ in range(10))
    client.send(requests)
    for _ in range(10):
        assert client.read() == value
    client.close()


def a_pipeline_longer_than_any_buffer(server):
    client = server.secure()
    count = 50000
    reply = b"$50\r\n" + b"x" * 50 + b"\r\n"
    received = exchange(client.socket, encode(("ECHO", "x" * 50)) * count, len(reply) * count)
    assert received == reply * count
    client.close()


def exchange(stream, data, expected):
    """Sends and receives side by side. In one thread: a TLS stream is not for two."""
    stream.setblocking(False)
    left, received = memoryview(data), bytearray()
    while len(received) < expected:
        moved = False
        try:
            sent = stream.send(left[:16384]) if left else 0
            left = left[sent:]
            moved = sent > 0
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        try:
            part = stream.recv(65536)
            if not part:
                raise ConnectionError("the server closed the connection")
            received += part
            moved = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if not moved:
            ready = select.select([stream], [stream] if left else [], [], 20)
            assert ready[0] or ready[1], "the server has come to rest"
    return bytes(received)


def a_blocked_client_gets_what_came_meanwhile(server):
    """Requests that lie decrypted while the client is blocked run when it goes on."""
    client, other = server.secure(), server.secure()
    client.send(encode(("BLPOP", "list", 0)) + encode(("PING",)))
    while b"blocked_clients:1" not in other.call("INFO", "clients"):
        time.sleep(0.01)
    client.send(encode(("ECHO", "later")))
    other.call("RPUSH", "list", "x")
    assert client.read() == [b"list", b"x"]
    assert client.read() == b"PONG" and client.read() == b"later"
    client.close()
    other.close()


def a_slow_handshake_does_not_hold_up_others(server):
    plain = socket.create_connection(("127.0.0.1", server.tls_port))
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    slow = server.context().wrap_bio(inward, outward)
    connected = False
    while not connected:
        try:
            slow.do_handshake()
            connected = True
        except ssl.SSLWantReadError:
            pass
        data = outward.read()
        for at in range(0, len(data), 100):
            plain.sendall(data[at:at + 100])
            other = server.secure()
            assert other.call("PING") == b"PONG"
            other.close()
        if not connected:
            inward.write(plain.recv(65536))
    slow.write(encode(("PING",)))
    plain.sendall(outward.read())
    answer = b""
    while not answer:
        inward.write(plain.recv(65536))
        try:
            answer = slow.read(100)
        except ssl.SSLWantReadError:
            pass
    assert answer == b"+PONG\r\n"
    plain.close()


def garbage_is_turned_away(server):
    for garbage in (b"PING\r\n" * 100, os.urandom(1000), b"\x16\x03\x01\xff\xff" + bytes(50000)):
        plain = socket.create_connection(("127.0.0.1", server.tls_port))
        plain.settimeout(20)
        try:
            plain.sendall(garbage)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass
        except OSError:
            pass
        plain.close()
    client = server.secure()
    assert client.call("PING") == b"PONG"
    client.close()


def who_may_connect(server):
    client = server.secure()
    stranger, anonymous = server.context("other"), server.context(None)
    assert refused(server, stranger) and refused(server, anonymous)
    assert client.call("CONFIG", "SET", "tls-auth-clients", "no") == b"OK"
    assert not refused(server, anonymous)
    client.call("CONFIG", "SET", "tls-auth-clients", "optional")
    assert not refused(server, anonymous) and refused(server, stranger)
    client.call("CONFIG", "SET", "tls-auth-clients", "yes")
    assert refused(server, anonymous) and not refused(server, server.context())
    assert client.call("PING") == b"PONG"
    client.close()


def protocols_and_ciphers(server):
    client = server.secure()

    def negotiated(context):
        connection = server.secure(context)
        assert connection.call("PING") == b"PONG"
        result = connection.socket.version(), connection.socket.cipher()[0]
        connection.close()
        return result

    old, new = server.context(), server.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new.minimum_version = ssl.TLSVersion.TLSv1_3
    assert negotiated(server.context())[0] == "TLSv1.3" and negotiated(old)[0] == "TLSv1.2"
    client.call("CONFIG", "SET", "tls-protocols", "TLSv1.2")
    assert refused(server, new) and negotiated(server.context())[0] == "TLSv1.2"
    client.call("CONFIG", "SET", "tls-ciphers", "AES128-SHA256:AES256-SHA256")
    old.set_ciphers("AES256-SHA256:AES128-SHA256")
    assert negotiated(old)[1] == "AES256-SHA256"
    client.call("CONFIG", "SET", "tls-prefer-server-ciphers", "yes")
    assert negotiated(old)[1] == "AES128-SHA256"
    client.call("CONFIG", "SET", "tls-ciphers", "DEFAULT", "tls-prefer-server-ciphers", "no",
                "tls-protocols", "TLSv1.3", "tls-ciphersuites", "TLS_AES_128_GCM_SHA256")
    assert refused(server, old) and negotiated(new)[1] == "TLS_AES_128_GCM_SHA256"
    client.call("CONFIG", "SET", "tls-protocols", "", "tls-ciphers", "", "tls-ciphersuites", "")
    assert client.call("CONFIG", "SET", "tls-dh-params-file", server.path("dh.pem")) == b"OK"
    old.set_ciphers("DHE-RSA-AES128-GCM-SHA256")
    assert negotiated(old)[1] == "DHE-RSA-AES128-GCM-SHA256"
    client.call("CONFIG", "SET", "tls-dh-params-file", "")
    client.close()


def another_certificate_and_bad_ones(server):
    client = server.secure()

    def name():
        connection = server.secure()
        subject = connection.socket.getpeercert()["subject"]
        connection.close()
        return dict(pair[0] for pair in subject)["commonName"]

    assert name() == "server"
    for bad in (("tls-cert-file", "/none"), ("tls-key-file", server.path("other.key")),
                ("tls-ca-cert-file", server.path("server.key")), ("tls-protocols", "SSLv2"),
                ("tls-ciphers", "no-such"), ("tls-key-file", server.path("encrypted.key"))):
        reply = client.call("CONFIG", "SET", *bad)
        assert isinstance(reply, Error) and b"Unable to update TLS" in reply, (bad, reply)
        assert name() == "server"
    assert client.call("CONFIG", "GET", "tls-protocols")[1] == b""
    assert client.call("CONFIG", "SET", "tls-cert-file", server.path("second.crt"),
                       "tls-key-file", server.path("second.key")) == b"OK"
    assert name() == "second" and client.call("PING") == b"PONG"
    assert client.call("CONFIG", "SET", "tls-cert-file", server.path("server.crt"),
                       "tls-key-file", server.path("encrypted.key"),
                       "tls-key-file-pass", "secret") == b"OK"
    assert name() == "server"
    # The same names read the files again.
    copy = os.path.join(server.folder, "copy.crt"), os.path.join(server.folder, "copy.key")
    for which in ("server", "second"):
        shutil.copy(server.path(which + ".crt"), copy[0])
        shutil.copy(server.path(which + ".key"), copy[1])
        assert client.call("CONFIG", "SET", "tls-key-file-pass", "", "tls-cert-file", copy[0],
                           "tls-key-file", copy[1]) == b"OK"
        assert name() == which
    client.call("CONFIG", "SET", "tls-cert-file", server.path("server.crt"),
                "tls-key-file", server.path("server.key"))
    client.close()


def ports_change_while_it_runs(server):
    client = server.secure()
    assert b"name=tls,bind=127.0.0.1,port=%d" % server.tls_port in client.call("INFO", "server")
    assert b"name=tcp" not in client.call("INFO", "server")
    reserved = Port(), Port()
    plain_port, other_port = (each.number for each in reserved)
    assert client.call("CONFIG", "SET", "port", plain_port) == b"OK"
    plain = Connection(port=plain_port)
    assert plain.call("PING") == b"PONG"
    assert client.call("CONFIG", "SET", "tls-port", other_port) == b"OK"
    moved = server.secure(port=other_port)
    assert moved.call("PING") == b"PONG"
    taken = plain.call("CONFIG", "SET", "tls-port", plain_port)
    assert isinstance(taken, Error) and b"Unable to listen" in taken
    again = server.secure(port=other_port)
    assert again.call("PING") == b"PONG"
    assert plain.call("CONFIG", "SET", "tls-port", 0) == b"OK"
    assert plain.call("CONFIG", "SET", "port", 0, "tls-port", server.tls_port) == b"OK"
    for each in (plain, moved, again, client):
        assert each.call("PING") == b"PONG"
        each.close()
    assert not refused(server, None)
    for each in reserved:
        each.close()


def subscribers_and_ends(server):
    subscriber, publisher = server.secure(), server.secure()
    subscriber.call("SUBSCRIBE", "channel")
    for i in range(200):
        assert publisher.call("PUBLISH", "channel", "x" * i) == 1
    for i in range(200):
        assert subscriber.read() == [b"message", b"channel", b"x" * i]
    try:
        subscriber.socket = subscriber.socket.unwrap()
    except ssl.SSLError:
        pass  # the server may end the connection without a good-bye of its own
    subscriber.close()
    assert publisher.call("QUIT") == b"OK"
    try:
        publisher.read()
        raise AssertionError("QUIT left the connection open")
    except ConnectionError:
        publisher.close()
    for _ in range(20):
        client = server.secure()
        client.send(encode(("PING",)))
        client.socket.close()


def redis_cli(server):
    def run(*words, **options):
        return subprocess.run(
            ["redis-cli", "--tls", "-h", "127.0.0.1", "-p", str(server.tls_port), "--cacert",
             server.path("ca.crt"), "--cert", server.path("client.crt"), "--key",
             server.path("client.key"), *words], capture_output=True, timeout=60, **options)

    assert run("SET", "cli", "value").stdout == b"OK\n"
    assert run("GET", "cli").stdout == b"value\n"
    assert b"errors: 0" in run("--pipe", input=b"".join(
        encode(("SET", "piped:%d" % i, "x" * 100)) for i in range(10000))).stdout


CASES = [each for each in list(globals().values())
         if callable(each) and getattr(each, "__code__", None) and each.__module__ == __name__
         and each.__code__.co_varnames[:1] == ("server",) and each.__code__.co_argcount == 1]


def run_cases(server, threads, chosen):
    passed = failed = 0
    for case in CASES:
        if chosen and case.__name__ not in chosen:
            continue
        try:
            case(server)
            passed += 1
        except Exception:
            failed += 1
            print("%s with io-threads %s:\n%s" % (case.__name__, threads,
                                                  traceback.format_exc()))
        if not server.alive():
            print(server.log_tail())
            break
    return passed, failed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as certificates:
        make_certificates(certificates)
        for threads in ("1", "4"):
            with TlsServer(options.server, certificates, ["--io-threads", threads]) as server:
                server.start()
                good, bad = run_cases(server, threads, options.case)
                passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
