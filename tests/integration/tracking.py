#!/usr/bin/env python3
"""Client-side caching as clients see it: which invalidations come, where, and in which order.

    tracking.py [--server PATH]

Each case is a function that gets a server of its own database. It runs against any server:
--server redis-server. The last line is "N passed, N failed".
"""

import argparse
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import NULL, NULL_BULK, Error, Push

REDIRECTED = b"__redis__:invalidate"


def resp3(server, *tracking):
    client = server.connect()
    client.call("HELLO", 3)
    if tracking:
        assert client.call("CLIENT", "TRACKING", "ON", *tracking) == b"OK"
    return client


def tracker(server, *options):
    client = resp3(server)
    assert client.call("CLIENT", "TRACKING", "ON", *options) == b"OK"
    return client


def invalidation(client):
    """The next message, which must be an invalidation: its keys, or None for all."""
    push = client.read()
    assert isinstance(push, Push) and push[0] == b"invalidate", push
    return None if push[1] is NULL else push[1]


def silent(client):
    """Nothing has been sent: what comes next is the answer to a request of now."""
    assert client.call("ECHO", "mark") == b"mark"


def field(client, name):
    for word in client.call("CLIENT", "INFO").decode().split():
        if word.startswith(name + "="):
            return word.split("=", 1)[1]
    return None


def a_read_key_is_invalidated_once(server):
    reader, writer = tracker(server), server.connect()
    writer.call("SET", "k", "1")
    assert reader.call("GET", "k") == b"1"
    writer.call("SET", "k", "2")
    assert invalidation(reader) == [b"k"]
    writer.call("SET", "k", "3")
    silent(reader)
    assert reader.call("GET", "k") == b"3"
    assert reader.call("GET", "k") == b"3"
    writer.call("DEL", "k")
    assert invalidation(reader) == [b"k"]
    writer.call("SET", "other", "1")
    silent(reader)


def all_keys_of_a_command_are_tracked(server):
    reader, writer = tracker(server), server.connect()
    reader.call("MGET", "a", "b", "missing")
    reader.call("SINTERCARD", "2", "s1", "s2")
    writer.call("SET", "missing", "1")
    assert invalidation(reader) == [b"missing"]
    writer.call("SADD", "s2", "x")
    assert invalidation(reader) == [b"s2"]
    writer.call("MSET", "b", "1", "a", "1")
    assert sorted([invalidation(reader), invalidation(reader)]) == [[b"a"], [b"b"]]


def writes_of_the_client_itself_tell_it_too(server):
    reader = tracker(server)
    reader.call("GET", "k")
    assert reader.call("SET", "k", "1") == b"OK"
    assert invalidation(reader) == [b"k"]
    quiet = tracker(server, "NOLOOP")
    quiet.call("GET", "k")
    assert quiet.call("SET", "k", "2") == b"OK"
    silent(quiet)
    quiet.call("GET", "k")
    reader.call("SET", "k", "3")
    assert invalidation(quiet) == [b"k"]


def opt_in(server):
    reader, writer = tracker(server, "OPTIN"), server.connect()
    reader.call("GET", "k1")
    assert reader.call("CLIENT", "CACHING", "YES") == b"OK"
    reader.call("CLIENT", "ID")
    reader.call("GET", "k2")
    reader.call("GET", "k3")
    writer.call("MSET", "k1", 1, "k2", 2, "k3", 3)
    assert invalidation(reader) == [b"k2"]
    silent(reader)
    reader.call("CLIENT", "CACHING", "YES")
    reader.call("MULTI")
    reader.call("GET", "k1")
    reader.call("GET", "k2")
    reader.call("EXEC")
    reader.call("GET", "k3")
    writer.call("SET", "k1", "x")
    assert invalidation(reader) == [b"k1"]
    writer.call("SET", "k2", "x")
    assert invalidation(reader) == [b"k2"]
    writer.call("SET", "k3", "x")
    silent(reader)


def opt_out(server):
    reader, writer = tracker(server, "OPTOUT"), server.connect()
    reader.call("GET", "k1")
    reader.call("CLIENT", "CACHING", "NO")
    reader.call("GET", "k2")
    writer.call("MSET", "k2", 1, "k1", 2)
    assert invalidation(reader) == [b"k1"]
    silent(reader)


def redirection(server):
    target, reader, writer = server.connect(), server.connect(), server.connect()
    identity = target.call("CLIENT", "ID")
    target.call("SUBSCRIBE", REDIRECTED)
    assert reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", identity) == b"OK"
    assert reader.call("CLIENT", "GETREDIR") == identity
    assert field(reader, "redir") == str(identity) and "t" in field(reader, "flags")
    reader.call("GET", "k")
    writer.call("SET", "k", "1")
    assert target.read() == [b"message", REDIRECTED, [b"k"]]
    writer.call("FLUSHALL")
    message = target.read()
    assert message[:2] == [b"message", REDIRECTED] and not message[2]
    reader.call("CLIENT", "TRACKING", "OFF")
    assert reader.call("CLIENT", "GETREDIR") == -1 and field(reader, "redir") == "-1"


def a_lost_redirection(server):
    target, writer = server.connect(), server.connect()
    identity = target.call("CLIENT", "ID")
    reader = tracker(server, "REDIRECT", identity)
    target.close()
    until(lambda: writer.call("CLIENT", "LIST", "ID", identity) == b"")
    reader.call("GET", "k")
    writer.call("SET", "k", "1")
    assert reader.read() == [b"tracking-redir-broken", identity]
    assert b"broken_redirect" in dict(reader.call("CLIENT", "TRACKINGINFO"))[b"flags"]
    assert "R" in field(reader, "flags")


def broadcasts(server):
    plain, writer = server.connect(), server.connect()
    all_keys = tracker(server, "BCAST")
    some = tracker(server, "BCAST", "PREFIX", "user:", "PREFIX", "item:")
    assert info(plain, "tracking_total_prefixes") == 3
    writer.call("SET", "user:1", "x")
    assert invalidation(all_keys) == [b"user:1"] and invalidation(some) == [b"user:1"]
    writer.call("SET", "else", "x")
    assert invalidation(all_keys) == [b"else"]
    writer.call("MULTI")
    writer.call("INCR", "item:b")
    writer.call("INCR", "item:a")
    writer.call("INCR", "item:a")
    writer.call("EXEC")
    assert invalidation(some) == [b"item:a", b"item:b"]
    assert invalidation(all_keys) == [b"item:a", b"item:b"]
    some.call("CLIENT", "TRACKING", "OFF")
    writer.call("SET", "user:1", "y")
    silent(some)
    assert invalidation(all_keys) == [b"user:1"]
    all_keys.close()
    until(lambda: info(plain, "tracking_total_prefixes") == 0)
    assert info(plain, "tracking_clients") == 0


def broadcasts_but_not_to_the_writer(server):
    own = tracker(server, "BCAST", "NOLOOP")
    other = tracker(server, "BCAST", "NOLOOP")
    assert own.call("SET", "k", "1") == b"OK"
    assert invalidation(other) == [b"k"]
    silent(own)
    assert other.call("SET", "k2", "1") == b"OK"
    assert invalidation(own) == [b"k2"]
    silent(other)


def expired_keys(server):
    reader, writer = tracker(server), server.connect()
    everything = tracker(server, "BCAST")
    writer.call("SET", "k", "1", "PX", "30")
    assert invalidation(everything) == [b"k"]
    assert reader.call("GET", "k") == b"1"
    assert invalidation(reader) == [b"k"]
    assert invalidation(everything) == [b"k"]
    assert reader.call("GET", "k") is NULL


def evicted_keys(server):
    reader, writer = tracker(server), server.connect()
    for i in range(60):
        writer.call("SET", "k%d" % i, "x" * 1000)
        reader.call("GET", "k%d" % i)
    writer.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    writer.call("CONFIG", "SET", "maxmemory", str(info(writer, "used_memory") - 20000))
    try:
        writer.call("SET", "more", "x")
        assert invalidation(reader)[0].startswith(b"k")
    finally:
        writer.call("CONFIG", "SET", "maxmemory", "0")
        writer.call("CONFIG", "SET", "maxmemory-policy", "noeviction")


def flushing(server):
    reader, writer = tracker(server), server.connect()
    reader.call("GET", "k")
    writer.call("FLUSHALL")
    assert invalidation(reader) is None
    assert info(writer, "tracking_total_keys") == 0
    reader.call("GET", "k")
    assert info(writer, "tracking_total_keys") == 1 and info(writer, "tracking_total_items") == 1
    writer.call("FLUSHDB")
    assert invalidation(reader) is None
    assert reader.call("FLUSHDB") == b"OK"
    assert invalidation(reader) is None


def a_transaction(server):
    reader = tracker(server)
    reader.call("MULTI")
    for words in (["GET", "k"], ["SET", "k", "1"], ["GET", "k"], ["GET", "l"]):
        reader.call(*words)
    assert reader.call("EXEC") == [NULL, b"OK", b"1", NULL]
    assert invalidation(reader) == [b"k"]
    writer = server.connect()
    writer.call("SET", "k", "2")
    assert invalidation(reader) == [b"k"]
    writer.call("SET", "l", "2")
    assert invalidation(reader) == [b"l"]


def the_table_has_a_limit(server):
    reader, writer = tracker(server), server.connect()
    writer.call("CONFIG", "SET", "tracking-table-max-keys", "10")
    try:
        lost = set()
        for i in range(40):
            reader.socket.sendall(b"GET k%d\r\n" % i)
            while isinstance(reply := reader.read(), Push):
                lost.update(reply[1])
        until(lambda: info(writer, "tracking_total_keys") <= 10)
        while len(lost) < 30:
            lost.update(invalidation(reader))
        assert len(lost) == 30
    finally:
        writer.call("CONFIG", "SET", "tracking-table-max-keys", "1000000")


def the_limit_is_lowered(server):
    reader, writer = tracker(server), server.connect()
    reader.call("MGET", *["k%d" % i for i in range(50)])
    assert info(writer, "tracking_total_keys") == 50
    for setter, limit in ((writer, 20), (reader, 5)):
        try:
            reply = setter.call("CONFIG", "SET", "tracking-table-max-keys", limit)
            lost = [reply] if isinstance(reply, Push) else []
            assert lost or reply == b"OK"
            until(lambda: info(writer, "tracking_total_keys") <= limit)
        finally:
            writer.call("CONFIG", "SET", "tracking-table-max-keys", "1000000")
    pushes = 0
    while reader.readable(0.2):
        pushes += isinstance(reader.read(), Push)
    assert pushes + len(lost) >= 45


def blocked_readers(server):
    reader, writer = tracker(server), server.connect()
    writer.call("RPUSH", "list", "a")
    assert reader.call("LRANGE", "list", 0, -1) == [b"a"]
    reader.socket.sendall(b"BLPOP none 0\r\n")
    until(lambda: info(writer, "blocked_clients") == 1)
    writer.call("RPUSH", "list", "b")
    assert invalidation(reader) == [b"list"]
    writer.call("RPUSH", "none", "x")
    assert reader.read() == [b"none", b"x"]


def what_trackinginfo_tells(server):
    client = server.connect()
    client.call("HELLO", 3)

    def told():
        reply = dict(client.call("CLIENT", "TRACKINGINFO"))
        return reply[b"flags"], reply[b"redirect"], reply[b"prefixes"]

    assert told() == ([b"off"], -1, [])
    client.call("CLIENT", "TRACKING", "ON")
    assert told() == ([b"on"], 0, [])
    client.call("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")
    assert told() == ([b"on", b"optin", b"noloop"], 0, [])
    client.call("CLIENT", "CACHING", "YES")
    assert told() == ([b"on", b"optin", b"caching-yes", b"noloop"], 0, [])
    client.call("CLIENT", "TRACKING", "OFF")
    client.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b", "PREFIX", "a")
    assert told() == ([b"on", b"bcast"], 0, [b"a", b"b"])
    assert "B" in field(client, "flags")
    client.call("RESET")
    client.call("HELLO", 3)
    assert told() == ([b"off"], -1, [])


def what_does_not_go_together(server):
    client = server.connect()

    def refused(*options):
        reply = client.call("CLIENT", "TRACKING", *options)
        assert isinstance(reply, Error), (options, reply)
        return reply

    assert b"PREFIX option requires BCAST" in refused("ON", "PREFIX", "a")
    assert b"OPTIN and OPTOUT are not" in refused("ON", "BCAST", "OPTIN")
    assert b"both OPTIN mode and OPTOUT" in refused("ON", "OPTIN", "OPTOUT")
    assert b"does not exist" in refused("ON", "REDIRECT", "1000000")
    assert b"not an integer" in refused("ON", "REDIRECT", "x")
    assert b"syntax" in refused("MAYBE")
    assert b"syntax" in refused("ON", "WHATEVER")
    assert b"overlaps with another provided" in refused("ON", "BCAST", "PREFIX", "a", "PREFIX",
                                                        "ab")
    assert client.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a") == b"OK"
    assert b"overlaps with an existing" in refused("ON", "BCAST", "PREFIX", "ab")
    assert b"switch BCAST mode" in refused("ON")
    assert b"CACHING YES is only" in client.call("CLIENT", "CACHING", "YES")
    client.call("CLIENT", "TRACKING", "OFF")
    client.call("CLIENT", "TRACKING", "ON", "OPTIN")
    assert b"switch OPTIN/OPTOUT" in refused("ON", "OPTOUT")
    assert b"CACHING NO is only" in client.call("CLIENT", "CACHING", "NO")
    client.call("CLIENT", "TRACKING", "OFF")
    assert b"can be called only when" in client.call("CLIENT", "CACHING", "YES")


def many_readers_and_writers_never_keep_a_stale_value(server):
    """Each reader keeps what it reads until it is told; at the end nobody keeps anything old."""
    readers = [tracker(server) for _ in range(4)]
    caches = [{} for _ in readers]
    writers = [server.connect() for _ in range(3)]
    for turn in range(300):
        for number, writer in enumerate(writers):
            writer.send(b"INCR key%d\r\nINCR key%d\r\n" % (turn % 5, number))
        for reader in readers:
            reader.send(b"GET key%d\r\n" % (turn % 5))
        for writer in writers:
            writer.read(), writer.read()
        for reader, cache in zip(readers, caches):
            while isinstance(reply := reader.read(), Push):
                for key in reply[1]:
                    cache.pop(key, None)
            cache[b"key%d" % (turn % 5)] = reply
    for reader, cache in zip(readers, caches):
        end = time.monotonic() + 0.2
        while reader.readable(max(end - time.monotonic(), 0)):
            for key in invalidation(reader):
                cache.pop(key, None)
        for key, value in cache.items():
            assert writers[0].call("GET", key) == value, (key, value)


CASES = [each for each in list(globals().values())
         if callable(each) and getattr(each, "__code__", None)
         and each.__code__.co_varnames[:1] == ("server",)
         and each.__code__.co_argcount == 1 and each.__module__ == __name__]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    for threads in ("1", "4"):
        with Server(options.server, ["--save", "", "--io-threads", threads,
                                     "--appendonly", "yes"]).start() as server:
            for case in CASES:
                if options.case and case.__name__ not in options.case:
                    continue
                cleaner = server.connect()
                cleaner.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                cleaner.call("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
                until(lambda: info(cleaner, "connected_clients") == 1)
                cleaner.call("FLUSHALL")
                try:
                    case(server)
                    passed += 1
                except Exception:
                    failed += 1
                    print("%s with io-threads %s:\n%s" % (
                        case.__name__, threads, traceback.format_exc()))
                cleaner.close()
                if not server.alive():
                    print(server.log_tail())
                    break
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
