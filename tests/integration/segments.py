#!/usr/bin/env python3
"""Sealed segments of a running server: indexed, compressed, read back, killed on the way, removed.

    segments.py [--server PATH] [--tool PATH] [CASE...]

The last line is "N passed, N failed".
"""

import argparse
import glob
import os
import random
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from client.process import Server, memoir_path

SMALL = ["--appendonly", "yes", "--save", "", "--journal-segment-size", "1mb"]


class Run:
    """A server whose journal is looked at."""

    def __init__(self, options, *arguments):
        self.tool = options.tool
        self.server = Server(options.server, SMALL + list(arguments))
        self.server.start()
        self.client = self.server.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def files(self, pattern):
        return sorted(glob.glob(os.path.join(self.server.folder, "journal", "*", pattern)))

    def info(self):
        text = self.client.call("INFO", "persistence").decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def load(self, bytes_, start=0):
        """Sets keys until so many bytes of words have been written."""
        first = int(self.info()["journal_lsn"])
        count = 0
        while int(self.info()["journal_lsn"]) < first + bytes_:
            requests = []
            for _ in range(2000):
                requests.append(("SET", "key:%012d" % (start + count), "value %d" % count))
                requests.append(("LPUSH", "list:%d" % (count % 7), "element %d" % count))
                count += 1
            self.client.pipeline(requests)
        return count

    def settle(self, compressed=False):
        def settled():
            plain, packed = len(self.files("*.journal")), len(self.files("*.journal.zst"))
            info = self.info()
            return (info["journal_waiting_segments"] == "0" and (plain == 1 or not compressed)
                    and int(info["journal_segments"]) == plain + packed
                    and int(info["journal_indexed_segments"]) == plain + packed - 1
                    and not self.files("*.journal*.tmp"))
        await_that(settled, lambda: (self.info(), self.files("*")))

    def digest(self):
        return self.client.call("DEBUG", "DIGEST")

    def restart(self, kill=False):
        if kill:
            self.server.kill()
        else:
            assert self.server.stop() == 0
        self.server.start()
        self.client = self.server.connect()
        await_that(lambda: self.info()["loading"] == "0", self.info)

    def verify(self):
        done = subprocess.run([self.tool, "verify", self.server.folder], capture_output=True,
                              timeout=60, check=False)
        assert done.returncode == 0, (done.stdout, done.stderr)


def await_that(condition, tell, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, tell()
        time.sleep(0.02)


def compressed(options):
    with Run(options, "--enable-debug-command", "yes") as run:
        run.load(4 << 20)
        run.settle()
        assert len(run.files("*.journal")) >= 4 and not run.files("*.zst")
        assert len(run.files("*.index")) == len(run.files("*.journal")) - 1
        run.verify()
        before = int(run.info()["journal_disk_bytes"])
        run.client.call("CONFIG", "SET", "journal-compression", "zstd")
        run.settle(compressed=True)
        info = run.info()
        assert len(run.files("*.journal")) == 1, run.files("*")
        assert len(run.files("*.zst")) == int(info["journal_compressed_segments"]) >= 3
        assert int(info["journal_indexed_segments"]) == len(run.files("*.index"))
        assert int(info["journal_compressed_bytes"]) == sum(map(os.path.getsize,
                                                               run.files("*.zst")))
        assert int(info["journal_compressed_bytes"]) * 3 < int(info["journal_uncompressed_bytes"])
        assert int(info["journal_disk_bytes"]) < before
        run.verify()
        digest = run.digest()
        run.restart()
        assert run.digest() == digest
        assert run.client.call("DEBUG", "RELOAD") == b"OK" and run.digest() == digest
        printed = subprocess.run([run.tool, "print", run.server.folder], capture_output=True,
                                 timeout=60, check=True).stdout
        assert printed.count(b'"LPUSH"') == int(run.client.call("LLEN", "list:0")) * 7 or \
            printed.count(b'"LPUSH"') > 10000
        run.client.call("CONFIG", "SET", "journal-compression", "zstd")
        run.load(2 << 20, start=10 ** 6)
        run.settle(compressed=True)
        assert len(run.files("*.journal")) == 1
        # The zstd program reads them as well.
        plain = subprocess.run(["zstd", "-dcq", run.files("*.zst")[0]], capture_output=True,
                               timeout=60, check=False)
        assert plain.returncode == 0 and plain.stdout.startswith(b"MMRJRNL1"), plain.stderr


def killed(options):
    """kill -9 at moments by chance, while segments are sealed, packed and indexed."""
    chance = random.Random(options.seed)
    with Run(options, "--journal-compression", "zstd", "--appendfsync", "no") as run:
        written = 0
        for _ in range(6):
            end = time.monotonic() + chance.random() * 0.6
            while time.monotonic() < end:
                replies = run.client.pipeline(
                    [("SET", "key:%d" % (written + i), written + i) for i in range(500)])
                assert all(reply == b"OK" for reply in replies), replies[:3]
                written += 500
            run.restart(kill=True)
            assert run.client.call("DBSIZE") == written
            for i in range(0, written, max(1, written // 50)):
                assert run.client.call("GET", "key:%d" % i) == b"%d" % i
        run.settle()
        assert not run.files("*.tmp") or all("prepared" in name for name in run.files("*.tmp"))
        stems = [name.split(".journal")[0] for name in run.files("*.journal*")]
        assert len(stems) == len(set(stems)), stems
        run.verify()


def damaged_index(options):
    with Run(options) as run:
        run.load(2 << 20)
        run.settle()
        index = run.files("*.index")[0]
        with open(index, "rb") as file:
            sound = file.read()
        assert run.server.stop() == 0
        with open(index, "r+b") as file:
            file.seek(len(sound) - 300)
            file.write(bytes([sound[-300] ^ 1]))
        code = subprocess.run([run.tool, "verify", run.server.folder], capture_output=True,
                              timeout=60, check=False).returncode
        assert code == 1
        run.server.start()
        run.client = run.server.connect()
        run.settle()
        with open(index, "rb") as file:
            assert file.read() == sound


def snapshots(run, suffix):
    return sorted(glob.glob(os.path.join(run.server.folder, "snapshot-*" + suffix)))


def save(run):
    """A snapshot, verified: its index is there."""
    before = set(snapshots(run, ".index"))
    assert run.client.call("BGSAVE") == b"Background saving started"
    await_that(lambda: set(snapshots(run, ".index")) - before, run.info)


def retention(options):
    with Run(options, "--enable-debug-command", "yes", "--journal-retention-size", "2mb") as run:
        run.load(3 << 20)
        run.settle()
        first = run.files("*.journal")
        time.sleep(0.1)
        assert run.files("*.journal") == first, "without a snapshot nothing goes"
        save(run)
        run.load(2 << 20, start=10 ** 6)
        assert run.files("*.journal")[0] == first[0], "one snapshot is not enough"
        save(run)
        run.load(2 << 20, start=2 * 10 ** 6)
        save(run)
        await_that(lambda: len(snapshots(run, ".rdb")) == 2, lambda: snapshots(run, "*"))
        # Nothing is left that lies wholly before the older of the two.
        oldest = int(snapshots(run, ".rdb")[0][-24:-4])
        names = lambda: [int(os.path.basename(name)[:20]) for name in run.files("*.journal")]
        await_that(lambda: names()[1] > oldest, names)
        assert names()[0] <= oldest and len(snapshots(run, ".index")) == 2
        await_that(lambda: int(run.info()["journal_first_lsn"]) == names()[0], run.info)
        info = run.info()
        assert int(info["journal_removed_segments"]) > 0
        assert int(info["journal_removed_snapshots"]) == 1
        run.settle()
        log = run.server.log_tail()
        assert log.count("Retention: segment") == int(info["journal_removed_segments"]), log
        digest = run.digest()
        run.verify()
        run.restart()
        assert run.digest() == digest


def killed_retention(options):
    """kill -9 while snapshots are taken and what is older goes."""
    chance = random.Random(options.seed)
    with Run(options, "--journal-retention-size", "1mb", "--journal-compression", "zstd") as run:
        written = 0
        for _ in range(8):
            for _ in range(8):
                run.client.pipeline(
                    [("SET", "key:%d" % (written + i), "%0100d" % i) for i in range(1000)])
                written += 1000
            run.client.call("BGSAVE")
            time.sleep(chance.random() * 0.15)
            run.restart(kill=True)
            assert run.client.call("DBSIZE") == written
        for i in range(2):
            run.client.call("SET", "last", i)
            save(run)
        # The newest two, and few of those before them.
        await_that(lambda: len(snapshots(run, ".rdb")) <= 6, lambda: snapshots(run, "*"))
        run.settle()
        run.verify()


CASES = [compressed, killed, damaged_index, retention, killed_retention]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--tool", default=os.environ.get("MEMOIR_JOURNAL"))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    options.tool = options.tool or os.path.join(os.path.dirname(options.server), "memoir-journal")
    print("seed %d" % options.seed)
    failed = 0
    chosen = [case for case in CASES if not options.cases or case.__name__ in options.cases]
    for case in chosen:
        try:
            case(options)
        except Exception:
            traceback.print_exc()
            print("failed: %s" % case.__name__)
            failed += 1
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
