#!/usr/bin/env python3
"""Dumps values of all types and encodings on one server and restores them on another, both ways.

    dumps.py [--subject PATH] [--seed S] SERVER...

SERVER is the path of a redis-server or valkey-server; without any, the one of the distribution.
For each value it is checked that the other server restores it, that both then agree on its
contents and encoding, and that dumps of unchanged encodings are the same bytes where both servers
write the same RDB version. A server that is too old for a payload's version gets it with a lower
version number, unless the type itself is newer. The last line is "N passed, N failed".
"""

import argparse
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.process import Server, memoir_path
from client.resp import Error

NEWER_TYPES = range(20, 256)  # what version 10 does not know
HASH_LISTPACK_EX = 25
POLYNOMIAL = 0x95AC9329AC4BC9B5


def make_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ POLYNOMIAL if crc & 1 else crc >> 1
        table.append(crc)
    return table


TABLE = make_table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc


def with_version(payload, version):
    body = payload[:-10] + struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


def text(rng, longest):
    kind = rng.randint(0, 4)
    if kind == 0:
        return b"%d" % rng.choice((0, 1, -1, 12, 127, -128, 128, 4095, -4096, 4096, 32767, -32768,
                                   8388607, -8388608, 2147483647, -2147483648, 2147483648,
                                   9223372036854775807, -9223372036854775808))
    if kind == 1:
        return b"0%d" % rng.randint(0, 99)
    if kind == 2:
        return bytes(rng.randint(0, 255) for _ in range(rng.randint(0, longest)))
    return rng.choice((b"a", b"xy", b"lorem ipsum ")) * rng.randint(0, max(1, longest // 6))


def fill(call, rng):
    """Creates keys of all types and encodings; returns their names."""
    keys = []

    def add(name, command, *arguments):
        call(command, name, *arguments)
        if name not in keys:
            keys.append(name)

    for i, value in enumerate((b"", b"0", b"-1", b"127", b"128", b"-32769", b"70000",
                               b"2147483648", b"-9223372036854775808", b"01", b"x" * 20,
                               b"x" * 21, b"abc" * 20, b"v" * 300, bytes(range(256)) * 80,
                               b"long " * 40000)):
        add(b"string%d" % i, b"SET", value)
    for i, (count, longest) in enumerate(((1, 3), (5, 10), (100, 60), (129, 10), (3, 70), (600, 5),
                                          (40, 3000), (3, 20000))):
        elements = [text(rng, longest) for _ in range(count)]
        add(b"list%d" % i, b"RPUSH", *elements)
        add(b"set%d" % i, b"SADD", *elements)
        add(b"hash%d" % i, b"HSET", *[part for e in elements for part in (e, text(rng, longest))])
        add(b"zset%d" % i, b"ZADD", *[part for e in elements for part in (
            rng.choice((b"0", b"1.5", b"-3", b"1e300", b"inf", b"-inf", b"0.1", b"-0",
                        b"123456789012", b"3.14159265358979")), e)])
    for i, width in enumerate((100, 40000, 5000000000)):
        add(b"ints%d" % i, b"SADD", *[b"%d" % rng.randint(-width, width) for _ in range(50)])
    for i, count in enumerate((1, 30, 700)):
        name = b"stream%d" % i
        for n in range(1, count + 1):
            add(name, b"XADD", b"%d-%d" % (n // 3 + 1, n), b"f", text(rng, 40),
                rng.choice((b"g", b"h")), b"v")
        call(b"XDEL", name, b"%d-%d" % (count // 6 + 1, count // 2))
        call(b"XGROUP", b"CREATE", name, b"group", b"0")
        call(b"XREADGROUP", b"GROUP", b"group", b"me", b"COUNT", b"20", b"STREAMS", name, b">")
        call(b"XACK", name, b"group", b"2-4")
        call(b"XGROUP", b"CREATECONSUMER", name, b"group", b"idle")
        call(b"XGROUP", b"CREATE", name, b"other", b"$")
    for i, count in enumerate((4, 200)):
        name = b"timed%d" % i
        add(name, b"HSET", *[part for n in range(count) for part in (b"f%d" % n, b"v")])
        for n in range(0, count, 3):  # the last reply may be an error: not every server has it
            call(b"HPEXPIREAT", name, b"%d" % (4000000000000 - n), b"FIELDS", b"1", b"f%d" % n)
    add(b"ints9", b"SADD", *[b"%d" % i for i in range(600)])
    return keys


class Comparison:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, good, *what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", *what)


def version_of(payload):
    return struct.unpack("<H", payload[-10:-8])[0]


def content(call, key):
    """A value in a form that is equal for equal values, whatever a server's version writes."""
    kind = call(b"TYPE", key)
    if kind == b"hash":
        pairs = call(b"HGETALL", key)
        times = call(b"HPEXPIRETIME", key, b"FIELDS", b"%d" % (len(pairs) // 2), *pairs[::2])
        timed = {} if isinstance(times, Error) else dict(zip(pairs[::2], times))
        return sorted((field, value, timed.get(field, -1))
                      for field, value in zip(pairs[::2], pairs[1::2]))
    if kind == b"stream":
        pending = call(b"XPENDING", key, b"group", b"-", b"+", b"100")
        return [call(b"XRANGE", key, b"-", b"+"),
                sorted(map(repr, call(b"XINFO", b"GROUPS", key))),
                [(each[0], each[1], each[3]) for each in pending]]
    if kind != b"zset":
        return call(b"DEBUG", b"DIGEST-VALUE", key)
    words = call(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")
    return list(zip(words[::2], map(float, words[1::2])))


def transfer(results, names, source, target, keys, newest, oldest):
    """Restores on `target`, which knows RDB versions up to `newest`, what `source` dumps; the older
    of the two writes version `oldest`."""
    for key in keys:
        payload = source.call(b"DUMP", key)
        what = "%s -> %s: %s" % (names[0], names[1], key.decode())
        if version_of(payload) > newest:
            refused = target.call(b"RESTORE", b"copy", b"0", payload, b"REPLACE")
            results.check(isinstance(refused, Error), what, "a version too new was accepted")
            if payload[0] in NEWER_TYPES:
                continue
            payload = with_version(payload, newest)
        reply = target.call(b"RESTORE", b"copy", b"0", payload, b"REPLACE")
        if isinstance(reply, Error):
            results.check(False, what, reply, payload[:60].hex())
            continue
        contents = [content(server.call, name) for server, name in ((source, key),
                                                                    (target, b"copy"))]
        results.check(contents[0] == contents[1], what, "contents", contents)
        again = target.call(b"DUMP", b"copy")
        comparable = again[0] == payload[0] and version_of(again) == version_of(payload)
        # Tables have no order, and Redis knows the soonest of a hash's times but roughly.
        if comparable and payload[0] != HASH_LISTPACK_EX and \
                source.call(b"OBJECT", b"ENCODING", key) != b"hashtable":
            results.check(again == payload, what, "bytes", again[:40].hex(), payload[:40].hex())
        source.call(b"RESTORE", b"copy", b"0", source.call(b"DUMP", key), b"REPLACE")
        encodings = [server.call(b"OBJECT", b"ENCODING", b"copy") for server in (source, target)]
        results.check(encodings[0] == encodings[1] or oldest < 11, what, "encodings", encodings)


def compare_with(path, subject_path, seed, results):
    quiet = ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]
    servers = [Server(subject_path, quiet), Server(path, quiet)]
    try:
        subject, other = [server.start().connect() for server in servers]
        probe = other.call(b"SET", b"probe", b"1") and other.call(b"DUMP", b"probe")
        newest = version_of(probe)
        for source, target, names, limit in (
                (subject, other, ("memoir", os.path.basename(path)), newest),
                (other, subject, (os.path.basename(path), "memoir"), 12)):
            source.call(b"FLUSHALL")
            keys = fill(source.call, random.Random(seed))
            transfer(results, names, source, target, keys, limit, newest)
    finally:
        for server in servers:
            server.stop()
            server.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--subject", default=memoir_path())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("servers", nargs="*")
    options = parser.parse_args()
    results = Comparison()
    print("seed", options.seed)
    for path in options.servers or ["redis-server"]:
        before = results.failed
        compare_with(path, options.subject, options.seed, results)
        print("%s: %d differences" % (path, results.failed - before))
    print("%d passed, %d failed" % (results.passed, results.failed))
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
