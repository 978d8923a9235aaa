#!/usr/bin/env python3
"""Clients beside a script that runs long, with one worker and with several: -BUSY, SCRIPT KILL,
SHUTDOWN NOSAVE, what waits; functions over a restart.

    scripts.py [--server PATH] [CASE...]

The last line is "N passed, N failed".
"""

import argparse
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.conditions import until
from client.process import Server, memoir_path
from client.resp import Error, encode

FOREVER = "while true do end"
BUSY = b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
BUSY_FUNCTION = BUSY.replace(b"SCRIPT KILL", b"FUNCTION KILL")


def clients(server, count):
    """Connections go to the workers in turn, so some of them are on each."""
    return [server.connect() for _ in range(count)]


def is_busy(client, text=BUSY):
    reply = client.call("PING")
    assert reply == b"PONG" or reply == text, reply
    return reply == text


def starts(server, script=FOREVER, count=6):
    """A script under way, and clients of which each has seen that the server is busy."""
    others = clients(server, count)
    runner = server.connect()
    runner.send(encode(["EVAL", script, "0"]))
    for other in others:
        until(lambda other=other: is_busy(other), "BUSY")
    return runner, others


def killed_from_any_connection(server):
    for number in range(3):
        runner, others = starts(server)
        for other in others:
            for words in (["GET", "k"], ["SET", "k", "v"], ["DBSIZE"], ["EVAL", "return 1", "0"]):
                assert other.call(*words) == BUSY, words
        assert others[number].call("FUNCTION", "KILL") == BUSY
        assert others[number].call("SCRIPT", "KILL") == b"OK"
        reply = runner.read()
        assert isinstance(reply, Error) and reply.startswith(b"ERR Script killed by user"), reply
        for other in others + [runner]:
            assert other.call("SET", "k", "v") == b"OK"
            other.close()
        runner.close()


def new_clients_are_let_in(server):
    runner, others = starts(server)
    fresh = clients(server, 4)
    for client in fresh:
        assert client.call("PING") == BUSY
        assert not isinstance(client.call("HELLO", "3"), Error)
        assert client.call("MULTI") == b"OK"
        assert client.call("GET", "k") == BUSY
        reply = client.call("EXEC")
        assert isinstance(reply, Error) and reply.startswith(b"EXECABORT"), reply
    assert fresh[0].call("SCRIPT", "KILL") == b"OK"
    runner.read()
    for client in fresh + others + [runner]:
        client.close()


def requests_sent_before_it_is_busy(server):
    """They wait for their stripes; then they are answered, and the connection goes on."""
    probe = server.connect()
    probe.call("CONFIG", "SET", "busy-reply-threshold", "300")
    others = clients(server, 6)
    runner = server.connect()
    runner.send(encode(["EVAL", FOREVER, "0"]))
    time.sleep(0.1)  # that it runs cannot be seen from outside yet
    for i, other in enumerate(others):
        other.send(encode(["SET", "early:%d" % i, "v"]) + encode(["DBSIZE"]) +
                   encode(["MGET", "a", "b", "c"]))
    for other in others:
        replies = [other.read() for _ in range(3)]
        assert all(reply in (b"OK", BUSY) or isinstance(reply, (int, list))
                   for reply in replies), replies
        assert BUSY in replies, replies
    assert others[0].call("SCRIPT", "KILL") == b"OK"
    runner.read()
    probe.call("CONFIG", "SET", "busy-reply-threshold", "20")
    for client in others + [runner, probe]:
        assert client.call("PING") == b"PONG"
        client.close()


def unkillable(server):
    script = "redis.call('set', 'mark', 1) local n = 0 while n < %d do n = n + 1 end return n"
    runner, others = starts(server, script % 300000000)
    reply = others[0].call("SCRIPT", "KILL")
    assert isinstance(reply, Error) and reply.startswith(b"UNKILLABLE"), reply
    others[1].send(encode(["SHUTDOWN"]))
    assert others[1].read() == BUSY
    others[2].send(encode(["SHUTDOWN", "NOSAVE"]))
    assert until(lambda: not server.alive(), "the end") and server.process.returncode == 0
    server.start()
    client = server.connect()
    assert client.call("EXISTS", "mark") == 0, "half a script has no place in the journal"
    for each in others + [runner, client]:
        each.close()


def the_caller_may_go(server):
    runner, others = starts(server)
    runner.close()
    assert is_busy(others[0])
    assert others[0].call("SCRIPT", "KILL") == b"OK"
    until(lambda: not is_busy(others[0]), "the end of the script")
    for other in others:
        assert other.call("PING") == b"PONG"
        other.close()


def watchers_beside_it(server):
    """WATCH and UNWATCH need stripes: they are answered at once or when the script is over."""
    watching = clients(server, 4)
    for client in watching:
        assert client.call("WATCH", "watched") == b"OK"
    runner, others = starts(server)
    for client in watching[:2]:
        client.send(encode(["UNWATCH"]))
    for client in watching[2:]:
        client.close()  # gives up its watch
    others[1].send(encode(["WATCH", "watched"]))
    time.sleep(0.1)
    for other in (others[0], others[2], others[3]):
        assert is_busy(other)
    assert others[0].call("SCRIPT", "KILL") == b"OK"
    runner.read()
    for client in watching[:2] + [others[1]]:
        assert client.read() == b"OK"
    for client in watching[:2] + others + [runner]:
        assert client.call("PING") == b"PONG"
        client.close()


def functions(server):
    client, other = clients(server, 2)
    code = ("#!lua name=lib\n"
            "redis.register_function('spin', function() while true do end end)\n"
            "redis.register_function('put', function(keys, args)\n"
            "  return redis.call('set', keys[1], args[1]) end)")
    assert client.call("FUNCTION", "LOAD", code) == b"lib"
    client.send(encode(["FCALL", "spin", "0", "argument"]))
    until(lambda: is_busy(other, BUSY_FUNCTION), "BUSY")
    stats = other.call("FUNCTION", "STATS")
    script = dict(zip(stats[1][::2], stats[1][1::2]))
    assert script[b"name"] == b"spin" and script[b"duration_ms"] >= 20, script
    assert script[b"command"] == [b"FCALL", b"spin", b"0", b"argument"], script
    assert other.call("SCRIPT", "KILL") == BUSY_FUNCTION
    assert other.call("FUNCTION", "KILL") == b"OK"
    assert isinstance(client.read(), Error)
    for connection in (client, other):  # on several workers
        assert connection.call("FCALL", "put", "1", "k", "v") == b"OK"
    for end in (server.kill, server.stop):
        end()
        server.start()
        client = server.connect()
        assert client.call("FCALL", "put", "1", "k", "w") == b"OK"
    assert client.call("DEBUG", "RELOAD") == b"OK"
    assert client.call("FCALL", "put", "1", "k", "x") == b"OK"
    assert client.call("FUNCTION", "FLUSH") == b"OK"
    server.kill()
    server.start()
    client = server.connect()
    assert client.call("FUNCTION", "LIST") == []


def figures(server):
    client = server.connect()
    client.call("SCRIPT", "LOAD", "return 'a'")
    client.call("EVAL", "return 'b'", "0")
    info = client.call("INFO", "memory").decode()
    values = dict(line.split(":", 1) for line in info.split("\r\n") if ":" in line)
    assert int(values["number_of_cached_scripts"]) == 2, values
    assert int(values["used_memory_vm_eval"]) > 10000 and int(values["used_memory_scripts"]) > 0
    client.call("CONFIG", "RESETSTAT")
    client.call("EVAL", "redis.call('set', 'k', 'v') return redis.pcall('lpush', 'k', 1).err", "0")
    stats = client.call("INFO", "commandstats").decode()
    assert "cmdstat_set:calls=1," in stats and "cmdstat_eval:calls=1," in stats, stats
    assert "errorstat_WRONGTYPE:count=1" in client.call("INFO", "errorstats").decode()
    text = client.call("EVAL", "return redis.call('info', 'server')", "0")
    assert b"redis_version" in text


def monitor_and_subscribers(server):
    watcher, subscriber, client = clients(server, 3)
    assert watcher.call("MONITOR") == b"OK"
    subscriber.call("SUBSCRIBE", "news")
    until(lambda: client.call("PUBSUB", "NUMSUB", "news")[1] == 1, "the subscription")
    client.call("EVAL", "redis.call('set', 'k', 1) return redis.call('publish', 'news', 'x')", "0")
    assert subscriber.read()[2] == b"x"
    lines = []
    until(lambda: lines.append(bytes(watcher.read())) or b"publish" in lines[-1] and
          b"EVAL" not in lines[-1], "MONITOR")
    ours = [line.split(b"] ", 1) for line in lines if b"'k'" in line or b" lua]" in line]
    assert b"EVAL" in ours[0][1].upper()[:6] and b"lua" not in ours[0][0], ours
    assert ours[1][0].endswith(b"[0 lua") and ours[1][1] == b'"set" "k" "1"', ours
    assert ours[2][1] == b'"publish" "news" "x"', ours


CASES = (killed_from_any_connection, new_clients_are_let_in, requests_sent_before_it_is_busy,
         the_caller_may_go, watchers_beside_it, functions, figures, monitor_and_subscribers,
         unkillable)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    for case in CASES:
        if options.case and case.__name__ not in options.case:
            continue
        for threads in ("1", "3"):
            arguments = ["--io-threads", threads, "--busy-reply-threshold", "20", "--save", "",
                         "--appendonly", "yes", "--enable-debug-command", "yes"]
            with Server(options.server, arguments).start() as server:
                try:
                    case(server)
                    passed += 1
                except Exception:
                    failed += 1
                    print("--- %s, io-threads %s" % (case.__name__, threads))
                    traceback.print_exc(file=sys.stdout)
                    print(server.log_tail(15))
                    if server.alive():
                        server.kill()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
