#!/usr/bin/env python3
"""Clients that change their worker: nothing is lost, repeated or in another order.

    moving.py [--server PATH] [--seconds N] [case ...]

All cases but the last ones run with `move-clients yes`: clients go to another worker after each of
their turns. The last line is "N passed, N failed".
"""

import argparse
import os
import random
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import Push, encode

SECONDS = 1.0


class Crew:
    """Threads that work until the time is over; the first failure is raised at the end."""

    def __init__(self):
        self.end = time.monotonic() + SECONDS
        self.threads = []
        self.failures = []

    def go_on(self):
        return time.monotonic() < self.end and not self.failures

    def add(self, work, *arguments):
        def body():
            try:
                work(*arguments)
            except Exception:
                self.failures.append(traceback.format_exc())
        self.threads.append(threading.Thread(target=body))
        self.threads[-1].start()

    def join(self):
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures[0]


def pipelines_in_order(server):
    crew = Crew()

    def work(number):
        client, chance, sent = server.connect(), random.Random(number), 0
        while crew.go_on():
            count = chance.choice([1, 2, 16, 300])
            requests = [encode([b"INCR", b"counter:%d" % number]) for _ in range(count)]
            data = b"".join(requests)
            cut = chance.randrange(len(data))  # a request comes in two parts
            client.send(data[:cut])
            client.send(data[cut:])
            for _ in range(count):
                sent += 1
                assert client.read() == sent
        assert client.call("GET", "counter:%d" % number) == b"%d" % sent

    for number in range(6):
        crew.add(work, number)
    crew.join()


def large_values_whole(server):
    crew = Crew()

    def work(number):
        client, chance = server.connect(), random.Random(number)
        while crew.go_on():
            value = chance.randbytes(chance.choice([100, 40000, 3000000]))
            key = b"large:%d" % number
            requests = encode([b"SET", key, value]) + encode([b"GET", key]) * 3
            for at in range(0, len(requests), 500000):
                client.send(requests[at:at + 500000])
            assert client.read() == b"OK"
            for _ in range(3):
                assert client.read() == value

    for number in range(3):
        crew.add(work, number)
    crew.join()


def messages_in_order(server):
    crew = Crew()
    subscribers = []
    for number in range(3):
        subscriber = server.connect()
        subscriber.call("PING")
        assert subscriber.call("SUBSCRIBE", "all")[0] == b"subscribe"
        if number == 2:
            assert subscriber.call("PSUBSCRIBE", "channel:*")[0] == b"psubscribe"
        subscribers.append(subscriber)
    published = [0] * 3

    def publish(number):
        client = server.connect()
        while crew.go_on():
            published[number] += 1
            text = b"%d:%d" % (number, published[number])
            assert client.call("PUBLISH", "all", text) == 3
            assert client.call("PUBLISH", "channel:%d" % number, text) == 1

    def listen(subscriber, patterns):
        last = {}
        done = 0
        while done < 3:
            message = subscriber.read()
            number, count = message[-1].split(b":")
            key = (message[0], number)
            if count == b"end":
                done += message[0] == b"message"
                continue
            assert int(count) == last.get(key, 0) + 1, (message, last)
            last[key] = int(count)
        kinds = [b"message", b"pmessage"] if patterns else [b"message"]
        for number in range(3):
            for kind in kinds:
                assert last[kind, b"%d" % number] == published[number]

    listeners = Crew()
    for number, subscriber in enumerate(subscribers):
        listeners.add(listen, subscriber, number == 2)
    for number in range(3):
        crew.add(publish, number)
    crew.join()
    ending = server.connect()
    for number in range(3):
        ending.call("PUBLISH", "channel:%d" % number, b"%d:end" % number)
        ending.call("PUBLISH", "all", b"%d:end" % number)
    listeners.join()


def subscribing_and_moving_on(server):
    """Who subscribes stays, who unsubscribes moves again; nothing between is lost."""
    crew = Crew()

    def work(number):
        client, publisher = server.connect(), server.connect()
        channel = "own:%d" % number
        for round in range(1000000):
            if not crew.go_on():
                break
            assert client.call("SUBSCRIBE", channel)[2] == 1
            assert publisher.call("PUBLISH", channel, "%d" % round) == 1
            assert client.read() == [b"message", channel.encode(), b"%d" % round]
            assert client.call("UNSUBSCRIBE", channel)[2] == 0
            assert publisher.call("PUBLISH", channel, "lost") == 0
            assert client.call("ECHO", "%d" % round) == b"%d" % round

    for number in range(4):
        crew.add(work, number)
    crew.join()


def elements_come_once_and_in_order(server):
    crew = Crew()
    pushed = [0] * 3

    def push(number):
        client = server.connect()
        while crew.go_on():
            count = random.randrange(1, 4)
            elements = [b"%d" % (pushed[number] + 1 + i) for i in range(count)]
            client.call("RPUSH", "queue:%d" % number, *elements)
            pushed[number] += count
        client.call("RPUSH", "queue:%d" % number, "end")

    def pop(number):
        client, last = server.connect(), 0
        while True:
            if random.randrange(20) == 0:
                client.call("BLPOP", "nothing:%d" % number, "0.001")
            key, element = client.call("BLPOP", "queue:%d" % number, "0")
            if element == b"end":
                break
            assert int(element) == last + 1
            last += 1
        assert last == pushed[number]

    for number in range(3):
        crew.add(pop, number)
        crew.add(push, number)
    crew.join()


def money_is_neither_made_nor_lost(server):
    crew = Crew()
    setup = server.connect()
    for account in range(5):
        setup.call("SET", "account:%d" % account, "1000")

    def transfer(number):
        client, chance = server.connect(), random.Random(number)
        while crew.go_on():
            source, target = ("account:%d" % i for i in chance.sample(range(5), 2))
            client.call("WATCH", source)
            if int(client.call("GET", source)) == 0:
                client.call("UNWATCH")
                continue
            assert client.call("MULTI") == b"OK"
            assert client.call("DECRBY", source, "1") == b"QUEUED"
            assert client.call("INCRBY", target, "1") == b"QUEUED"
            client.call("EXEC")

    def audit():
        client = server.connect()
        while crew.go_on():
            values = client.call("MGET", *["account:%d" % i for i in range(5)])
            assert sum(int(value) for value in values) == 5000
            assert min(int(value) for value in values) >= 0

    for number in range(4):
        crew.add(transfer, number)
    crew.add(audit)
    crew.join()


def invalidations_reach_their_targets(server):
    """The target of a redirection moves; it hears of each change, wherever it is."""
    crew = Crew()

    def work(number):
        target, reader, writer = server.connect(), server.connect(), server.connect()
        target.call("HELLO", 3)
        identity = target.call("CLIENT", "ID")
        assert reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", identity) == b"OK"
        key = "tracked:%d" % number
        for round in range(1000000):
            if not crew.go_on():
                break
            reader.call("GET", key)
            for _ in range(random.randrange(4)):
                assert target.call("ECHO", "on") == b"on"  # it moves
            writer.call("SET", key, "%d" % round)
            push = target.read()
            assert isinstance(push, Push) and push[1] == [key.encode()], push
        assert reader.call("CLIENT", "TRACKINGINFO")[1] == [b"on"]

    for number in range(3):
        crew.add(work, number)
    crew.join()


def own_invalidations_follow_reads(server):
    """A client that tracks keys itself sees the change of each key that it has read."""
    crew = Crew()

    def work(number):
        reader, writer = server.connect(), server.connect()
        reader.call("HELLO", 3)
        key = "own:%d" % number
        for round in range(1000000):
            if not crew.go_on():
                break
            assert reader.call("CLIENT", "TRACKING", "ON") == b"OK"
            reader.call("GET", key)
            writer.call("SET", key, "%d" % round)
            push = reader.read()
            assert isinstance(push, Push) and push[1] == [key.encode()], push
            assert reader.call("CLIENT", "TRACKING", "OFF") == b"OK"
            assert reader.call("ECHO", "on") == b"on"

    for number in range(3):
        crew.add(work, number)
    crew.join()


def orders_reach_their_clients(server):
    """CLIENT KILL and CLIENT UNBLOCK find clients that are busy moving."""
    crew = Crew()

    def chatter(client):
        try:
            while True:
                assert client.call("ECHO", "still here") == b"still here"
        except (ConnectionError, OSError):
            pass

    def work():
        control = server.connect()
        while crew.go_on():
            victim = server.connect()
            identity = victim.call("CLIENT", "ID")
            talk = threading.Thread(target=chatter, args=(victim,))
            talk.start()
            time.sleep(random.random() / 200)
            assert control.call("CLIENT", "KILL", "ID", identity) == 1
            talk.join()
            until(lambda: control.call("CLIENT", "LIST", "ID", identity) == b"")
            waiting = server.connect()
            identity = waiting.call("CLIENT", "ID")
            waiting.send(encode([b"BLPOP", b"never", b"0"]))
            until(lambda: control.call("CLIENT", "UNBLOCK", identity) == 1)
            assert not waiting.read()
            assert waiting.call("ECHO", "on") == b"on"
            waiting.close()

    for _ in range(2):
        crew.add(work)
    crew.join()
    control = server.connect()
    until(lambda: info(control, "connected_clients") == 1)


def scripts_and_heavy_reads(server):
    """Commands that lock everything, beside all others."""
    crew = Crew()
    script = "redis.call('INCR', KEYS[1]); return redis.call('INCR', KEYS[2])"

    def work(number):
        client = server.connect()
        for round in range(1, 1000000):
            if not crew.go_on():
                break
            keys = ["s:%d:a" % number, "s:%d:b" % number]
            assert client.call("EVAL", script, "2", *keys) == round
            assert len(client.call("KEYS", "s:%d:*" % number)) == 2
            assert client.call("MGET", *keys) == [b"%d" % round] * 2

    for number in range(4):
        crew.add(work, number)
    crew.join()


# ---- without being told to ----------------------------------------------------------------------

def heavy_client_goes_aside_and_returns(server):
    control, heavy = server.connect(), server.connect()
    others = [server.connect() for _ in range(8)]  # who is alone on its worker stays there
    # So that only the sort is heavy, however slow the build.
    usual = control.call("CONFIG", "GET", "heavy-command-time")[1]
    control.call("CONFIG", "SET", "heavy-command-time", "0")
    for at in range(0, 200000, 1000):
        control.call("RPUSH", "list", *["%d" % (i * 7919 % 200000)
                                        for i in range(at, at + 1000)])
    control.call("CONFIG", "SET", "heavy-command-time", "5000")
    sort = ["SORT", "list", "ALPHA", "LIMIT", "0", "1"]
    assert info(control, "clients_in_lanes") == 0

    def heavy_once():
        assert heavy.call(*sort) == [b"0"]
        return info(control, "clients_in_lanes") == 1

    until(heavy_once)
    assert heavy.call("ECHO", "same client") == b"same client"
    # It stays for as long as it is heavy, and goes home when it has been light for some time.
    for _ in range(3):
        assert heavy_once()

    def light():
        assert heavy.call("PING") == b"PONG"
        return info(control, "clients_in_lanes") == 0

    until(light)
    assert all(other.call("PING") == b"PONG" for other in others)
    control.call("CONFIG", "SET", "heavy-command-time", usual)
    control.call("FLUSHALL")


def subscribed_client_stays(server):
    """Its messages have an order of their own."""
    control, heavy = server.connect(), server.connect()
    others = [server.connect() for _ in range(8)]
    control.call("SETBIT", "bits", 256 * 1024 * 1024, "1")
    heavy.call("HELLO", 3)
    heavy.send(encode([b"SUBSCRIBE", b"channel"]))
    assert isinstance(heavy.read(), Push)
    for _ in range(20):
        assert heavy.call("BITCOUNT", "bits") == 1
    assert info(control, "clients_in_lanes") == 0
    heavy.send(encode([b"UNSUBSCRIBE", b"channel"]))
    assert isinstance(heavy.read(), Push)
    until(lambda: heavy.call("BITCOUNT", "bits") == 1 and info(control, "clients_in_lanes") == 1)
    assert all(other.call("PING") == b"PONG" for other in others)
    control.call("FLUSHALL")


def nobody_moves_when_told_so(server):
    control, heavy = server.connect(), server.connect()
    others = [server.connect() for _ in range(8)]
    control.call("CONFIG", "SET", "heavy-command-time", "0")
    try:
        control.call("SETBIT", "bits", 256 * 1024 * 1024, "1")
        for _ in range(20):
            assert heavy.call("BITCOUNT", "bits") == 1
        assert info(control, "clients_in_lanes") == 0
        assert all(other.call("PING") == b"PONG" for other in others)
    finally:
        control.call("CONFIG", "SET", "heavy-command-time", "1000")
        control.call("FLUSHALL")


FORCED = [pipelines_in_order, large_values_whole, messages_in_order, subscribing_and_moving_on,
          elements_come_once_and_in_order, money_is_neither_made_nor_lost,
          invalidations_reach_their_targets, own_invalidations_follow_reads,
          orders_reach_their_clients, scripts_and_heavy_reads]
FREE = [heavy_client_goes_aside_and_returns, subscribed_client_stays, nobody_moves_when_told_so]


def run(server, cases, wanted):
    passed = failed = 0
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        cleaner = server.connect()
        cleaner.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        cleaner.call("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
        until(lambda: info(cleaner, "connected_clients") == 1)
        cleaner.call("FLUSHALL")
        cleaner.close()
        try:
            case(server)
            passed += 1
        except Exception:
            failed += 1
            print("%s:\n%s" % (case.__name__, traceback.format_exc()))
        if not server.alive():
            print(server.log_tail())
            break
    return passed, failed


def main():
    global SECONDS
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each case")
    parser.add_argument("--forced", action="store_true",
                        help="only cases in which clients are told to move: what is heavy is a "
                             "matter of time, which a sanitizer's build has not")
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    SECONDS = options.seconds
    passed = failed = 0
    for sync in ("no", "always"):
        for cases, forced in ((FORCED, "yes"), (FREE, "no")):
            if options.forced and forced == "no":
                continue
            arguments = ["--save", "", "--io-threads", "4", "--appendonly", "yes",
                         "--appendfsync", sync, "--move-clients", forced]
            with Server(options.server, arguments).start() as server:
                done = run(server, cases, options.case)
                passed += done[0]
                failed += done[1]
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
