#!/usr/bin/env python3
"""Checks that single keys are linearizable: each operation seems to happen at one moment within
its call.

    histories.py [--rounds N] [--seed S] [--server PATH] [--io-threads N] [--appendonly]

Concurrent clients get, set, increment, exchange, delete and compare-and-set (WATCH, GET, MULTI,
SET, EXEC) the same few keys; every call's beginning, end and result are noted. For each key a
search after Wing and Gong, with Lowe's memory of states already tried, looks for an order that
respects time and explains all results. A key without such an order is printed. The last line is "N
passed, N failed" (keys).
"""

import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.process import Server, memoir_path
from client.resp import Error, NULL_BULK, NULL_ARRAY, encode

CLIENTS = 8
KEYS = 6
OPERATIONS = 250  # of one client in one round


class Operation:
    __slots__ = ("begin", "end", "client", "name", "argument", "result")

    def __init__(self, begin, end, client, name, argument, result):
        self.begin, self.end, self.client = begin, end, client
        self.name, self.argument, self.result = name, argument, result

    def __repr__(self):
        return "client %d  %d..%d ns  %s %s -> %s" % (
            self.client, self.begin, self.end, self.name, self.argument, self.result)


def apply(operation, state):
    """(possible, new state) of an operation on a key whose value is `state` (None: no key)."""
    name, argument, result = operation.name, operation.argument, operation.result
    if name == "get":
        return state == result, state
    if name == "set":
        return True, argument
    if name == "incr":
        value = (state or 0) + 1
        return value == result, value
    if name == "getset":
        return state == result, argument
    if name == "del":
        return (1 if state is not None else 0) == result, None
    expected, new = argument  # a compare and set that succeeded: nobody wrote in between
    return state == expected, new


def linearizable(history, state):
    """Whether some order explains the history of one key that started as `state`; Wing, Gong and
    Lowe.
    """
    events = sorted([(op.begin, 0, i) for i, op in enumerate(history)]
                    + [(op.end, 1, i) for i, op in enumerate(history)])
    count = len(events)
    following = list(range(1, count + 1)) + [0]   # a list of events; index `count` is its head
    preceding = [count] + list(range(count))
    following[count] = 0
    returns = {index: place for place, (_, kind, index) in enumerate(events) if kind == 1}
    taken, seen, stack = 0, set(), []

    def lift(place):
        after, before = following[place], preceding[place]
        following[before] = after
        preceding[after] = before

    def unlift(place):
        following[preceding[place]] = place
        preceding[following[place]] = place

    place = following[count]
    while following[count] != count:
        _, kind, index = events[place]
        if kind == 0:
            possible, new = apply(history[index], state)
            mark = (taken | (1 << index), new)
            if possible and mark not in seen:
                seen.add(mark)
                stack.append((place, state))
                taken, state = mark
                lift(place)
                lift(returns[index])
                place = following[count]
            else:
                place = following[place]
        else:
            if not stack:
                return False
            place, state = stack.pop()
            index = events[place][2]
            taken &= ~(1 << index)
            unlift(returns[index])
            unlift(place)
            place = following[place]
    return True


def number(reply):
    if isinstance(reply, Error):
        raise AssertionError(reply.decode())
    return None if reply is NULL_BULK else int(reply)


class Caller:
    """One client; notes its operations by key."""

    def __init__(self, client, server, rng, barrier):
        self.client, self.rng, self.barrier = client, rng, barrier
        self.connection = server.connect()
        self.histories = [[] for _ in range(KEYS)]
        self.failure = None

    def run(self):
        try:
            self.barrier.wait()
            for step in range(OPERATIONS):
                key = self.rng.randrange(KEYS)
                self.step(key, b"key:%d" % key, self.client * 1000000 + step * 100 + 1000000000)
        except Exception as error:
            self.failure = error
        finally:
            self.connection.close()

    def call(self, *words):
        begin = time.monotonic_ns()
        reply = self.connection.call(*words)
        return begin, time.monotonic_ns(), reply

    def note(self, key, begin, end, name, argument, result):
        self.histories[key].append(Operation(begin, end, self.client, name, argument, result))

    def step(self, key, name, unique):
        roll = self.rng.random()
        if roll < 0.30:
            begin, end, reply = self.call("GET", name)
            self.note(key, begin, end, "get", None, number(reply))
        elif roll < 0.50:
            begin, end, reply = self.call("SET", name, unique)
            self.note(key, begin, end, "set", unique, None)
        elif roll < 0.72:
            begin, end, reply = self.call("INCR", name)
            self.note(key, begin, end, "incr", None, number(reply))
        elif roll < 0.78:
            begin, end, reply = self.call("SET", name, unique, "GET")
            self.note(key, begin, end, "getset", unique, number(reply))
        elif roll < 0.82:
            begin, end, reply = self.call("DEL", name)
            self.note(key, begin, end, "del", None, number(reply))
        else:
            self.compare_and_set(key, name, unique)

    def compare_and_set(self, key, name, unique):
        self.connection.call("WATCH", name)
        begin, end, reply = self.call("GET", name)
        value = number(reply)
        self.note(key, begin, end, "get", None, value)
        begin = time.monotonic_ns()
        if self.rng.random() < 0.5:
            replies = self.connection.pipeline([["MULTI"], ["SET", name, unique], ["EXEC"]])
        else:
            replies = [self.connection.call(*words)
                                            for words in (["MULTI"], ["SET", name, unique],
                                            ["EXEC"])]
        end = time.monotonic_ns()
        if isinstance(replies[2], Error):
            raise AssertionError(replies[2].decode())
        if replies[2] is not NULL_ARRAY:
            self.note(key, begin, end, "cas", (value, unique), "done")


def main():
    parser = argparse.ArgumentParser(
    description=__doc__,
     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--io-threads", type=int, default=4)
    parser.add_argument("--appendonly", action="store_true", help="with a journal in every round")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d (repeat with --seed; threads never run quite the same)" % seed)
    rng = random.Random(seed)
    sys.setswitchinterval(0.0005)
    passed = failed = operations = 0
    for journal in ([True] if options.appendonly else [False, True]):
        arguments = ["--save", "", "--appendonly", "yes" if journal else "no",
                     "--appendfsync", "always", "--io-threads", str(options.io_threads)]
        with Server(options.server, arguments).start() as server:
            for _ in range((options.rounds + 1) // 2):
                setup = server.connect()
                setup.call("FLUSHALL")
                setup.close()
                barrier = threading.Barrier(CLIENTS)
                callers = [Caller(client, server, random.Random(rng.random()), barrier)
                           for client in range(CLIENTS)]
                threads = [threading.Thread(target=caller.run) for caller in callers]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                for caller in callers:
                    if caller.failure is not None:
                        failed += 1
                        print("client %d: %r\n%s" %
     (caller.client, caller.failure, server.log_tail(20)))
                for key in range(KEYS):
                    history = [
    operation for caller in callers for operation in caller.histories[key]]
                    operations += len(history)
                    if linearizable(history, None):
                        passed += 1
                    else:
                        failed += 1
                        print("key:%d is not linearizable; its history:" % key)
                        for operation in sorted(history, key=lambda op: op.begin):
                            print("  %r" % operation)
                if failed:
                    break
    print("%d operations checked" % operations)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
