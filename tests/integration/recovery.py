#!/usr/bin/env python3
"""How a server starts: from files of Redis and its kin, from snapshots and journal, when
something is damaged, when it is killed on the way; and what it answers meanwhile.

    recovery.py [--server PATH] [--seed N] [CASE...]

Files to import are written by real servers: Debian's redis-server, and those of
~/.cache/memoir-peers/bin that are there; who is missing is said. The last line is "N passed, N
failed".
"""

import argparse
import glob
import os
import random
import shutil
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import Error

PEERS = os.path.expanduser("~/.cache/memoir-peers/bin")
WRITERS = {
    "redis-server": shutil.which("redis-server") or "/usr/bin/redis-server",
    "redis72-server": os.path.join(PEERS, "redis72-server"),
    "redis8-server": os.path.join(PEERS, "redis8-server"),
    "valkey-server": os.path.join(PEERS, "valkey-server"),
}
PLAIN = ["--save", "", "--appendonly", "no"]
DEBUG = ["--enable-debug-command", "yes"]
JOURNAL = ["--save", "", "--appendonly", "yes"] + DEBUG


# ---- helpers


def call(connection, *words):
    reply = connection.call(*words)
    assert not isinstance(reply, Error), "%s: %s" % (words[0], reply.decode())
    return reply


def fill(connection, rng, keys=400):
    """Values of all types, small and large, in three databases, some with an expiry."""
    for db in (0, 3, 9):
        call(connection, "SELECT", db)
        for i in range(keys):
            kind = rng.choice(("string", "number", "long", "list", "hash", "set", "numbers", "zset",
                               "stream"))
            key = "%s:%d" % (kind, i)
            size = rng.choice((1, 3, 20, 200))
            call(connection, "DEL", key)
            texts = ["%d" % rng.randrange(1 << 20) if rng.random() < 0.3 else
                     "text %d" % rng.randrange(1 << 20) for _ in range(size)]
            if kind == "string":
                call(connection, "SET", key, "value " * size)
            elif kind == "number":
                call(connection, "SET", key, rng.randrange(-1 << 40, 1 << 40))
            elif kind == "long":
                call(connection, "SET", key, bytes(rng.randrange(256) for _ in range(50 * size)))
            elif kind == "list":
                call(connection, "RPUSH", key, *texts)
            elif kind == "hash":
                call(connection, "HSET", key, *[word for text in texts for word in (text, text)])
            elif kind == "set":
                call(connection, "SADD", key, *texts)
            elif kind == "numbers":
                call(connection, "SADD", key, *range(size))
            elif kind == "zset":
                call(connection, "ZADD", key,
                     *[word for text in texts for word in (rng.uniform(-9, 9), text)])
            else:
                for n in range(min(size, 30)):
                    call(connection, "XADD", key, "%d-1" % (n + 1), "field", n)
                call(connection, "XGROUP", "CREATE", key, "group", "0")
                call(connection, "XREADGROUP", "GROUP", "group", "reader", "COUNT", "5", "STREAMS",
                     key, ">")
            if rng.random() < 0.2:
                call(connection, "PEXPIRE", key, rng.randrange(10**7, 10**8))
    call(connection, "SELECT", 0)


def contents(connection):
    """Every key of every database with its value, as a digest, and when it expires. Servers differ
    in how a digest sees scores, so those are compared as numbers.
    """
    found = {}
    for db in range(16):
        call(connection, "SELECT", db)
        keys = sorted(call(connection, "KEYS", "*"))
        for key in keys:
            if key.startswith(b"zset"):
                pairs = call(connection, "ZRANGE", key, 0, -1, "WITHSCORES")
                value = dict(zip(pairs[::2], map(float, pairs[1::2])))
            else:
                value = call(connection, "DEBUG", "DIGEST-VALUE", key)[0]
            found[db, key] = (value, call(connection, "PEXPIRETIME", key))
    call(connection, "SELECT", 0)
    return found


def digest(connection):
    return call(connection, "DEBUG", "DIGEST")


def log_of(server):
    with open(server.log, "rb") as log:
        return log.read().decode(errors="replace")


def snapshots(server):
    return sorted(glob.glob(os.path.join(server.folder, "snapshot-*.rdb")))


def difference(one, other):
    keys = [key for key in set(one) | set(other) if one.get(key) != other.get(key)]
    return "%d keys differ, as %r: %r and %r" % (
        len(keys), keys[0], one.get(keys[0]), other.get(keys[0])) if keys else ""


def saved_by_memoir(server, connection):
    call(connection, "SAVE")
    return snapshots(server)[-1]


# ---- cases


def import_of(options, name, append_only):
    binary = WRITERS[name]
    if not os.path.exists(binary):
        print("    %s is not there: skipped" % name)
        return
    arguments = ["--save", ""] + DEBUG
    arguments += ["--appendonly", "yes" if append_only else "no"]
    with Server(binary, arguments) as peer, Server(options.server, JOURNAL) as server:
        peer.start()
        connection = peer.connect()
        fill(connection, options.rng)
        call(connection, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('one', "
                                             "function() return 1 end)")
        if append_only:
            call(connection, "BGREWRITEAOF")
            until(lambda: info(connection, "aof_rewrite_in_progress") == 0)
            fill(connection, options.rng, 40)
            call(connection, "MULTI")
            call(connection, "INCR", "counted")
            call(connection, "INCR", "counted")
            call(connection, "EXEC")
        else:
            call(connection, "SAVE")
        expected = contents(connection)
        whole = digest(connection)
        connection.close()
        peer.stop()
        for file in ("dump.rdb", "appendonlydir"):
            path = os.path.join(peer.folder, file)
            if os.path.isdir(path):
                shutil.copytree(path, os.path.join(server.folder, file))
            elif os.path.exists(path) and not append_only:
                shutil.copy(path, server.folder)
        dump = os.path.join(server.folder, "dump.rdb")
        before = open(dump, "rb").read() if os.path.exists(dump) else None

        server.start()
        connection = server.connect()
        found = contents(connection)
        assert found == expected, difference(expected, found)
        assert digest(connection) == whole or name != "redis-server"
        assert call(connection, "FCALL", "one", 0) == 1
        log = log_of(server)
        assert "There is no journal: importing" in log and "the journal begins there" in log, log
        if not append_only:
            assert "Done loading RDB, keys loaded: %d, keys expired: 0." % len(expected) in log
            assert info(connection, "rdb_last_load_keys_loaded") == len(expected)
            assert info(connection, "rdb_last_load_keys_expired") == 0
        assert len(snapshots(server)) == 1
        if before is not None:
            assert open(dump, "rb").read() == before, "the dump was changed"
        call(connection, "SET", "after", "the import")
        whole = digest(connection)
        connection.close()
        server.kill()

        server.start()
        connection = server.connect()
        assert digest(connection) == whole, "not the same after kill -9"
        assert call(connection, "DEBUG", "VERIFY") == b"OK"
        if before is not None:
            assert "dump.rdb is not read: the journal and its snapshots" in log_of(server)
        connection.close()


def dump_without_a_journal(options):
    with Server(options.server, PLAIN + DEBUG) as server:
        server.start()
        connection = server.connect()
        fill(connection, options.rng, 100)
        call(connection, "SET", "soon", "over", "PX", 1)
        call(connection, "SAVE")
        call(connection, "DEL", "soon")
        whole = digest(connection)
        connection.close()
        server.stop()
        server.start()
        connection = server.connect()
        assert digest(connection) == whole
        connection.close()
        server.stop()
        os.remove(os.path.join(server.folder, "dump.rdb"))
        server.start()
        connection = server.connect()
        assert call(connection, "DBSIZE") == 0
        connection.close()


def bad_dumps(options):
    with Server(options.server, PLAIN) as writer:
        writer.start()
        connection = writer.connect()
        fill(connection, options.rng, 30)
        call(connection, "SAVE")
        connection.close()
        writer.stop()
        with open(os.path.join(writer.folder, "dump.rdb"), "rb") as file:
            dump = file.read()
    wrong_sum = dump[:-1] + bytes([dump[-1] ^ 1])
    for bad, words in ((b"XEDIS" + dump[5:], "Wrong signature trying to load DB from file"),
                       (b"REDIS0987" + dump[9:], "Can't handle RDB format version 0987"),
                       (dump[:len(dump) // 2], "Short read or OOM loading DB. Unrecoverable error"),
                       (b"", "Short read or OOM loading DB"),
                       (wrong_sum, "Wrong RDB checksum expected")):
        for mode in ("yes", "no"):
            with Server(options.server, ["--save", "", "--appendonly", mode]) as server:
                path = os.path.join(server.folder, "dump.rdb")
                with open(path, "wb") as file:
                    file.write(bad)
                server.start(wait=False)
                status = server.process.wait(30)
                log = log_of(server)
                assert status == 1, "%r ended with %s" % (words, status)
                assert words in log, log
                assert "Fatal error loading the DB, check server logs. Exiting." in log, log
                with open(path, "rb") as file:
                    assert file.read() == bad
                assert not snapshots(server)
                assert not glob.glob(os.path.join(server.folder, "journal/*/*"))


def answers_while_loading(options):
    with Server(options.server, JOURNAL) as server:
        server.start()
        connection = server.connect()
        for i in range(0, 3000, 100):
            call(connection, "MSET", *[word for n in range(i, i + 100) for word in ("k%d" % n, n)])
        saved_by_memoir(server, connection)
        for i in range(500):
            call(connection, "INCR", "k%d" % i)
        whole = digest(connection)
        connection.close()
        server.kill()

        server.arguments += ["--key-load-delay", "1000"]
        server.start(wait=False)

        def first_answer():
            try:
                connection = server.connect()
                connection.call("ECHO", "x")
                return connection
            except OSError:
                return None

        connection = until(first_answer)
        assert connection.call("GET", "k1").startswith(
            b"LOADING Redis is loading the dataset in memory")
        assert connection.call("SET", "k1", "x").startswith(b"LOADING ")
        assert connection.call("DBSIZE").startswith(b"LOADING ")
        assert info(connection, "loading") == 1 and info(connection, "async_loading") == 0
        assert abs(info(connection, "loading_start_time") - time.time()) < 60
        until(lambda: info(connection, "loading_total_bytes") or info(connection, "loading") == 0)
        assert info(connection, "loading") == 1, "it was over before it could be looked at"
        assert 0 <= info(connection, "loading_loaded_bytes") <= info(
            connection, "loading_total_bytes")
        assert info(connection, "loading_rdb_used_mem") > 0
        text = call(connection, "INFO", "persistence").decode()
        assert "loading_loaded_perc:" in text and "loading_eta_seconds:" in text
        call(connection, "CONFIG", "SET", "key-load-delay", 0)
        until(lambda: info(connection, "loading") == 0)
        assert digest(connection) == whole
        assert info(connection, "rdb_last_load_keys_loaded") == 3000
        connection.close()
        log = log_of(server)
        assert "Loading snapshot snapshot-" in log and "DB loaded from snapshot" in log, log
        assert "Done loading RDB, keys loaded: 3000, keys expired: 0." in log, log


def damaged_snapshots(options):
    with Server(options.server, JOURNAL) as server:
        server.start()
        connection = server.connect()
        fill(connection, options.rng, 60)
        saved_by_memoir(server, connection)
        call(connection, "SET", "between", "snapshots")
        saved_by_memoir(server, connection)
        call(connection, "SET", "behind", "them")
        whole = digest(connection)
        connection.close()
        server.stop()
        older, newer = snapshots(server)[-2:]
        sound = {path: open(path, "rb").read() for path in (older, newer)}

        def damage(path):
            data = bytearray(sound[path])
            data[options.rng.randrange(20, len(data))] ^= 0x20
            with open(path, "wb") as file:
                file.write(data)

        damage(newer)
        server.start()
        connection = server.connect()
        assert digest(connection) == whole
        log = log_of(server)
        assert "Snapshot %s is damaged" % os.path.basename(newer) in log, log
        assert "Loading snapshot %s" % os.path.basename(older) in log, log
        connection.close()
        server.kill()
        with open(newer, "wb") as file:
            file.write(sound[newer][:len(sound[newer]) // 2])
        damage(older)
        server.start()
        connection = server.connect()
        assert digest(connection) == whole, "the journal alone should do"
        assert "No snapshot can be used" in log_of(server)
        connection.close()
        server.kill()
        # Without the beginning of the journal it must not start.
        for path in glob.glob(os.path.join(server.folder, "journal/*/*.journal")):
            os.rename(path, os.path.join(os.path.dirname(path), "%020d.journal" % 10))
        server.start(wait=False)
        assert server.process.wait(30) == 1
        log = log_of(server)
        assert "data incomplete" in log and "memoir-journal verify" in log, log


def killed_while_starting(options):
    rng = options.rng
    with Server(options.server, JOURNAL + ["--key-load-delay", "-20"]) as server:
        server.start()
        connection = server.connect()
        fill(connection, rng, 150)
        saved_by_memoir(server, connection)
        fill(connection, rng, 50)
        whole = digest(connection)
        connection.close()
        server.kill()
        for _ in range(8):
            server.start(wait=False)
            time.sleep(rng.uniform(0, 0.15))
            server.kill()
        server.start()
        connection = server.connect()
        assert digest(connection) == whole
        connection.close()


def killed_while_importing(options):
    rng = options.rng
    with Server(options.server, PLAIN + DEBUG) as writer:
        writer.start()
        connection = writer.connect()
        fill(connection, rng, 150)
        call(connection, "SAVE")
        whole = digest(connection)
        connection.close()
        writer.stop()
        dump = os.path.join(writer.folder, "dump.rdb")
        for _ in range(10):
            with Server(options.server, JOURNAL) as server:
                shutil.copy(dump, server.folder)
                for _ in range(2):
                    server.start(wait=False)
                    time.sleep(rng.uniform(0, 0.08))
                    server.kill()
                server.start()
                connection = server.connect()
                assert digest(connection) == whole
                connection.close()


def debug_reload(options):
    for arguments in (JOURNAL, PLAIN + DEBUG):
        for threads in ("1", "3"):
            with Server(options.server, arguments + ["--io-threads", threads]) as server:
                server.start()
                connection = server.connect()
                fill(connection, options.rng, 80)
                call(connection, "HSET", "fields", "a", 1, "b", 2)
                call(connection, "HPEXPIRE", "fields", 10**7, "FIELDS", 1, "a")
                call(connection, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function("
                                                     "'one', function() return 1 end)")
                expected, whole = contents(connection), digest(connection)
                for words in ((), ("NOSAVE",), ("NOFLUSH", "MERGE")):
                    call(connection, "DEBUG", "RELOAD", *words)
                    assert digest(connection) == whole, words
                    found = contents(connection)
                    assert found == expected, difference(expected, found)
                    assert call(connection, "DEBUG", "VERIFY") == b"OK"
                    assert call(connection, "FCALL", "one", 0) == 1
                reply = connection.call("DEBUG", "RELOAD", "NOFLUSH")
                assert b"Error trying to load the RDB dump" in reply, reply
                assert b"only supports" in connection.call("DEBUG", "RELOAD", "NONSENSE")
                if arguments is JOURNAL:
                    call(connection, "DEBUG", "RELOAD", "NOSAVE")
                    call(connection, "SET", "after", "reload")
                    call(connection, "DEBUG", "LOADAOF")
                    assert call(connection, "GET", "after") == b"reload"
                    whole = digest(connection)
                    connection.close()
                    server.kill()
                    server.start()
                    connection = server.connect()
                    assert digest(connection) == whole
                connection.close()


def journal_at_run_time(options):
    for threads in ("1", "3"):
        base = ["--save", "", "--io-threads", threads] + DEBUG
        with Server(options.server, base + ["--appendonly", "no"]) as server:
            server.start()
            connection = server.connect()
            fill(connection, options.rng, 60)
            call(connection, "INCR", "counter")
            call(connection, "CONFIG", "SET", "appendonly", "yes")
            assert info(connection, "aof_enabled") == 1 and len(snapshots(server)) == 1
            call(connection, "INCR", "counter")
            other = server.connect()
            call(other, "CLIENT", "SETNAME", "other")
            call(other, "INCR", "counter")
            whole = digest(connection)
            server.kill()
            server.arguments = base + ["--appendonly", "yes"]
            server.start()
            connection = server.connect()
            assert digest(connection) == whole and call(connection, "GET", "counter") == b"3"

            call(connection, "CONFIG", "SET", "appendonly", "no")
            assert info(connection, "aof_enabled") == 0
            call(connection, "INCR", "counter")  # nobody will know
            server.kill()
            server.start()
            connection = server.connect()
            assert digest(connection) == whole

            for _ in range(2):  # off and on again: what happened between is in a snapshot
                call(connection, "CONFIG", "SET", "appendonly", "no")
                call(connection, "INCR", "counter")
                call(connection, "CONFIG", "SET", "appendonly", "yes")
                call(connection, "INCR", "counter")
            call(connection, "BGSAVE")
            until(lambda: info(connection, "rdb_bgsave_in_progress") == 0)
            call(connection, "INCR", "counter")
            whole = digest(connection)
            connection.close()
            server.kill()
            server.start()
            connection = server.connect()
            assert digest(connection) == whole and call(connection, "GET", "counter") == b"8"
            assert call(connection, "DEBUG", "VERIFY") == b"OK"
            connection.close()


def cases(options):
    all_cases = {}
    for name in WRITERS:
        for append_only in (False, True):
            key = "import of %s of %s" % ("an AOF" if append_only else "a dump", name)
            all_cases[key] = lambda options, n=name, a=append_only: import_of(options, n, a)
    for case in (dump_without_a_journal, bad_dumps, answers_while_loading, damaged_snapshots,
                 killed_while_starting, killed_while_importing, debug_reload,
                 journal_at_run_time):
        all_cases[case.__name__.replace("_", " ")] = case
    if options.cases:
        wanted = [case.replace("_", " ") for case in options.cases]
        all_cases = {name: case for name, case in all_cases.items()
                     if any(name.startswith(each) for each in wanted)}
    return all_cases


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d" % seed)
    passed = failed = 0
    for name, case in cases(options).items():
        options.rng = random.Random("%d %s" % (seed, name))
        print("%s" % name, flush=True)
        try:
            case(options)
            passed += 1
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print("    %s: FAILED" % name, flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
