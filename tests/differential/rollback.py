#!/usr/bin/env python3
"""Random transactions that are taken back leave nothing: Memoir against itself.

    rollback.py [--transactions N] [--seed S] [--io-threads N] [--subject PATH]

Each transaction of random commands runs as EXEC DRYRUN, then as MULTI ROLLBACK, then as it is.
The dry run must answer what EXEC answers; whatever is taken back must leave every key of every
database (value, encoding, expiry) as it was, and nothing in the journal. The last line is "N
passed, N failed".
"""

import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import words as word_lists
from client.process import Server, memoir_path
from client.resp import Error
from grammar import Grammar

DATABASES = 4
# Not compared between the dry run and the real one: they choose or look at the clock.
UNSTEADY = {"ttl", "pttl", "random", "pop", "scan", "few", "type", "skip",
            "times", "pending"}
LEFT_OUT = {b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH", b"RESET", b"HELLO", b"QUIT",
            # Their effects cannot be taken back, so they are refused:
            b"CONFIG", b"CLIENT", b"PUBLISH", b"SPUBLISH", b"PUBSUB", b"DEBUG",
            b"ACL", b"FUNCTION", b"SCRIPT", b"PFDEBUG", b"MIGRATE"}


def state(connection):
    """Everything a transaction could have changed, as far as commands show it."""
    seen = []
    for db in range(DATABASES):
        connection.call("SELECT", db)
        for key in sorted(word_lists.KEY_SET):
            kind = connection.call("TYPE", key)
            if kind != b"none":
                seen.append((db, key, kind, connection.call("OBJECT", "ENCODING", key),
                             connection.call("PEXPIRETIME", key),
                             connection.call("DEBUG", "DIGEST-VALUE", key)))
        # Behind the look at each key, which removes those whose time is over.
        seen.append(connection.call("DBSIZE"))
    connection.call("SELECT", 0)
    seen.append(connection.call("DEBUG", "DIGEST"))
    position = info(connection, "replication", b"master_repl_offset")
    return seen, position, info(connection, "stats", b"expired_")


def info(connection, section, prefix):
    return [line for line in connection.call("INFO", section).split(b"\r\n")
            if line.startswith(prefix)]


def draw(grammar, rng):
    """Some requests that can be queued and taken back, and whether their replies are steady."""
    requests, steady = [], True
    while len(requests) < rng.choice((1, 3, 8, 20)):
        request, row = grammar.draw(rng)
        if request[0].upper() in LEFT_OUT:
            continue
        requests.append(request)
        steady = steady and row.comparison not in UNSTEADY
    return requests, steady


def transaction(connection, begin, requests, end):
    """EXEC's reply; an error if something could not be queued."""
    return connection.pipeline([begin] + requests + [end])[-1]


class Checker:
    def __init__(self, server, seed):
        self.rng = random.Random(seed)
        self.grammar = Grammar()
        self.server = server
        self.passed = 0
        self.failed = 0

    def check(self, what, right, requests, detail=""):
        self.passed += bool(right)
        if right:
            return
        self.failed += 1
        print("FAILED: %s\n  %s\n  %s" % (what, b"; ".join(b" ".join(words) for words in requests),
                                         detail))

    def check_same(self, what, connection, before, requests):
        after = state(connection)
        if after[2] != before[2]:
            return  # something's time was over in between
        difference = [pair for pair in zip(before[0], after[0]) if pair[0] != pair[1]]
        self.check(what, before == after, requests, "%r, journal at %s and %s"
                   % (difference[:3], before[1], after[1]))

    def check_refusals(self, connection):
        """What goes beyond keys is refused: when queued, or by the dry run."""
        publish = [b"PUBLISH", b"channel", b"message"]
        refused = transaction(connection, [b"MULTI", b"ROLLBACK"], [publish], [b"EXEC"])
        self.check("MULTI ROLLBACK refuses PUBLISH", refused.startswith(b"EXECABORT"), [publish])
        dry = transaction(connection, [b"MULTI"], [publish], [b"EXEC", b"DRYRUN"])
        self.check("a dry run refuses PUBLISH",
                   b"'publish' cannot be undone" in dry, [publish], dry)

    def play(self, connection):
        requests, steady = draw(self.grammar, self.rng)
        before = state(connection)
        dry = transaction(connection, [b"MULTI"], requests, [b"EXEC", b"DRYRUN"])
        connection.call("SELECT", 0)
        self.check_same("a dry run leaves everything as it was", connection, before, requests)

        failing = requests + [[b"EXPIRE", b"any", b"never"]]
        self.rng.shuffle(failing)
        rolled = transaction(connection, [b"MULTI", b"ROLLBACK"], failing, [b"EXEC"])
        connection.call("SELECT", 0)
        self.check("a failure aborts the whole", isinstance(rolled, Error)
                   and rolled.startswith(b"EXECABORT"), failing, rolled)
        self.check_same("a failure leaves everything as it was", connection, before, failing)

        real = transaction(connection, [b"MULTI"], requests, [b"EXEC"])
        connection.call("SELECT", 0)
        refused = isinstance(dry, Error) and b"cannot be undone" in dry
        if steady and not refused:
            self.check("a dry run answers what EXEC answers", dry == real, requests,
                       "%r\n  %r" % (dry, real))
        sound = connection.call("DEBUG", "VERIFY")
        self.check("all data agrees with itself", sound == b"OK", requests, sound)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--io-threads", type=int, default=1)
    parser.add_argument("--subject", default=memoir_path())
    options = parser.parse_args()
    print("seed %d" % options.seed)
    server = Server(options.subject, ["--io-threads", str(options.io_threads), "--appendonly",
                                      "yes", "--save", "", "--enable-debug-command", "yes",
                                      "--databases", str(DATABASES)]).start()
    try:
        checker = Checker(server, options.seed)
        connection = server.connect()
        connection.call("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        checker.check_refusals(connection)
        for _ in range(options.transactions):
            checker.play(connection)
        print("%d passed, %d failed" % (checker.passed, checker.failed))
        return 1 if checker.failed else 0
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
