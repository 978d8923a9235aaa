#!/usr/bin/env python3
"""Kills a server under load, starts it again, and compares with what it had acknowledged.

    run.py [--rounds N] [--seed S] [--server PATH] [--fsync MODE] [--io-threads N]

A round is one life: clients write, the process dies by kill -9 at a random moment (now and then
SIGTERM, or a second kill while it starts), and the next life must show

  - nothing acknowledged lost, nothing that was never sent, no gap in an order of writes;
  - the two keys of a MULTI or an MSET equal: never half a transaction;
  - a popped member gone, every other member there;
  - counters between what was acknowledged and what was sent.

In two of three lives snapshots are taken meanwhile (BGSAVE, now and then SAVE), so the kill may
come at any moment of one, and the next life starts from the newest that was whole.

Data stay from round to round, so a journal of many lives is read each time. The modes of
appendfsync and 1 and 4 io-threads take turns, with a new folder for each. The last line is "N
passed, N failed".
"""

import argparse
import os
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.process import Server, memoir_path
from client.resp import Error, NULL_BULK, encode

WRITERS = 6
LIVES = 4  # of one folder
KEPT = 200  # elements of a list, so that it does not grow for ever


class Writer:
    """One client with keys of its own: what it sent, and what was acknowledged."""

    def __init__(self, number):
        self.number = number
        self.key = {
    kind: b"%s:%d" %
    (kind.encode(),
    number) for kind in (
        "seq",
        "count",
        "list",
        "multi-a",
        "multi-b",
        "mset-a",
        "mset-b",
        "set",
        "hash",
         "expiring")}
        self.sent = dict.fromkeys(
    ("seq",
    "count",
    "list",
    "multi",
    "mset",
    "set",
    "hash",
    "shared",
    "expiring"),
     0)
        self.acked = dict(self.sent)
        self.popped = set()
        self.pops_unknown = 0
        self.failure = None

    def run(self, server, rng):
        try:
            connection = server.connect(timeout=30.0)
        except OSError:
            return
        try:
            while True:
                self.batch(connection, rng)
        except (ConnectionError, socket.timeout, OSError):
            pass  # the process is dead
        except AssertionError as error:
            self.failure = str(error)
        finally:
            connection.close()

    def batch(self, connection, rng):
        """A pipeline of random writes; each reply read is an acknowledgement."""
        requests, kinds = [], []
        for _ in range(rng.choice((1, 1, 2, 5, 20, 50))):
            kind = rng.choice(
    ("seq",
    "count",
    "list",
    "multi",
    "mset",
    "set",
    "pop",
    "hash",
    "shared",
     "expiring"))
            key, number = self.key, self.sent.get(kind, 0) + 1
            if kind == "seq":
                padding = b"x" * rng.choice((0, 10, 100, 40000 if rng.random() < 0.02 else 50))
                words = [[b"SET", key["seq"], b"%d:%s" % (number, padding)]]
            elif kind == "count":
                words = [[b"INCR", key["count"]]]
            elif kind == "list":
                words = [[b"RPUSH", key["list"], b"%d" % number]]
            elif kind == "multi":
                words = [[b"MULTI"], [b"SET", key["multi-a"], b"%d" % number],
                         [b"SET", key["multi-b"], b"%d" % number], [b"EXEC"]]
            elif kind == "mset":
                words = [[b"MSET", key["mset-a"], b"%d" % number, key["mset-b"], b"%d" % number]]
            elif kind == "set":
                words = [[b"SADD", key["set"], b"%d" % number]]
            elif kind == "pop":
                words = [[b"SPOP", key["set"]]]
                self.pops_unknown += 1
            elif kind == "hash":
                words = [[b"HINCRBYFLOAT", key["hash"], b"field", b"1"]]
            elif kind == "expiring":
                words = [[b"SET", key["expiring"], b"%d" % number, b"EX", b"5000"]]
            else:
                words = [[b"INCR", b"shared"]]
            if kind != "pop":
                self.sent[kind] = number
            requests += words
            kinds.append((kind, number, len(words)))
        connection.send(b"".join([encode(words) for words in requests]))
        for kind, number, count in kinds:
            replies = [connection.read() for _ in range(count)]
            last = replies[-1]
            if isinstance(last, Error):
                raise AssertionError("%s answered %r" % (kind, last))
            if kind == "pop":
                self.pops_unknown -= 1
                if last is not NULL_BULK:
                    self.popped.add(int(last))
            else:
                self.acked[kind] = number

    # ---- after the restart

    def check(self, connection):
        """The problems found in this writer's keys; sets what was sent to what is there."""
        key, problems = self.key, []
        text = lambda k: (lambda v: b"0" if v is NULL_BULK else v)(connection.call("GET", key[k]))

        def between(kind, found, what):
            if not self.acked[kind] <= found <= self.sent[kind]:
                problems.append("%s is %d: acknowledged %d, sent %d" % (
                    what, found, self.acked[kind], self.sent[kind]))
            self.acked[kind] = self.sent[kind] = found

        between("seq", int(text("seq").split(b":")[0]), "the last number written")
        between("count", int(text("count")), "a counter")
        hash_value = connection.call("HGET", key["hash"], "field")
        between(
    "hash",
    0 if hash_value is NULL_BULK else int(
        float(hash_value)),
         "a field's counter")
        between("expiring", int(text("expiring")), "a key with a lifetime")
        for kind in ("multi", "mset"):
            a, b = text(kind + "-a"), text(kind + "-b")
            if a != b:
                problems.append("half of %s: %r and %r" % (kind.upper(), a, b))
            between(kind, int(a), kind.upper())
        elements = [int(e) for e in connection.call("LRANGE", key["list"], 0, -1)]
        if elements and elements != list(range(elements[0], elements[-1] + 1)):
            problems.append("a list has gaps or repeats: %s" % elements[:50])
        between("list", elements[-1] if elements else self.acked["list"]
                and 0, "a list's last element")
        if len(elements) > KEPT:
            connection.call("LTRIM", key["list"], -KEPT, -1)
        self.check_set(connection, problems)
        return problems

    def check_set(self, connection, problems):
        members = {int(m) for m in connection.call("SMEMBERS", self.key["set"])}
        back = members & self.popped
        if back:
            problems.append("popped members are back: %s" % sorted(back)[:20])
        known = set(range(1, self.acked["set"] + 1)) - self.popped
        lost = known - members
        if len(lost) > self.pops_unknown:
            problems.append("members are lost: %s (%d pops without an answer)" % (
                sorted(lost)[:20], self.pops_unknown))
        strange = members - set(range(1, self.sent["set"] + 1))
        if strange:
            problems.append("members that were never sent: %s" % sorted(strange)[:20])
        present = max(members, default=0)
        self.sent["set"] = self.acked["set"] = max(self.acked["set"], present)
        self.popped |= set(range(1, self.acked["set"] + 1)) - members
        self.pops_unknown = 0


def take_snapshots(server, rng):
    """Asks for a snapshot at random moments until the process is dead."""
    try:
        connection = server.connect(timeout=30.0)
    except OSError:
        return
    try:
        while True:
            time.sleep(rng.uniform(0, 0.15))
            connection.call("SAVE" if rng.random() < 0.2 else "BGSAVE")
    except (ConnectionError, socket.timeout, OSError):
        pass
    finally:
        connection.close()


def live_and_die(server, writers, rng):
    """One life: load, then the end; returns how it ended."""
    threads = [threading.Thread(target=writer.run, args=(server, random.Random(rng.random())))
               for writer in writers]
    if rng.random() < 0.66:
        threads.append(threading.Thread(target=take_snapshots,
                                        args=(server, random.Random(rng.random()))))
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.03, 0.7))
    gently = rng.random() < 0.15
    if gently:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
    else:
        server.kill()
    for thread in threads:
        thread.join()
    return "SIGTERM" if gently else "kill -9"


def check_life(server, writers):
    connection = server.connect()
    problems = ["writer %d: %s" % (writer.number, writer.failure)
                                   for writer in writers if writer.failure]
    value = connection.call("GET", "shared")
    shared = 0 if value is NULL_BULK else int(value)
    acked, sent = (sum(getattr(w, which)["shared"] for w in writers) for which in ("acked", "sent"))
    if not acked <= shared <= sent:
        problems.append(
    "the shared counter is %d: acknowledged %d, sent %d" %
     (shared, acked, sent))
    sound = connection.call("DEBUG", "VERIFY")
    if sound != b"OK" and b"unknown subcommand" not in sound:  # another server has none
        problems.append("DEBUG VERIFY: %r" % sound)
    for writer in writers:
        writer.failure = None
        problems += ["writer %d: %s" % (writer.number, problem)
                                        for problem in writer.check(connection)]
        writer.sent["shared"] = writer.acked["shared"] = 0
    writers[0].sent["shared"] = writers[0].acked["shared"] = shared
    connection.close()
    return problems


def main():
    parser = argparse.ArgumentParser(
    description=__doc__,
     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--fsync", choices=("always", "everysec", "no"))
    parser.add_argument("--io-threads", type=int, choices=range(1, 17), metavar="N")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d (repeat with --seed; the moment of a kill is never quite the same)" % seed)
    rng = random.Random(seed)
    fsyncs = [options.fsync] if options.fsync else ["always", "everysec", "no"]
    modes = [(fsync, threads) for fsync in fsyncs
             for threads in ([options.io_threads] if options.io_threads else [1, 4])]
    passed = failed = done = 0
    while done < options.rounds:
        fsync, threads = modes[(done // LIVES) % len(modes)]
        server = Server(options.server,
    ["--appendonly",
    "yes",
    "--appendfsync",
    fsync,
    "--save",
    "",
    "--enable-debug-command",
    "yes",
    "--io-threads",
     str(threads)])
        writers = [Writer(number) for number in range(WRITERS)]
        try:
            server.start()
            for _ in range(min(LIVES, options.rounds - done)):
                done += 1
                ended = live_and_die(server, writers, rng)
                if rng.random() < 0.2:  # a start that is cut short, too
                    server.start(wait=False)
                    time.sleep(rng.uniform(0, 0.1))
                    server.kill()
                begin = time.monotonic()
                server.start()
                took = time.monotonic() - begin
                sent = sum(sum(writer.sent.values()) for writer in writers)
                problems = check_life(server, writers)
                print(
    "appendfsync %-8s io-threads %d: %s, back in %.2f s, %d writes in all: %s" %
     ( fsync, threads, ended, took, sent, "; ".join(problems) or "as it should be"), flush=True)
                if problems:
                    failed += 1
                    break
                passed += 1
        except (RuntimeError, OSError) as error:
            failed += 1
            print("appendfsync %s io-threads %d: %s" % (fsync, threads, error), flush=True)
            done += 1
        finally:
            if failed and server.process is not None:
                print(server.log_tail(30))
            server.close()
        if failed >= 3:
            break
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
