#!/usr/bin/env python3
"""Snapshots as users and their tools see them: SAVE, BGSAVE, save points, checkpoints, the end of
the server, INFO, errors, and files that redis-server loads.

    snapshots.py [--server PATH] [CASE...]

The last line is "N passed, N failed".
"""

import argparse
import glob
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import Error, encode

PEERS = os.path.expanduser("~/.cache/memoir-peers/bin")
QUIET = ["--save", ""]
DEBUG = ["--enable-debug-command", "yes"]
PROTECTED = ["--enable-protected-configs", "yes"]


def peers():
    """Servers that read RDB files, with their checkers: Debian's, and newer ones where at hand."""
    found = [("redis-server", "redis-check-rdb", 10)]
    for server, check, version in (("redis72-server", "redis8-check-rdb", 11),
                                   ("redis8-server", "redis8-check-rdb", 12)):
        path = os.path.join(PEERS, server)
        if os.path.exists(path):
            found.append((path, os.path.join(PEERS, check), version))
    return found


def memoir(options, *arguments, journal=True, prefix=(), save=""):
    words = ["--appendonly", "yes" if journal else "no", "--save", save] + DEBUG + PROTECTED
    return Server(options.server, words + list(arguments), prefix)


def field(connection, name):
    for line in connection.call("INFO").decode().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return None


def ask(connection, *words):
    reply = connection.call(*words)
    assert not isinstance(reply, Error), (words[:2], reply)
    return reply


def refused(connection, *words):
    reply = connection.call(*words)
    assert isinstance(reply, Error), (words[:2], reply)
    return reply.decode()


def bgsave(connection, wait=30.0):
    """Takes a snapshot in the background and waits for its end."""
    before = info(connection, "rdb_saves")
    assert ask(connection, "BGSAVE") == b"Background saving started"
    until(lambda: info(connection, "rdb_bgsave_in_progress") == 0, seconds=wait)
    assert field(connection, "rdb_last_bgsave_status") == "ok"
    assert info(connection, "rdb_saves") == before + 1


def fill(connection, new_types=True, seed=1):
    """Values of all types and forms, expiries and databases among them."""
    rng = random.Random(seed)
    for db in (0, 5):
        ask(connection, "SELECT", db)
        for i in range(300):
            ask(connection, "SET", "s%d" % i, "v" * rng.randrange(200))
            ask(connection, "SET", "n%d" % i, rng.randrange(10 ** 12))
            ask(connection, "SET", "e%d" % i, "soon", "EX", 5000 + i)
        for i in range(30):
            large = i % 3 == 0
            count = 700 if large else 20
            ask(connection, "RPUSH", "l%d" % i, *["item%d" % (j * 7919) for j in range(count)])
            ask(connection, "HSET", "h%d" % i,
                *sum((["f%d" % j, "v" * (j % 90)] for j in range(count)), []))
            ask(connection, "ZADD", "z%d" % i,
                *sum(([j * 1.5, "m%d" % j] for j in range(count)), []))
            ask(connection, "SADD", "i%d" % i, *range(count))
            if large or new_types:
                ask(connection, "SADD", "t%d" % i, *["m%d" % j for j in range(count)])
            if new_types:
                for j in range(count // 10):
                    ask(connection, "XADD", "x%d" % i, "*", "f", j)
        ask(connection, "SETRANGE", "long", 100000, "end")
    ask(connection, "SELECT", 0)
    ask(connection, "ZADD", "bigz", *sum(([j, "m%d" % j] for j in range(20000)), []))
    ask(connection, "HSET", "bigh", *sum((["f%d" % j, j] for j in range(20000)), []))
    ask(connection, "SADD", "bigs", *["m%d" % j for j in range(20000)])


class Peer:
    """Another server that has loaded an RDB file."""

    def __init__(self, binary, rdb):
        self.server = Server(binary, QUIET + ["--appendonly", "no"] + DEBUG)
        shutil.copy(rdb, os.path.join(self.server.folder, "dump.rdb"))

    def __enter__(self):
        self.server.start()
        connection = self.server.connect()
        until(lambda: not isinstance(connection.call("DBSIZE"), Error), seconds=30)
        return connection

    def __exit__(self, *_):
        self.server.close()


def check_rdb(binary, path):
    done = subprocess.run([binary, path], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode()[-800:]


def case_other_servers_read_it(options):
    for binary, check, version in peers():
        with memoir(options) as server:
            server.start()
            connection = server.connect()
            fill(connection, new_types=version > 10)
            digest = ask(connection, "DEBUG", "DIGEST")
            for command in ("SAVE", "BGSAVE"):
                ask(connection, "SAVE") if command == "SAVE" else bgsave(connection)
                path = os.path.join(server.folder, "dump.rdb")
                check_rdb(check, path)
                with Peer(binary, path) as other:
                    assert ask(other, "DEBUG", "DIGEST") == digest, (binary, command)
                    assert ask(other, "PTTL", "e5") > 4000000


def case_is_a_cut_under_load(options):
    """Writers keep invariants by MULTI; every snapshot taken meanwhile satisfies them."""
    for threads in ("1", "2"):
        with memoir(options, "--io-threads", threads) as server:
            server.start()
            connection = server.connect()
            accounts = 2000
            for i in range(0, accounts, 500):
                ask(connection, "MSET", *sum((["a%d" % j, 1000] for j in range(i, i + 500)), []))
            ask(connection, "HSET", "pairs", *sum((["p%d" % j, 0] for j in range(20000)), []))
            ask(connection, "ZADD", "bigz", *sum(([0, "m%d" % j] for j in range(20000)), []))
            ask(connection, "MSET", "pushed", 0, "total", 0)
            stop = threading.Event()
            failures = []

            def write(seed):
                try:
                    own = server.connect()
                    rng = random.Random(seed)
                    while not stop.is_set():
                        batch = []
                        for _ in range(50):
                            kind = rng.randrange(4)
                            n = rng.randrange(1, 100)
                            a, b = rng.randrange(accounts), rng.randrange(accounts)
                            if kind == 0:
                                work = [("DECRBY", "a%d" % a, n), ("INCRBY", "a%d" % b, n)]
                            elif kind == 1:
                                work = [("RPUSH", "list", n), ("INCR", "pushed")]
                            elif kind == 2:
                                work = [("HINCRBY", "pairs", "p%d" % (a * 10), n),
                                        ("HINCRBY", "pairs", "p%d" % (b * 10), -n)]
                            else:
                                work = [("ZINCRBY", "bigz", n, "m%d" % (a * 10)),
                                        ("INCRBY", "total", n)]
                            batch += [("MULTI",)] + work + [("EXEC",)]
                        own.pipeline(batch)
                except Exception as error:
                    failures.append(error)

            writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
            for writer in writers:
                writer.start()
            try:
                for _ in range(4):
                    bgsave(connection)
                    with Peer("redis-server", os.path.join(server.folder, "dump.rdb")) as other:
                        values = ask(other, "MGET", *["a%d" % i for i in range(accounts)])
                        assert sum(map(int, values)) == 1000 * accounts
                        assert ask(other, "LLEN", "list") == int(ask(other, "GET", "pushed"))
                        assert sum(map(int, ask(other, "HVALS", "pairs"))) == 0
                        scores = ask(other, "ZRANGE", "bigz", 0, -1, "WITHSCORES")[1::2]
                        assert sum(map(float, scores)) == float(ask(other, "GET", "total"))
            finally:
                stop.set()
                for writer in writers:
                    writer.join()
            assert not failures, failures
            assert "error" not in server.log_tail().lower(), server.log_tail()


def case_names_and_index(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        fill(connection)
        bgsave(connection)
        lsn = int(field(connection, "journal_lsn"))
        path = os.path.join(server.folder, "snapshot-%020d.rdb" % lsn)
        assert os.path.samefile(path, os.path.join(server.folder, "dump.rdb"))
        index = path.replace(".rdb", ".index")
        until(lambda: os.path.exists(index))
        until(lambda: "verified" in server.log_tail())
        assert not glob.glob(os.path.join(server.folder, "*.tmp"))
        ask(connection, "SET", "more", "1")
        ask(connection, "CONFIG", "SET", "dbfilename", "other.rdb")
        ask(connection, "SAVE")
        lsn = int(field(connection, "journal_lsn"))
        path = os.path.join(server.folder, "snapshot-%020d.rdb" % lsn)
        assert os.path.samefile(path, os.path.join(server.folder, "other.rdb"))


def case_without_journal(options):
    with memoir(options, journal=False) as server:
        server.start()
        connection = server.connect()
        fill(connection, new_types=False)
        digest = ask(connection, "DEBUG", "DIGEST")
        bgsave(connection)
        assert not glob.glob(os.path.join(server.folder, "snapshot-*"))
        with Peer("redis-server", os.path.join(server.folder, "dump.rdb")) as other:
            assert ask(other, "DEBUG", "DIGEST") == digest


def case_replies(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "MSET", *sum((["k%d" % i, i] for i in range(500)), []))
        began = int(time.time())
        assert ask(connection, "LASTSAVE") >= began - 60
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", 10000)
        assert ask(connection, "BGSAVE") == b"Background saving started"
        assert info(connection, "rdb_bgsave_in_progress") == 1
        assert "already in progress" in refused(connection, "BGSAVE")
        assert "already in progress" in refused(connection, "BGSAVE", "SCHEDULE")
        assert "already in progress" in refused(connection, "SAVE")
        assert "syntax error" in refused(connection, "BGSAVE", "NOW")
        until(lambda: info(connection, "current_save_keys_processed") > 0)
        assert info(connection, "current_save_keys_total") == 500
        assert info(connection, "rdb_current_bgsave_time_sec") >= 0
        for i in range(200):  # while it runs
            ask(connection, "SET", "k%d" % i, "changed")
            ask(connection, "SET", "new%d" % i, "x")
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", 0)
        until(lambda: info(connection, "rdb_bgsave_in_progress") == 0)
        assert info(connection, "rdb_current_bgsave_time_sec") == -1
        assert info(connection, "rdb_changes_since_last_save") == 400
        assert ask(connection, "LASTSAVE") >= began
        log = server.log_tail()
        for line in ("Background saving started", "DB saved on disk",
                     "Background saving terminated with success"):
            assert line in log, line
        with Peer("redis-server", os.path.join(server.folder, "dump.rdb")) as other:
            assert ask(other, "DBSIZE") == 500
            assert ask(other, "GET", "k7") == b"7"
        ask(connection, "MULTI")
        ask(connection, "SET", "k7", "in multi")
        ask(connection, "BGSAVE")
        assert b"Background saving scheduled" in ask(connection, "EXEC")
        until(lambda: info(connection, "rdb_saves") == 2)
        ask(connection, "MULTI")
        refused(connection, "SAVE")
        connection.call("DISCARD")


def case_save_points(options):
    with memoir(options, save="1 5") as server:
        server.start()
        connection = server.connect()
        for i in range(4):
            ask(connection, "SET", "k%d" % i, i)
        assert info(connection, "rdb_changes_since_last_save") == 4
        ask(connection, "SET", "k4", 4)
        until(lambda: info(connection, "rdb_saves") == 1)
        assert info(connection, "rdb_changes_since_last_save") == 0
        assert "5 changes in 1 seconds. Saving..." in server.log_tail()


def case_checkpoints(options):
    with memoir(options, "--journal-checkpoint-bytes", "1mb") as server:
        server.start()
        connection = server.connect()
        for i in range(40):
            ask(connection, "SET", "k%d" % (i % 3), bytes(random.randbytes(100000)))
        until(lambda: (info(connection, "rdb_saves") or 0) >= 1)
        until(lambda: "verified" in server.log_tail())


def case_shutdown(options):
    def ends(save, how, journal):
        with memoir(options, journal=journal, save=save) as server:
            server.start()
            connection = server.connect()
            ask(connection, "SET", "k", "v")
            if how == "SIGTERM":
                server.process.terminate()
            else:
                connection.send(encode(["SHUTDOWN"] + how.split()))
            assert server.process.wait(20) == 0, server.log_tail()
            assert not glob.glob(os.path.join(server.folder, "*.tmp"))
            path = os.path.join(server.folder, "dump.rdb")
            if os.path.exists(path):
                check_rdb("redis-check-rdb", path)
            return os.path.exists(path)

    for journal in (False, True):
        for save, how, expected in (("", "", False), ("", "SAVE", True), ("3600 1", "", True),
                                    ("3600 1", "NOSAVE", False), ("3600 1", "SIGTERM", True),
                                    ("", "SIGTERM", False)):
            assert ends(save, how, journal) == expected, (save, how, journal)


def limit_files(server, size):
    subprocess.run(["prlimit", "--pid", str(server.process.pid), "--fsize=%s:" % size], check=True)


def case_disk_full(options):
    for journal in (True, False):
        with memoir(options, "--journal-segment-size", "1mb", "--rdbcompression", "no",
                    journal=journal, save="3600 1") as server:
            server.start()
            connection = server.connect()
            ask(connection, "SET", "small", "value")
            ask(connection, "SAVE")
            for i in range(100):
                ask(connection, "SET", "k%d" % i, random.randbytes(60000))
            limit_files(server, 3 << 20)
            assert ask(connection, "BGSAVE") == b"Background saving started"
            until(lambda: field(connection, "rdb_last_bgsave_status") == "err")
            assert info(connection, "rdb_bgsave_in_progress") == 0
            assert "Background saving error" in server.log_tail()
            refusal = until(lambda: [r for r in [connection.call("SET", "k", "v")]
                                     if isinstance(r, Error)])[0]
            assert refusal.startswith(b"MISCONF Redis is configured to save RDB snapshots")
            assert ask(connection, "GET", "small") == b"value"
            assert not glob.glob(os.path.join(server.folder, "*.tmp"))
            with Peer("redis-server", os.path.join(server.folder, "dump.rdb")) as other:
                assert ask(other, "DBSIZE") == 1
            refused(connection, "SAVE")
            limit_files(server, "unlimited")
            bgsave(connection)
            until(lambda: not isinstance(connection.call("SET", "k", "v"), Error))


def case_killed_in_its_midst(options):
    with memoir(options) as server:
        server.start()
        connection = server.connect()
        ask(connection, "MSET", *sum((["k%d" % i, i] for i in range(2000)), []))
        ask(connection, "SAVE")
        before = set(glob.glob(os.path.join(server.folder, "*.rdb")))
        digest = ask(connection, "DEBUG", "DIGEST")
        ask(connection, "SET", "k0", "0")
        ask(connection, "CONFIG", "SET", "rdb-key-save-delay", 10000)
        ask(connection, "BGSAVE")
        until(lambda: info(connection, "current_save_keys_processed") > 0)
        assert glob.glob(os.path.join(server.folder, "*.tmp"))
        server.kill()
        server.start()
        connection = server.connect()
        until(lambda: not isinstance(connection.call("DBSIZE"), Error))
        assert ask(connection, "DEBUG", "DIGEST") == digest
        assert set(glob.glob(os.path.join(server.folder, "*.rdb"))) >= before
        assert not glob.glob(os.path.join(server.folder, "*.tmp"))
        bgsave(connection)


def case_one_worker_unlocks(options):
    """Beside a snapshot one worker takes locks, afterwards none: nothing hangs on the way."""
    with memoir(options, "--io-threads", "1") as server:
        server.start()
        connection = server.connect()
        for i in range(30):
            ask(connection, "SET", "k%d" % i, i)
            bgsave(connection)
            ask(connection, "EVAL", "return redis.call('INCR', KEYS[1])", 1, "n")
        ask(connection, "FLUSHALL")
        bgsave(connection)


CASES = {name[5:]: run for name, run in globals().items() if name.startswith("case_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    failed = 0
    chosen = options.cases or list(CASES)
    for name in chosen:
        began = time.monotonic()
        try:
            CASES[name](options)
            print("%-26s ok      %5.1f s" % (name, time.monotonic() - began), flush=True)
        except Exception:
            failed += 1
            print("%-26s FAILED" % name)
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
