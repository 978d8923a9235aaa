#!/usr/bin/env python3
"""MIGRATE from outside: between two servers under test, and to and from a redis-server.

    migrate.py [--server PATH] [--other PATH]

--other is the server on the other side of the last cases. The last line is "N passed, N failed".
"""

import argparse
import os
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.process import Server, memoir_path
from client.resp import Error, encode


class Scene:
    """A source and a target, both empty, and a connection to each."""

    def __init__(self, source, target):
        self.servers = (source, target)
        self.source, self.target = source.connect(), target.connect()
        for connection in (self.source, self.target):
            connection.call("FLUSHALL")
        self.port = str(target.port)

    def migrate(self, *words, key="key", db="0", timeout="5000", connection=None):
        return (connection or self.source).call("MIGRATE", "127.0.0.1", self.port, key, db, timeout,
                                                *words)


def moves_a_key(scene):
    scene.source.call("SET", "key", "value")
    assert scene.migrate() == b"OK"
    assert scene.source.call("EXISTS", "key") == 0
    assert scene.target.call("GET", "key") == b"value" and scene.target.call("TTL", "key") == -1
    assert scene.migrate() == b"NOKEY"


def keeps_what_it_copies(scene):
    scene.source.call("RPUSH", "key", *[str(i) for i in range(300)])
    assert scene.migrate("COPY") == b"OK"
    assert scene.source.call("LLEN", "key") == 300 == scene.target.call("LLEN", "key")


def keeps_expiry(scene):
    scene.source.call("SET", "key", "value", "PX", "100000")
    assert scene.migrate() == b"OK"
    assert 90000 < scene.target.call("PTTL", "key") <= 100000


def selects_the_database(scene):
    for db in ("9", "9", "3"):
        scene.source.call("SET", "key", "v" + db)
        assert scene.migrate("REPLACE", db=db) == b"OK"
    scene.target.call("SELECT", "9")
    assert scene.target.call("GET", "key") == b"v9"
    scene.target.call("SELECT", "3")
    assert scene.target.call("GET", "key") == b"v3"


def reports_the_targets_error(scene):
    scene.source.call("SET", "key", "new")
    scene.target.call("SET", "key", "old")
    reply = scene.migrate()
    assert reply.startswith(b"ERR Target instance replied with error: BUSYKEY"), reply
    assert scene.source.call("GET", "key") == b"new" and scene.target.call("GET", "key") == b"old"
    assert scene.migrate("REPLACE") == b"OK"
    assert scene.target.call("GET", "key") == b"new"
    reply = scene.source.call("SET", "key", "x") and scene.migrate(db="99")
    assert reply.startswith(b"ERR Target instance replied with error: ERR DB index"), reply
    assert scene.source.call("EXISTS", "key") == 1


def moves_many_keys(scene):
    for i in range(50):
        scene.source.call("HSET", "h%d" % i, "field", "v%d" % i)
    names = ["h%d" % i for i in range(50)]
    assert scene.migrate("KEYS", "none", *names, key="") == b"OK"
    assert scene.source.call("DBSIZE") == 0
    assert scene.target.call("DBSIZE") == 50 and scene.target.call("HGET", "h7", "field") == b"v7"


def moves_what_it_can_of_many(scene):
    scene.source.call("MSET", "a", "1", "b", "2", "c", "3")
    scene.target.call("SET", "b", "other")
    reply = scene.migrate("KEYS", "a", "b", "c", key="")
    assert reply.startswith(b"ERR Target instance replied with error: BUSYKEY"), reply
    assert scene.source.call("MGET", "a", "b", "c")[1] == b"2"
    assert scene.source.call("EXISTS", "a", "b", "c") == 1
    assert scene.target.call("MGET", "a", "b", "c") == [b"1", b"other", b"3"]


def refuses_bad_requests(scene):
    scene.source.call("SET", "key", "value")
    assert b"must be set to the empty string" in scene.migrate("KEYS", "a")
    assert scene.migrate("NONSENSE") == b"ERR syntax error"
    assert scene.migrate("AUTH") == b"ERR syntax error"
    assert scene.migrate("AUTH2", "user") == b"ERR syntax error"
    not_integer = b"ERR value is not an integer or out of range"
    assert scene.migrate(timeout="x") == not_integer and scene.migrate(db="x") == not_integer
    assert isinstance(scene.source.call("MIGRATE", "127.0.0.1", scene.port, "key", "0"), Error)


def cannot_connect(scene):
    scene.source.call("SET", "key", "value")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reply = scene.source.call("MIGRATE", "127.0.0.1", str(closed.getsockname()[1]), "key", "0",
                                  "1000")
    assert reply == b"IOERR error or timeout writing to target instance", reply
    reply = scene.source.call("MIGRATE", "no.such.host.invalid", "1", "key", "0", "1000")
    assert reply == b"IOERR error or timeout connecting to the client", reply
    assert scene.source.call("GET", "key") == b"value"


def silent_target(scene):
    """A target that takes the request and says nothing: others are served meanwhile."""
    scene.source.call("SET", "key", "value")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = str(silent.getsockname()[1])
        begin = time.monotonic()
        scene.source.send(encode(["MIGRATE", "127.0.0.1", port, "key", "0", "700"]))
        other = scene.servers[0].connect()
        assert other.call("GET", "key") == b"value"
        assert other.call("APPEND", "key", "!") == 6
        assert time.monotonic() - begin < 0.6
        reply = scene.source.read()
        assert reply == b"IOERR error or timeout reading to target instance", reply
        assert 0.6 < time.monotonic() - begin < 5
    assert other.call("GET", "key") == b"value!"


def logs_in(scene):
    scene.target.call("CONFIG", "SET", "requirepass", "secret")
    scene.target.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # the kept connection
    try:
        scene.source.call("SET", "key", "value")
        assert b"NOAUTH" in scene.migrate()
        assert b"WRONGPASS" in scene.migrate("AUTH", "wrong")
        assert scene.migrate("AUTH", "secret") == b"OK"
        scene.source.call("SET", "key2", "value")
        assert scene.migrate("AUTH2", "default", "secret", key="key2") == b"OK"
        assert scene.target.call("EXISTS", "key", "key2") == 2
    finally:
        scene.target.call("CONFIG", "SET", "requirepass", "")


def inside_a_transaction(scene):
    scene.source.call("SET", "key", "value")
    scene.source.call("MULTI")
    scene.migrate()
    scene.source.call("EXISTS", "key")
    assert scene.source.call("EXEC") == [b"OK", 0]
    assert scene.target.call("GET", "key") == b"value"


def pipelined_requests_wait(scene):
    scene.source.call("SET", "key", "value")
    scene.source.send(encode(["MIGRATE", "127.0.0.1", scene.port, "key", "0", "5000"]) +
                      encode(["EXISTS", "key"]))
    assert [scene.source.read(), scene.source.read()] == [b"OK", 0]


def loses_no_write(scene):
    """Keys that are written to while they are on their way: every increment is somewhere."""
    rounds, done = 200, threading.Event()
    counts = [0]

    def write():
        connection = scene.servers[0].connect()
        while not done.is_set():
            connection.call("INCR", "counter")
            counts[0] += 1
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    total = 0
    for _ in range(rounds):
        if scene.migrate(key="counter") == b"OK":
            total += int(scene.target.call("GETDEL", "counter"))
    done.set()
    writer.join()
    total += int(scene.source.call("GET", "counter") or 0)
    assert total == counts[0], (total, counts[0])


def connections_are_kept(scene):
    for key in ("a", "b"):
        scene.source.call("SET", key, "v")
        assert scene.migrate(key=key) == b"OK"
    names = [line for line in scene.target.call("CLIENT", "LIST").split(b"\n")
             if b"cmd=restore" in line]
    assert len(names) == 1, names


def stale_connection(scene):
    """A kept connection that the target has closed meanwhile is opened anew."""
    scene.source.call("SET", "key", "1")
    assert scene.migrate() == b"OK"
    scene.target.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    scene.source.call("SET", "key", "2")
    assert scene.migrate("REPLACE") == b"OK"
    assert scene.target.call("GET", "key") == b"2"


def large_values(scene):
    scene.source.call("SET", "key", os.urandom(3 << 20))
    scene.source.call("XADD", "stream", "5-1", "field", "value")
    scene.source.call("SADD", "set", *[os.urandom(20) for _ in range(20000)])
    assert scene.migrate("KEYS", "key", "set", "stream", key="") == b"OK"
    assert scene.target.call("XADD", "stream", "5-1", "f", "v").startswith(b"ERR The ID")
    assert scene.target.call("STRLEN", "key") == 3 << 20
    assert scene.target.call("SCARD", "set") == 20000


def survives_a_restart(scene):
    server = scene.servers[0]
    if "memoir" not in os.path.basename(server.binary):
        return
    scene.source.call("MSET", "moved", "1", "kept", "2")
    assert scene.migrate(key="moved") == b"OK"
    server.kill()
    server.start()
    scene.source = server.connect()
    assert scene.source.call("EXISTS", "moved") == 0
    assert scene.source.call("GET", "kept") == b"2"


CASES = (moves_a_key, keeps_what_it_copies, keeps_expiry, selects_the_database,
         reports_the_targets_error, moves_many_keys, moves_what_it_can_of_many,
         refuses_bad_requests, cannot_connect, silent_target, logs_in, inside_a_transaction,
         pipelined_requests_wait, loses_no_write, connections_are_kept, stale_connection,
         large_values, survives_a_restart)
BETWEEN_KINDS = (moves_a_key, keeps_what_it_copies, keeps_expiry, moves_many_keys, large_values)


def run(case, source, target, results):
    try:
        case(Scene(source, target))
        results[0] += 1
    except Exception:  # whatever it is, the next case runs
        results[1] += 1
        print("FAILED:", case.__name__, os.path.basename(source.binary),
              os.path.basename(target.binary))
        traceback.print_exc(file=sys.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--other")
    options = parser.parse_args()
    durable = ["--save", "", "--appendonly", "yes", "--io-threads", "2"]
    servers = [Server(options.server, durable), Server(options.server, durable)]
    if options.other:
        servers.append(Server(options.other, ["--save", "", "--appendonly", "no"]))
    results = [0, 0]
    try:
        for server in servers:
            server.start()
        for case in CASES:
            run(case, servers[0], servers[1], results)
        for other in servers[2:]:
            for case in BETWEEN_KINDS:
                run(case, servers[0], other, results)
                run(case, other, servers[0], results)
    finally:
        for server in servers:
            server.stop()
            server.close()
    print("%d passed, %d failed" % tuple(results))
    return 1 if results[1] else 0


if __name__ == "__main__":
    sys.exit(main())
