#!/usr/bin/env python3
"""Sends random commands to Memoir and to redis-server and compares every reply and the states
between.

    run.py [--commands N | --minutes M] [--seed S] [--io-threads N] [--subject PATH] [--oracle PATH]
           [--only WORD,...] [--max-failures N] [--journal]

A run is a series of rounds; each starts with empty servers, its own settings and its own seed,
drawn from the run's seed, which is printed first. A difference is printed with both replies, the
last commands on the keys involved and a shrunk script that shows it again. The last line counts
rounds: "N passed, N failed".
"""

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import compare
import grammar_stream
import known_differences
import scenarios
import shrink
import words as word_lists
from client.process import Server, memoir_path
from client.resp import Error
from grammar import BLOCKING, Grammar
from pair import Difference, Pair

ROUND_COMMANDS = 2500
STATE_EVERY = 500
CONNECTIONS = 4


def settings_of(rng):
    """Limits of the small encodings, low in some rounds so that values outgrow them often."""
    if rng.random() < 0.5:
        return []
    choices = {
        "hash-max-listpack-entries": (2, 8, 128, 512), "hash-max-listpack-value": (4, 16, 64),
        "set-max-intset-entries": (2, 8, 512), "zset-max-listpack-entries": (0, 2, 8, 128),
        "zset-max-listpack-value": (4, 64), "list-max-listpack-size": (-2, 2, 5, -1),
    } | grammar_stream.SETTINGS
    return [(name, str(rng.choice(values)))
             for name, values in choices.items() if rng.random() < 0.6]


class Round:
    """Random commands on some connections, until `commands` are compared or a difference is
    raised.
    """

    def __init__(self, pair, grammar, rng, only):
        self.pair = pair
        self.grammar = grammar
        self.rng = rng
        self.only = only

    def draw(self, number):
        """One request that may stand in the middle of a pipeline, or is to stand alone: (words,
        alone).
        """
        state = self.pair.states.get(number)
        in_multi = state is not None and state.in_multi
        if in_multi and self.rng.random() < 0.12:
            return [b"EXEC" if self.rng.random() < 0.85 else b"DISCARD"], False
        while True:
            request, row = self.grammar.draw(self.rng)
            if in_multi and (row.comparison == "pop"
                             or known_differences.changes_queueing(request)):
                continue
            if (known_differences.is_unreadable(request)
                    or known_differences.names_before_error(request)
                    or known_differences.loses_reply(request)):
                continue
            return request, row.comparison == "pop"

    def play(self, commands):
        pair, rng = self.pair, self.rng
        pair.reset(settings_of(rng), listen=rng.random() < 0.3)
        for number in range(CONNECTIONS):
            pair.both(number)
            if number % 2 == 1:
                pair.run(number, [[b"HELLO", b"3"]])
        pair.learn_ids(range(CONNECTIONS))
        done, next_state = 0, STATE_EVERY
        while done < commands:
            done += self.step()
            if done >= next_state:
                next_state += STATE_EVERY
                self.finish_transactions()
                pair.play(("state",))
        self.finish_transactions()
        pair.play(("state",))

    def step(self):
        """A pipeline, a blocking scene or a short lifetime; returns how many commands it was."""
        pair, rng = self.pair, self.rng
        roll = rng.random()
        if roll < 0.03:
            return scenarios.blocking(pair, rng, self.grammar)
        if roll < 0.04:
            return grammar_stream.blocking(pair, rng, self.grammar)
        if roll < 0.06:
            return scenarios.short_lifetime(pair, rng)
        number = rng.randrange(CONNECTIONS)
        batch, alone = [], None
        for _ in range(rng.choice((1, 2, 5, 10, 20, 40))):
            request, is_alone = self.draw(number)
            if is_alone:
                alone = request
                break
            batch.append(request)
            if request[0].upper() in (b"MULTI", b"EXEC", b"DISCARD", b"RESET"):
                break
        if batch:
            pair.run(number, batch)
        if alone is not None and not pair.states[number].in_multi:
            pair.run(number, [alone])
            if len(alone) > 1:
                pair.make_equal(number, alone[1])
        return len(batch) + (alone is not None)

    def finish_transactions(self):
        for number in range(CONNECTIONS):
            if self.pair.states[number].in_multi:
                self.pair.run(number, [[b"EXEC"]])


def report(pair, difference, seed, shrink_seconds):
    """Prints a difference so that a person can see it, and repeat it."""
    print("\nDIFFERENCE (seed of the round %d)%s" %
     (seed, "; " + difference.note if difference.note else ""))
    print("  command: " + " ".join(shrink.quote(word) for word in difference.words)[:1000])
    print("  oracle:  " + compare.show(difference.oracle))
    print("  subject: " + compare.show(difference.subject))
    events = list(pair.events)
    keys = {word for word in difference.words if word in word_lists.KEY_SET}
    if "Error" in difference.note:  # nothing came: what went before may say why
        related = events[-30:]
    else:
        related = [event for event in events if shrink.keys_of(event) & keys][-12:]
    if related:
        print("  the last commands on its keys:")
        for event in related:
            if event[0] not in ("run", "block"):
                continue
            print(
    "    %d> %s" %
    (event[1], " ".join(
        shrink.quote(word) for word in event[2])[
            :200]))
    if not pair.subject.alive():
        print("  the subject ended with status %s; its log:\n%s"
              % (pair.subject.process.returncode, pair.subject.log_tail()))
        pair.close()
        pair.subject.start()
    if shrink_seconds > 0:
        try:
            small = shrink.shrink(pair, events, difference, shrink_seconds)
        except Exception as error:  # the subject may have died: the report so far stands
            print("  shrinking failed: %r" % error)
            small = None
            pair.close()
            if not pair.subject.alive():
                pair.subject.start()
        if small is None:
            print("  it did not show again when replayed")
        else:
            print("  a script that shows it (%d commands):" % len(small))
            for line in shrink.script(small, pair.settings, pair.listen):
                print("    " + line[:300])
    sys.stdout.flush()


def supported_commands(server):
    connection = server.connect()
    reply = connection.call("COMMAND", "LIST")
    if isinstance(reply, Error):
        reply = [row[0] for row in connection.call("COMMAND")]
    connection.close()
    return {bytes(name).upper() for name in reply}


def start_servers(options):
    common = ["--save", "", "--enable-debug-command", "yes", "--hz", "100"]  # timeouts end in time
    common += ["--appendonly", "yes" if options.journal else "no"]
    oracle = Server(options.oracle, common)
    arguments = list(common)
    if options.io_threads:
        arguments += ["--io-threads", str(options.io_threads)]
    subject = Server(options.subject, arguments)
    oracle.start()
    try:
        subject.start()
    except Exception:
        oracle.close()
        raise
    return oracle, subject


def main():
    parser = argparse.ArgumentParser(
    description=__doc__,
     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--commands", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--round-seed", type=int, default=None, help="play one round only")
    parser.add_argument("--io-threads", type=int, default=0)
    parser.add_argument("--subject", default=memoir_path())
    parser.add_argument("--oracle", default="redis-server")
    parser.add_argument("--only", default="", help="commands to generate, comma separated")
    parser.add_argument("--max-failures", type=int, default=8)
    parser.add_argument("--shrink-seconds", type=float, default=8.0)
    parser.add_argument(
    "--journal",
    action="store_true",
     help="both run with appendonly yes")
    options = parser.parse_args()

    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d (repeat with --seed)" % seed)
    oracle, subject = start_servers(options)
    pair = None
    passed = failed = 0
    try:
        known_differences.consider(oracle)
        supported = supported_commands(subject)
        if options.only:
            supported &= {word.encode().upper() for word in options.only.split(",")}
        grammar = Grammar((supported & supported_commands(oracle))
                          - known_differences.not_compared())
        pair = Pair(oracle, subject, grammar)
        rounds = random.Random(seed)
        seen = set()
        begin = time.monotonic()
        while True:
            round_seed = rounds.randrange(
    1 << 32) if options.round_seed is None else options.round_seed
            player = Round(pair, grammar, random.Random(round_seed), options.only)
            try:
                player.play(ROUND_COMMANDS)
                scenarios.pubsub(pair, player.rng)
                passed += 1
            except Difference as difference:
                failed += 1
                repeated = difference.kind() in seen
                seen.add(difference.kind())
                report(pair, difference, round_seed, 0 if repeated else options.shrink_seconds)
            over = (time.monotonic() - begin > options.minutes * 60 if options.minutes
                    else pair.compared >= options.commands)
            if over or failed >= options.max_failures or options.round_seed is not None:
                break
        took = time.monotonic() - begin
        print("%d commands compared in %.0f s" % (pair.compared, took))
    finally:
        if pair is not None:
            pair.close()
        status = subject.stop()
        if status not in (0, None):
            failed += 1
            print("the subject ended with status %s:\n%s" % (status, subject.log_tail()))
        subject.close()
        oracle.close()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
