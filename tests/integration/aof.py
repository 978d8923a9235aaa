#!/usr/bin/env python3
"""Append-only files of real servers read by Memoir, and the way back: what Memoir exports, real
servers load. Also memoir-journal's cut, BGREWRITEAOF, and files that must be refused.

    aof.py [--server PATH] [--tool PATH] [--seed N] [--commands N] [CASE...]

The content is compared by DEBUG DIGEST after random commands of all types. Peers that are not
installed are named and left out. The last line is "N passed, N failed".
"""

import argparse
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "../differential"))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import Error, encode
from grammar import BLOCKING, Grammar

PEERS = os.path.expanduser("~/.cache/memoir-peers/bin")
DEBUG = ["--enable-debug-command", "yes", "--save", ""]
FAR = b"4000000000000"  # when keys end: not before the test
DATABASES = (0, 1, 2, 15)
TORN = b"*3\r\n$3\r\nSET\r\n$4\r\ntor"

# What random commands leave out: connections' own state, what waits or ends, the process itself.
LEFT_OUT = BLOCKING | {
    b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE",
    b"MONITOR", b"QUIT", b"RESET", b"HELLO", b"AUTH", b"CLIENT", b"CONFIG", b"ACL", b"SHUTDOWN",
    b"DEBUG", b"WAIT", b"WAITAOF", b"XREAD", b"XREADGROUP", b"MIGRATE", b"SAVE", b"BGSAVE",
    b"BGREWRITEAOF", b"LATENCY", b"SLOWLOG", b"FLUSHALL", b"SWAPDB", b"PFSELFTEST", b"MULTI",
    b"EXEC", b"DISCARD", b"SCRIPT", b"FAILOVER", b"REPLICAOF", b"ROLE", b"KEYS",
    b"POST", b"HOST:",  # they end the connection
    # fields that end during the test
    b"HEXPIRE", b"HPEXPIRE", b"HEXPIREAT", b"HPEXPIREAT", b"HSETEX", b"HGETEX"}
# Options whose records Redis 7.0 has no words for; aof_export_test has them.
NEWER_OPTIONS = {b"KEEPREF", b"DELREF", b"ACKED", b"DIFF", b"DIFF1", b"ANDOR", b"ONE", b"BYPOLYGON"}


def peers():
    """(name, server, check-aof, check-rdb) of the servers that are here."""
    found = [("redis 7.0", "redis-server", "redis-check-aof", "redis-check-rdb")]
    for name, prefix, tools in (("redis 7.2", "redis72", "redis8"),
                                ("redis 8.0", "redis8", "redis8"),
                                ("valkey 8.1", "valkey", "valkey")):
        server = os.path.join(PEERS, prefix + "-server")
        if os.path.exists(server):
            found.append((name, server, os.path.join(PEERS, tools + "-check-aof"),
                          os.path.join(PEERS, tools + "-check-rdb")))
        else:
            print("skip    %s is not installed" % name)
    return [peer for peer in found if shutil.which(peer[1])]


def memoir(options, *arguments):
    return Server(options.server, ["--appendonly", "yes"] + DEBUG + list(arguments))


def ask(connection, *words):
    reply = connection.call(*words)
    assert not isinstance(reply, Error), (words[:2], reply)
    return reply


class Commands:
    """Random commands of the differential runner's grammar, the same for the same seed."""

    def __init__(self, server, seed):
        connection = server.connect()
        names = {bytes(row[0]).upper() for row in ask(connection, "COMMAND")}
        connection.close()
        if "memoir" in os.path.basename(server.binary):
            names &= self.known_to_redis()
        self.rng = random.Random(seed)
        self.grammar = Grammar(names - LEFT_OUT)

    @staticmethod
    def known_to_redis():
        """What redis-server knows: the rest has its test elsewhere."""
        with Server("redis-server", DEBUG) as server:
            server.start()
            connection = server.connect()
            return {bytes(row[0]).upper() for row in ask(connection, "COMMAND")}

    def draw(self):
        while True:
            request, _ = self.grammar.draw(self.rng)
            if not request or request[0].upper() in LEFT_OUT:
                continue
            if NEWER_OPTIONS & {word.upper() for word in request}:
                continue
            if request[0].upper() == b"ZRANGESTORE" and b"LIMIT" in map(bytes.upper, request):
                continue  # Redis 8 reads offsets below 0 differently than 7
            return request

    def run(self, connection, count):
        """Sends so many, some of them in transactions; most must be right."""
        good = 0
        while count > 0:
            batch = [self.draw() for _ in range(self.rng.choice((1, 5, 20, 60)))]
            if self.rng.random() < 0.2:
                batch = [[b"MULTI"]] + batch + [[b"EXEC"]]
            count -= len(batch)
            replies = connection.pipeline(batch)
            good += sum(not isinstance(reply, Error) for reply in replies)
        return good


def settle(connection):
    """No key ends during the test: what has an expiry gets a far one."""
    for db in DATABASES:
        ask(connection, "SELECT", db)
        keys = ask(connection, "KEYS", "*")
        times = connection.pipeline([[b"PTTL", key] for key in keys])
        lasting = [[b"PEXPIREAT", key, FAR] for key, ms in zip(keys, times) if ms > 0]
        if lasting:
            connection.pipeline(lasting)
        # Those that are over are found and go.
        until(lambda: ask(connection, "DBSIZE") == len(ask(connection, "KEYS", "*")))
    ask(connection, "SELECT", 0)


def content(connection):
    """The digest, and how many keys each database has. Members that have ended are away."""
    keys = []
    for db in DATABASES:
        ask(connection, "SELECT", db)
        keys.append(len(ask(connection, "KEYS", "*")))
    ask(connection, "SELECT", 0)
    return ask(connection, "DEBUG", "DIGEST"), keys


def digests(connection):
    """Each key with its digest, to say where two servers differ."""
    found = {}
    for db in DATABASES:
        ask(connection, "SELECT", db)
        keys = sorted(ask(connection, "KEYS", "*"))
        if not keys:
            continue
        values = ask(connection, "DEBUG", "DIGEST-VALUE", *keys)
        for key, value, ms in zip(keys, values,
                                  connection.pipeline([[b"PEXPIRETIME", key] for key in keys])):
            found[db, key] = (bytes(value), ms)
    ask(connection, "SELECT", 0)
    return found


def loose(connection):
    """What digests tell too exactly. Sorted sets as members and numbers: Redis 7.2 writes scores
    into digests in other digits than 7.0. HyperLogLogs as what they count: whether one has become
    dense is journaled by Memoir, and decided by Redis when it reads its file."""
    found = {}
    for db in DATABASES:
        ask(connection, "SELECT", db)
        for key in ask(connection, "KEYS", "*"):
            if ask(connection, "TYPE", key) == b"zset":
                pairs = ask(connection, "ZRANGE", key, 0, -1, "WITHSCORES")
                found[db, key] = [(bytes(member), float(score)) for member, score
                                  in zip(pairs[::2], pairs[1::2])]
            elif ask(connection, "TYPE", key) == b"string":
                if ask(connection, "GETRANGE", key, 0, 3) == b"HYLL":
                    found[db, key] = connection.call("PFCOUNT", key)
    ask(connection, "SELECT", 0)
    return found


def same(expected, server, note):
    """Compares with what remember() has told of another server."""
    connection = server.connect()
    try:
        now = content(connection)
        if now == expected[0]:
            return
        there = digests(connection)
        loosely = loose(connection)
        differing = [key for key in sorted(set(expected[1]) | set(there))
                     if expected[1].get(key) != there.get(key)
                     and (key not in loosely or loosely[key] != expected[2].get(key)
                          or expected[1][key][1] != there[key][1])]
        if not differing and now[1] == expected[0][1]:
            return
        raise AssertionError("%s: %r != %r; differing: %r" % (
            note, expected[0], now,
            [(key, expected[1].get(key), there.get(key)) for key in differing[:5]]))
    finally:
        connection.close()


def remember(connection):
    return content(connection), digests(connection), loose(connection)


def rewrite(connection):
    reply = ask(connection, "BGREWRITEAOF")
    assert reply.startswith(b"Background append only file rewriting"), reply
    until(lambda: info(connection, "aof_rewrite_in_progress") == 0
          and info(connection, "aof_rewrite_scheduled") == 0)


def written_by(peer, options, seed, preamble=True, timestamps=False, end="stop"):
    """As written_once(); a peer that random commands bring down is asked with others."""
    for attempt in range(4):
        try:
            return written_once(peer, options, seed + 1000 * attempt, preamble, timestamps, end)
        except ConnectionError:
            print("note    %s ended under the commands of seed %d" % (peer[0], seed))
    raise AssertionError("%s ends under any commands" % peer[0])


def written_once(peer, options, seed, preamble, timestamps, end):
    """A peer's folder after random commands, with what it held."""
    server = Server(peer[1], ["--appendonly", "yes", "--appendfsync", "no",
                              "--aof-use-rdb-preamble", "yes" if preamble else "no",
                              "--aof-timestamp-enabled", "yes" if timestamps else "no"] + DEBUG)
    try:
        server.start()
        connection = server.connect()
        commands = Commands(server, seed)
        good = commands.run(connection, options.commands // 2)
        rewrite(connection)
        good += commands.run(connection, options.commands // 2)
        assert good > options.commands / 3, good
        ask(connection, "SELECT", 0)
        ask(connection, "HSET", "ends", "f", "1", "g", "2")
        connection.call("HPEXPIREAT", "ends", FAR, "FIELDS", "1", "f")  # newer servers know it
        settle(connection)
        connection.close()
        server.kill() if end == "kill" else server.stop()
        # What counts is what the peer itself reads from its files: it is not always what it had.
        server.start()
        connection = server.connect()
        held = remember(connection)
        assert sum(held[0][1]) > 20, held[0]
        connection.close()
        server.kill() if end == "kill" else server.stop()
    except BaseException:
        server.close()
        raise
    return server, held


def take_over(folder, target):
    """Gives Memoir a copy of what a peer has left."""
    for name in ("appendonlydir", "dump.rdb", "appendonly.aof"):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(target, name))
        elif os.path.exists(path):
            shutil.copy(path, target)


def last_increment(folder):
    paths = glob.glob(os.path.join(folder, "appendonlydir", "*.incr.aof"))
    return max(paths, key=lambda path: int(path.split(".")[-3]))


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


def import_and_compare(options, folder, held, note):
    """Memoir starts on a copy of the folder, twice: from the files and from its own."""
    with memoir(options) as server:
        take_over(folder, server.folder)
        server.start()
        same(held, server, note)
        assert server.stop() == 0
        server.start()
        same(held, server, note + ", second start")
        return server.log_tail(400)


# ---- cases --------------------------------------------------------------------------------------

def import_of_peers(options):
    """Base RDB or base AOF, with and without times; stopped or killed with a torn tail."""
    for number, peer in enumerate(peers()):
        for preamble, timestamps, end in ((True, False, "stop"), (False, True, "kill")):
            note = "%s, preamble %s, times %s, %s" % (peer[0], preamble, timestamps, end)
            server, held = written_by(peer, options, options.seed + number, preamble, timestamps,
                                      end)
            with server:
                if end == "kill":
                    append(last_increment(server.folder), TORN)
                log = import_and_compare(options, server.folder, held, note)
                torn = "loaded anyway because aof-load-truncated is enabled" in log
                assert torn == (end == "kill"), log


def import_of_a_single_file(options):
    """As before Redis 7: the RDB in front of the requests, or requests alone."""
    for preamble in (True, False):
        server, held = written_by(peers()[0], options, options.seed + 50, preamble)
        with server:
            directory = os.path.join(server.folder, "appendonlydir")
            base = glob.glob(os.path.join(directory, "*.base.*"))[0]
            whole = read_bytes(base) + read_bytes(last_increment(server.folder))
            shutil.rmtree(directory)
            append(os.path.join(server.folder, "appendonly.aof"), whole)
            import_and_compare(options, server.folder, held, "one file, preamble %s" % preamble)


def refuses(options, folder, expected, *arguments):
    """Memoir does not start there, says why, and changes nothing."""
    with memoir(options, *arguments) as server:
        take_over(folder, server.folder)
        try:
            server.start(timeout=30)
        except RuntimeError as error:
            assert expected in str(error), (expected, str(error)[-2000:])
        else:
            raise AssertionError("started without complaint; expected: " + expected)
        assert not glob.glob(os.path.join(server.folder, "journal/*/*.journal"))
        for path in glob.glob(os.path.join(folder, "appendonlydir/*")):
            there = os.path.join(server.folder, "appendonlydir", os.path.basename(path))
            assert read_bytes(path) == read_bytes(there), path


def refused_files(options):
    server, held = written_by(peers()[0], options, options.seed + 60)
    with server:
        directory = os.path.join(server.folder, "appendonlydir")
        increment = last_increment(server.folder)
        manifest = os.path.join(directory, "appendonly.aof.manifest")
        good, listed = read_bytes(increment), read_bytes(manifest)

        def with_increment(data, expected, *arguments):
            with open(increment, "wb") as file:
                file.write(data)
            refuses(options, server.folder, expected, *arguments)
            with open(increment, "wb") as file:
                file.write(good)

        def with_manifest(data, expected):
            with open(manifest, "wb") as file:
                file.write(data)
            refuses(options, server.folder, expected)
            with open(manifest, "wb") as file:
                file.write(listed)

        with_increment(good + TORN, "aof-load-truncated", "--aof-load-truncated", "no")
        with_increment(good + b"*2\r\n$5\r\nMULTI\r\n", "Unexpected end of file",
                       "--aof-load-truncated", "no")
        with_increment(good + b"rubbish\r\n", "redis-check-aof --fix")
        with_increment(good + encode([b"NEVERHEARD", b"k"]), "NEVERHEARD")
        os.rename(increment, increment + ".away")
        refuses(options, server.folder, "doesn't exist")
        os.rename(increment + ".away", increment)
        with_manifest(b"", "Found an empty AOF manifest")
        with_manifest(b"file x\n", "Invalid AOF manifest file format")
        with_manifest(listed + b"file ../x seq 9 type i\n", "File can't be a path")
        base = glob.glob(os.path.join(directory, "*.base.rdb"))[0]
        os.truncate(base, os.path.getsize(base) - 5)
        refuses(options, server.folder, "Error reading the RDB base file")
        # A transaction that has no end goes as a whole, and nothing before it.
    server, held = written_by(peers()[0], options, options.seed + 61)
    with server:
        append(last_increment(server.folder), encode([b"MULTI"]) + encode([b"FLUSHALL"]))
        log = import_and_compare(options, server.folder, held, "MULTI without EXEC")
        assert "Revert incomplete MULTI/EXEC transaction" in log, log


def run_tool(options, *words):
    done = subprocess.run([options.tool] + [str(word) for word in words], capture_output=True,
                          timeout=120, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def must_run(options, *words, code=0):
    returned, out, err = run_tool(options, *words)
    assert returned == code, (words, returned, out, err)
    return out


def accepted(program, *words, answer=b""):
    """redis-check-* says that a file is good."""
    done = subprocess.run([program] + list(words), input=answer, capture_output=True, timeout=120,
                          check=False)
    assert done.returncode == 0, (program, words, done.stdout[-2000:], done.stderr[-2000:])


def loaded_by(peer, directory, held, note):
    """A real server loads the exported files: its checkers accept them, its content is the same."""
    files = os.path.join(directory, "appendonlydir")
    accepted(peer[2], os.path.join(files, "appendonly.aof.manifest"))
    accepted(peer[3], os.path.join(files, "appendonly.aof.1.base.rdb"))
    with Server(peer[1], ["--appendonly", "yes"] + DEBUG) as server:
        shutil.copytree(files, os.path.join(server.folder, "appendonlydir"))
        server.start()
        same(held, server, "%s loads %s" % (peer[0], note))


def bgsave(connection):
    ask(connection, "BGSAVE")
    until(lambda: info(connection, "rdb_bgsave_in_progress") == 0)


def lsn(connection):
    return info(connection, "journal_lsn")


def exports(options):
    """With a snapshot in the midst and without any; up to the end and up to a moment."""
    for with_snapshot in (False, True):
        with memoir(options) as server:
            server.start()
            connection = server.connect()
            commands = Commands(server, options.seed + 70 + with_snapshot)
            commands.run(connection, options.commands // 2)
            if with_snapshot:
                bgsave(connection)
            commands.run(connection, options.commands // 4)
            settle(connection)
            middle, at = remember(connection), lsn(connection)
            commands.run(connection, options.commands // 4)
            settle(connection)
            end = remember(connection)
            note = "an export %s" % ("with a snapshot" if with_snapshot else "of the journal alone")
            # Beside the running server, and after it.
            running = os.path.join(server.folder, "running")
            out = must_run(options, "export", "--aof", "--to", running, server.folder)
            assert ("from the snapshot at LSN" in out) == with_snapshot, out
            connection.close()
            assert server.stop() == 0
            past = os.path.join(server.folder, "past")
            must_run(options, "export", "--aof", "--to", past, "--at", "lsn:%d" % at, server.folder)
            for peer in peers():
                loaded_by(peer, running, end, note)
                loaded_by(peer, past, middle, note + " up to a moment")
            code, _, err = run_tool(options, "export", "--aof", "--to", past, server.folder)
            assert code == 2 and "holds an append-only file already" in err, err
            # Memoir reads it, too.
            import_and_compare(options, running, end, "Memoir loads " + note)


def what_redis_does_not_know(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "HSET", "h", "f", "1", "g", "2")
        ask(connection, "HEXPIRE", "h", "1000", "FIELDS", "1", "f")
        ask(connection, "SADD", "s", "a", "b")
        ask(connection, "EXPIREMEMBER", "s", "a", "1000")
        ask(connection, "MSET", "p:1", "x", "p:2", "x", "q", "x")
        bgsave(connection)
        ask(connection, "HSETEX", "h", "EX", "1000", "FIELDS", "1", "i", "3")
        ask(connection, "EXPIREMEMBER", "s", "b", "1000")
        ask(connection, "DELPREFIX", "p:")
        ask(connection, "MSETEX", "2", "m", "1", "n", "2", "EX", "1000")
        ask(connection, "SET", "q", "y", "IFEQ", "x")
        ask(connection, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f',"
            " function() return 7 end)")
        connection.close()
        assert server.stop() == 0
        to = os.path.join(server.folder, "out")
        out = must_run(options, "export", "--aof", "--to", to, server.folder)
        assert "when fields or members end (4 times)" in out, out
        for peer in peers():
            with Server(peer[1], ["--appendonly", "yes"] + DEBUG) as other:
                shutil.copytree(os.path.join(to, "appendonlydir"),
                                os.path.join(other.folder, "appendonlydir"))
                other.start()
                there = other.connect()
                fields = ask(there, "HGETALL", "h")
                assert dict(zip(fields[::2], fields[1::2]) if isinstance(fields, list)
                            else fields) == {b"f": b"1", b"g": b"2", b"i": b"3"}, fields
                assert sorted(ask(there, "SMEMBERS", "s")) == [b"a", b"b"]
                assert ask(there, "EXISTS", "p:1", "p:2") == 0
                assert ask(there, "MGET", "q", "m", "n") == [b"y", b"1", b"2"]
                assert ask(there, "PTTL", "m") > 0
                assert ask(there, "FCALL", "f", "0") == 7
        # What cannot be told is refused, until a snapshot has it.
        server.start()
        connection = server.connect()
        ask(connection, "BITOP", "DIFF", "d", "q", "m")
        digest = remember(connection)
        code, _, err = run_tool(options, "export", "--aof", "--to", to + "2", server.folder)
        assert code == 2 and "BITOP DIFF has no counterpart" in err and "BGSAVE" in err, err
        bgsave(connection)
        must_run(options, "export", "--aof", "--to", to + "3", server.folder)
        with Server("redis-server", ["--appendonly", "yes"] + DEBUG) as other:
            shutil.copytree(os.path.join(to + "3", "appendonlydir"),
                            os.path.join(other.folder, "appendonlydir"))
            other.start()
            there = other.connect()
            assert digests(there)[0, b"d"] == digest[1][0, b"d"]
        connection.close()


def times_in_the_export(options):
    """redis-check-aof cuts an export at one of its annotations."""
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "SET", "a", "1")
        second = int(ask(connection, "TIME")[0])
        until(lambda: int(ask(connection, "TIME")[0]) > second + 1)
        ask(connection, "SET", "a", "2")
        connection.close()
        assert server.stop() == 0
        to = os.path.join(server.folder, "out")
        must_run(options, "export", "--aof", "--to", to, server.folder)
        files = os.path.join(to, "appendonlydir")
        text = read_bytes(os.path.join(files, "appendonly.aof.1.incr.aof"))
        times = [int(time) for time in re.findall(rb"#TS:(\d+)\r\n", text)]
        assert times == sorted(times) and times[0] in (second - 1, second, second + 1), times
        accepted("redis-check-aof", "--truncate-to-timestamp", str(second + 1),
                 os.path.join(files, "appendonly.aof.manifest"), answer=b"y\n")
        with Server("redis-server", ["--appendonly", "yes"] + DEBUG) as other:
            shutil.copytree(files, os.path.join(other.folder, "appendonlydir"))
            other.start()
            assert ask(other.connect(), "GET", "a") == b"1"


def cut_at_a_moment(options):
    with memoir(options, "--journal-segment-size", "1mb") as server:
        server.start()
        connection = server.connect()
        commands = Commands(server, options.seed + 80)
        moments = []
        for part in range(3):
            commands.run(connection, options.commands // 3)
            ask(connection, "SET", "filler", "x" * 700000)
            if part != 1:
                bgsave(connection)
            settle(connection)
            moments.append((lsn(connection), remember(connection)))
        code, _, err = run_tool(options, "cut", "--at", "lsn:0", server.folder)
        assert code == 2 and "stop the server first" in err, err
        connection.close()
        assert server.stop() == 0
        before = sorted(os.listdir(server.folder))
        for at, held in reversed(moments[:2]):
            where = ["--at", "lsn:%d" % at, server.folder]
            out = must_run(options, "cut", *where, code=1)
            assert "Nothing has been changed" in out and "records behind it" in out, out
            must_run(options, "cut", "--yes", *where)
            assert "Nothing lies behind that moment" in must_run(options, "cut", *where)
            must_run(options, "verify", server.folder)
            server.start()
            same(held, server, "cut at LSN %d" % at)
            connection = server.connect()
            assert lsn(connection) == at
            ask(connection, "SET", "after", "the cut")
            connection.close()
            server.kill()
            server.start()
            connection = server.connect()
            assert ask(connection, "GET", "after") == b"the cut"
            connection.close()
            assert server.stop() == 0
        assert before != sorted(os.listdir(server.folder))
        assert glob.glob(os.path.join(server.folder, "*.cut")), os.listdir(server.folder)
        code, _, err = run_tool(options, "cut", server.folder)
        assert code == 2 and "needs --at" in err, err
        code, _, err = run_tool(options, "cut", "--at", "yesterday", server.folder)
        assert code == 2 and "invalid moment" in err, err


def json_lines(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "CLIENT", "SETNAME", "writer")
        ask(connection, "SET", "k", b"\xff\x00")
        ask(connection, "SELECT", 3)
        first = lsn(connection)
        ask(connection, "RPUSH", "l", "ä", 'quo"te')
        connection.close()
        assert server.stop() == 0
        lines = [json.loads(line) for line in
                 must_run(options, "export", "--json", server.folder).splitlines()]
        assert [line["command"] for line in lines] == [
            ["SET", "k", {"base64": "/wA="}], ["RPUSH", "l", "ä", 'quo"te']], lines
        assert [line["db"] for line in lines] == [0, 3]
        for line in lines:
            assert line["user"] == "default" and line["client"] == "writer", line
            assert line["address"].startswith("127.0.0.1:"), line
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", line["time"]), line
        path = os.path.join(server.folder, "lines.json")
        must_run(options, "export", "--json", "--to", path, "--from", first, server.folder)
        assert [json.loads(line) for line in read_bytes(path).splitlines()] == lines[1:]
        out = must_run(options, "export", "--json", "--at", lines[0]["time"], server.folder)
        assert [json.loads(line) for line in out.splitlines()] == lines[:1]
        code, _, err = run_tool(options, "export", server.folder)
        assert code == 2 and "needs --aof or --json" in err, err


def verify_sees_snapshots(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "SET", "a", "1")
        out = must_run(options, "verify", server.folder)
        assert "A start uses the journal from its beginning" in out, out
        bgsave(connection)
        ask(connection, "SET", "b", "1")
        bgsave(connection)
        connection.close()
        assert server.stop() == 0
        newest = sorted(glob.glob(os.path.join(server.folder, "snapshot-*.rdb")))
        assert len(newest) == 2, newest
        out = must_run(options, "verify", server.folder)
        assert out.count("; sound") == 2, out
        assert "A start uses %s and" % os.path.basename(newest[1]) in out, out
        data = bytearray(read_bytes(newest[1]))
        data[len(data) // 2] ^= 0xFF
        with open(newest[1], "wb") as file:
            file.write(data)
        code, out, err = run_tool(options, "verify", server.folder)
        assert code == 1 and newest[1] in err, (out, err)
        assert "A start uses %s and" % os.path.basename(newest[0]) in out, out
        server.start()
        assert ask(server.connect(), "MGET", "a", "b") == [b"1", b"1"]


def checkpoint_now(options):
    """BGREWRITEAOF takes a snapshot and says what Redis says."""
    with memoir(options, "--rdb-key-save-delay", "1000") as server:
        server.start()
        connection = server.connect()
        connection.pipeline([[b"SET", b"k%d" % i, b"v"] for i in range(3000)])
        assert info(connection, "aof_last_rewrite_time_sec") == -1
        saves = info(connection, "rdb_saves")
        assert ask(connection, "BGREWRITEAOF") == b"Background append only file rewriting started"
        assert info(connection, "aof_rewrite_in_progress") == 1
        assert info(connection, "rdb_bgsave_in_progress") == 0
        assert info(connection, "aof_current_rewrite_time_sec") >= 0
        reply = connection.call("BGREWRITEAOF")
        assert reply == b"ERR Background append only file rewriting already in progress", reply
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", "0")
        until(lambda: info(connection, "aof_rewrite_in_progress") == 0)
        assert info(connection, "rdb_saves") == saves + 1
        assert info(connection, "aof_rewrites") == 1
        assert info(connection, "aof_last_rewrite_time_sec") >= 0
        assert info(connection, "aof_base_size") > 3000
        assert info(connection, "rdb_last_bgsave_time_sec") == -1
        assert glob.glob(os.path.join(server.folder, "snapshot-*.rdb"))
        # While a BGSAVE is under way, and in a transaction, it waits.
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", "1000")
        ask(connection, "BGSAVE")
        reply = ask(connection, "BGREWRITEAOF")
        assert reply == b"Background append only file rewriting scheduled", reply
        assert info(connection, "aof_rewrite_scheduled") == 1
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", "0")
        until(lambda: info(connection, "aof_rewrites") == 2
              and info(connection, "aof_rewrite_in_progress") == 0)
        assert info(connection, "aof_rewrite_scheduled") == 0
        ask(connection, "MULTI")
        ask(connection, "BGREWRITEAOF")
        assert ask(connection, "EXEC") == [b"Background append only file rewriting scheduled"]
        until(lambda: info(connection, "aof_rewrites") == 3
              and info(connection, "aof_rewrite_in_progress") == 0)


CASES = [import_of_peers, import_of_a_single_file, refused_files, exports, what_redis_does_not_know,
         times_in_the_export, cut_at_a_moment, json_lines, verify_sees_snapshots, checkpoint_now]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--tool", default=os.environ.get("MEMOIR_JOURNAL"))
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--commands", type=int, default=3000)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    if options.tool is None:
        options.tool = os.path.join(os.path.dirname(options.server), "memoir-journal")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d (repeat with --seed)" % options.seed)
    passed = failed = 0
    for case in CASES:
        if options.cases and case.__name__ not in options.cases:
            continue
        begin = time.monotonic()
        try:
            case(options)
            passed += 1
            print("ok      %s (%.1f s)" % (case.__name__, time.monotonic() - begin))
        except Exception:
            failed += 1
            print("FAILED  %s" % case.__name__)
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
