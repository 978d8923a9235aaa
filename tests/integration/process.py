#!/usr/bin/env python3
"""The server as a process of the system: start, stop, supervisor, configuration file, crash.

    process.py [--server PATH] [CASE...]

The last line is "N passed, N failed".
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from client.conditions import until
from client.ports import Port
from client.process import Server, memoir_path
from client.resp import Connection, Error, encode

STOCK = os.path.join(HERE, "stock_redis_7_2.conf")
PLAIN = ["--appendonly", "no", "--save", "", "--enable-debug-command", "yes"]
JOURNALED = ["--appendonly", "yes", "--save", "", "--enable-debug-command", "yes"]


class Skip(Exception):
    """A case that cannot be run here, and why."""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def info(connection, field):
    text = connection.call("INFO").decode()
    found = re.search(r"^%s:(.*)\r$" % field, text, re.M)
    return found and found.group(1)


# ---- supervisors, daemons -----------------------------------------------------------------------


def systemd_is_told(binary):
    """READY=1 once requests are answered, STOPPING=1 before the end, both from the process."""
    folder = tempfile.mkdtemp(prefix="memoir-test-")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        path = os.path.join(folder, "notify")
        told.bind(path)
        told.settimeout(20)
        server = Server(binary, PLAIN + ["--supervised", "systemd"],
                        prefix=["env", "NOTIFY_SOCKET=" + path])
        try:
            server.start(wait=False)
            ready = told.recv(4096).decode()
            assert "READY=1\n" in ready, ready
            connection = server.connect()
            assert connection.call("PING") == b"PONG"
            assert info(connection, "process_supervised") == "systemd"
            connection.close()
            assert server.stop() == 0
            assert "STOPPING=1\n" in told.recv(4096).decode()
        finally:
            server.close()
            shutil.rmtree(folder)


def without_a_supervisor(binary):
    """`supervised systemd` where there is none: nothing is told, all else goes on."""
    environment = [name for name in os.environ if name == "NOTIFY_SOCKET"]
    assert not environment, "run this test without NOTIFY_SOCKET"
    with Server(binary, PLAIN + ["--supervised", "systemd"]).start() as server:
        connection = server.connect()
        assert info(connection, "process_supervised") == "no"
        connection.close()


def daemon(binary):
    """The caller is free at once; the pid file names the daemon, and goes with it."""
    folder, port = tempfile.mkdtemp(prefix="memoir-test-"), Port()
    pid_file, log = os.path.join(folder, "the.pid"), os.path.join(folder, "log")
    pid = None
    try:
        done = subprocess.run(
            [binary, "--port", str(port.number), "--bind", "127.0.0.1", "--dir", folder,
             "--daemonize", "yes", "--pidfile", pid_file, "--logfile", log] + PLAIN,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done
        until(lambda: "Ready to accept" in (read(log) if os.path.exists(log) else ""), "the log")
        pid = int(read(pid_file))
        connection = Connection(port=port.number)
        assert info(connection, "process_id") == str(pid)
        assert os.getsid(pid) == pid, "it has a session of its own"
        assert os.readlink("/proc/%d/fd/1" % pid) == "/dev/null"
        connection.send(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
        until(lambda: not is_alive(pid), "the daemon's end")
        assert not os.path.exists(pid_file)
    finally:
        if pid and is_alive(pid):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder)
        port.close()


def pid_file_in_the_foreground(binary):
    with Server(binary, PLAIN) as server:
        pid_file = os.path.join(server.folder, "the.pid")
        server.arguments += ["--pidfile", pid_file]
        server.start()
        assert int(read(pid_file)) == server.process.pid
        assert server.stop() == 0 and not os.path.exists(pid_file)


# ---- protected mode -----------------------------------------------------------------------------


NAMESPACE = """
set -e
ip link set lo up
ip address add 10.99.0.1/32 dev lo
exec "$@"
"""


@contextlib.contextmanager
def in_namespace(binary, arguments):
    """A server that listens on loopback and another address, in a network of its own."""
    prefix = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user",
                                                            "--net"]
    prefix += ["sh", "-c", NAMESPACE, "sh"]
    try:
        subprocess.run(prefix + ["true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip("no network namespace: %s" % (getattr(error, "stderr", None) or error))
    # No test of ours is in that network, so any port is free.
    with Server(binary, arguments + ["--bind", "127.0.0.1", "10.99.0.1", "--unixsocket", "u"],
                prefix) as server:
        server.start(wait=False)
        path = os.path.join(server.folder, "u")
        until(lambda: os.path.exists(path) or not server.alive(), "the socket")
        yield server, Connection(path=path)


def ask_there(server, address, request):
    """What a client in the server's network gets at once after connecting, then for a request."""
    script = ("import socket, sys\n"
              "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)\n"
              "s.settimeout(20)\n"
              "s.sendall(sys.argv[3].encode())\n"
              "s.shutdown(socket.SHUT_WR)\n"
              "try:\n"
              "    while data := s.recv(4096): sys.stdout.write(data.decode())\n"
              "except ConnectionResetError: pass\n")
    enter = ["nsenter", "--target", str(server.process.pid), "--net"]
    if os.getuid() != 0:
        enter += ["--user", "--preserve-credentials"]
    done = subprocess.run(enter + [sys.executable, "-c", script, address, str(server.port),
                                   request], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def protected_mode(binary):
    """Without a password only this machine gets in, until protected-mode or a password changes."""
    with in_namespace(binary, PLAIN) as (server, control):
        assert ask_there(server, "127.0.0.1", "PING\r\n") == "+PONG\r\n"
        refused = ask_there(server, "10.99.0.1", "")
        assert refused.startswith("-DENIED Redis is running in protected mode"), refused
        assert refused.endswith("\r\n") and refused.count("\r\n") == 1
        assert control.call("CONFIG", "SET", "requirepass", "secret") == b"OK"
        assert ask_there(server, "10.99.0.1", "PING\r\n").startswith("-NOAUTH ")
        assert control.call("CONFIG", "SET", "requirepass", "") == b"OK"
        assert control.call("CONFIG", "SET", "protected-mode", "no") == b"OK"
        assert ask_there(server, "10.99.0.1", "PING\r\n") == "+PONG\r\n"
        control.close()


# ---- loading ------------------------------------------------------------------------------------


def stop_while_loading(binary):
    """SIGTERM while the journal is read ends the server soon and well; nothing is lost."""
    records = 3000
    with Server(binary, JOURNALED).start() as server:
        connection = server.connect()
        connection.pipeline([["RPUSH", "list", str(i)] for i in range(records)])
        connection.close()
        server.kill()
        # A minute for all of them.
        server.arguments += ["--enable-protected-configs", "yes", "--key-load-delay", "20000"]
        server.start(wait=False)
        until(lambda: "Server initialized" in server.log_tail().rpartition("starting")[2], "it")
        connection = until(lambda: connect_or_none(server), "a connection")
        assert info(connection, "loading") == "1"
        refused = connection.call("GET", "list")
        assert isinstance(refused, Error) and refused.startswith(b"LOADING"), refused
        assert connection.call("CONFIG", "SET", "loglevel", "notice") == b"OK"
        refused = connection.call("CONFIG", "SET", "dir", "/")
        assert isinstance(refused, Error) and refused.startswith(b"LOADING"), refused
        connection.close()
        began = time.monotonic()
        assert server.stop(timeout=15) == 0, server.log_tail()
        assert time.monotonic() - began < 10
        del server.arguments[-2:]
        server.start()
        connection = server.connect()
        until(lambda: info(connection, "loading") == "0", "the end of loading")
        assert connection.call("LLEN", "list") == records
        connection.close()


def connect_or_none(server):
    try:
        return server.connect()
    except OSError:
        return None


# ---- configuration ------------------------------------------------------------------------------


def stock_configuration(binary):
    """Redis's own file starts Memoir; each directive without effect is told once."""
    with Server(binary) as server:
        path = write_configuration(server, read(STOCK))
        server.arguments += ["--pidfile", os.path.join(server.folder, "pid")]
        server.start()
        log = read(server.log)
        told = re.findall(r"'([a-z_-]+)' has no effect", log)
        assert len(told) == len(set(told)), told
        assert told, "none of the directives is without effect?"
        for name in ("always-show-logo", "activerehashing", "jemalloc-bg-thread"):
            assert name in told, name
        named = {line.split()[0] for line in read(path).splitlines()}
        assert set(told) <= named, set(told) - named
        for name in ("port", "maxmemory", "appendfsync", "databases", "hz"):
            assert name not in told, name
        connection = server.connect()
        assert connection.call("SET", "key", "value") == b"OK"
        assert connection.call("CONFIG", "GET", "hash-max-listpack-entries")[1] == b"512"
        connection.close()
        assert server.stop() == 0


def write_configuration(server, text):
    """Makes it the server's configuration file, before all other arguments; returns its path."""
    path = os.path.join(server.folder, "server.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    server.prefix, server.binary = server.prefix + [server.binary], path
    return path


def rewritten_configuration(binary):
    """CONFIG REWRITE keeps comments and order, and what it writes reads back the same."""
    text = ("# my server\n"
            "maxmemory 100mb\n"
            "# how to evict\n"
            "maxmemory-policy allkeys-lru\n"
            "save 900 1\n"
            "hz 10\n")
    with Server(binary, []) as server:
        path = write_configuration(server, text)
        server.start()
        connection = server.connect()
        for name, value in (("maxmemory", "200mb"), ("save", ""), ("hz", "50"),
                            ("notify-keyspace-events", "KEA"), ("requirepass", 'a "quoted" one'),
                            ("client-output-buffer-limit", "pubsub 1mb 2mb 3"),
                            ("oom-score-adj-values", "1 2 3")):
            assert connection.call("CONFIG", "SET", name, value) == b"OK", name
        connection.call("AUTH", 'a "quoted" one')
        assert connection.call("CONFIG", "REWRITE") == b"OK"
        before = connection.call("CONFIG", "GET", "*")
        connection.close()
        assert server.stop() == 0
        lines = read(path).splitlines()
        assert lines[:4] == ["# my server", "maxmemory 200mb", "# how to evict",
                             "maxmemory-policy allkeys-lru"], lines
        server.start()
        connection = server.connect()
        connection.call("AUTH", 'a "quoted" one')
        after = connection.call("CONFIG", "GET", "*")
        connection.close()
        pairs = [dict(zip(each[::2], each[1::2])) for each in (before, after)]
        differing = {name: (pairs[0][name], pairs[1].get(name)) for name in pairs[0]
                     if pairs[0][name] != pairs[1].get(name)}
        assert not differing, differing


# ---- DEBUG --------------------------------------------------------------------------------------


def fill(connection):
    connection.pipeline(
        [["SET", "s:%d" % i, "v%d" % i] for i in range(300)] +
        [["RPUSH", "list"] + [str(i) for i in range(500)], ["RPUSH", "short", "a", "b", "1"],
         ["SADD", "ints"] + list(range(40)), ["SADD", "set"] + ["m%d" % i for i in range(300)],
         ["HSET", "hash", "f", "v", "g", "1"],
         ["HSET", "large"] + [str(i) for i in range(600)],
         ["ZADD", "zset", "1.5", "a", "-inf", "b", "3", "c"],
         ["ZADD", "big"] + [str(i) for i in range(800)],
         ["SET", "expiring", "v", "EX", "1000"], ["PEXPIRE", "list", "5000000"],
         ["SELECT", "3"], ["SET", "in three", "1"], ["SPOP", "none"], ["SELECT", "0"],
         ["SPOP", "set", "7"], ["INCRBYFLOAT", "s:1x", "0.1"], ["LREM", "list", "1", "17"]])


def reload_keeps_everything(binary):
    """DEBUG RELOAD reads all back from disk: the digests of all databases stay."""
    for threads in ("1", "4"):
        with Server(binary, JOURNALED + ["--io-threads", threads]).start() as server:
            connection = server.connect()
            fill(connection)
            before = connection.call("DEBUG", "DIGEST")
            assert len(before) == 40 and before != b"0" * 40
            assert connection.call("DEBUG", "RELOAD") == b"OK"
            assert connection.call("DEBUG", "DIGEST") == before
            connection.call("LPUSH", "short", "x")
            changed = connection.call("DEBUG", "DIGEST")
            assert changed != before
            connection.close()
            server.kill()
            server.start()
            connection = server.connect()
            until(lambda: info(connection, "loading") == "0", "the end of loading")
            assert connection.call("DEBUG", "DIGEST") == changed
            connection.close()


def crash_report(binary):
    """DEBUG SEGFAULT ends by its signal and leaves a stack trace in the log."""
    for logfile in (False, True):
        with Server(binary, PLAIN) as server:
            log = server.log
            if logfile:
                log = os.path.join(server.folder, "own.log")
                server.arguments += ["--logfile", log]
            server.start()
            connection = server.connect()
            connection.send(b"*2\r\n$5\r\nDEBUG\r\n$8\r\nSEGFAULT\r\n")
            assert server.process.wait(30) == -signal.SIGSEGV
            connection.close()
            text = read(log)
            assert "crashed by signal: 11" in text, text
            trace = text.partition("STACK TRACE")[2]
            assert len(re.findall(r"\[0x[0-9a-f]+\]", trace)) >= 3, text


# ---- connections ------------------------------------------------------------------------------


def reset_while_waiting(binary):
    """A client that is gone does not wait on, however its end and its requests fall together."""
    for threads in ("1", "4"):
        with Server(binary, PLAIN + ["--io-threads", threads]).start() as server:
            control = server.connect()
            for i in range(200):
                first, second = server.connect(), server.connect()
                for _ in range(2):  # the second request is read when the first is answered
                    first.send(encode(["BRPOPLPUSH", "a", "b", "0"]))
                until(lambda: info(control, "blocked_clients") == "1", "the first client")
                second.send(encode(["BRPOPLPUSH", "b", "c", "0"]))
                until(lambda: info(control, "blocked_clients") == "2", "the second client")
                control.call("LPUSH", "a", "element")
                time.sleep(0.0003 * (i % 4))
                first.close()  # with a reply unread: the server gets a reset
                second.close()
                until(lambda: info(control, "connected_clients") == "1", "the end of round %d" % i)
                control.call("DEL", "a", "b", "c")
            control.close()


CASES = (systemd_is_told, without_a_supervisor, daemon, pid_file_in_the_foreground, protected_mode,
         stop_while_loading, stock_configuration, rewritten_configuration, reload_keeps_everything,
         crash_report, reset_while_waiting)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    for case in CASES:
        if options.cases and case.__name__ not in options.cases:
            continue
        try:
            case(os.path.abspath(options.server))
            passed += 1
        except Skip as reason:
            print("skipped %s: %s" % (case.__name__, reason))
        except Exception:
            failed += 1
            print("%s:\n%s" % (case.__name__, traceback.format_exc()))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
