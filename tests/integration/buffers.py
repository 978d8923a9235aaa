#!/usr/bin/env python3
"""What clients' buffers may take: limits of output, of unfinished requests, of all together.

    buffers.py [--server PATH]

Each case is a function that gets a server of its own kind. It runs against any server:
--server redis-server. The last line is "N passed, N failed".
"""

import argparse
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.conditions import info, until
from client.process import Server, memoir_path
from client.resp import encode

MB = 1 << 20


def clients(control):
    """CLIENT LIST as {name: {field: value}}."""
    found = {}
    for line in control.call("CLIENT", "LIST").decode().splitlines():
        fields = dict(word.split("=", 1) for word in line.split())
        found[fields["name"]] = fields
    return found


def named(server, name):
    client = server.connect()
    assert client.call("CLIENT", "SETNAME", name) == b"OK"
    return client


def controller(server):
    """A connection that is never disconnected."""
    control = named(server, "control")
    control.call("CLIENT", "NO-EVICT", "on")
    return control


def closed(client):
    """Whether the server closed the connection; how many bytes came before."""
    count = 0
    try:
        while data := client.socket.recv(1 << 16):
            count += len(data)
    except ConnectionError:
        pass
    return count


def a_reply_beyond_the_hard_limit(server):
    control = controller(server)
    control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0")
    before = info(control, "client_output_buffer_limit_disconnections")
    control.call("RPUSH", "list", *["x" * 1000] * 150)
    client = named(server, "victim")
    client.send(encode(("LRANGE", "list", 0, -1)))
    assert closed(client) == 0
    pipeline = named(server, "pipeline")
    control.call("SET", "value", "x" * 10000)
    pipeline.send(encode(("GET", "value")) * 20)
    assert closed(pipeline) == 0
    until(lambda: set(clients(control)) == {"control"})
    # Servers before 7.4 do not count them.
    assert before is None or info(
        control, "client_output_buffer_limit_disconnections") == before + 2


def endless_replies_take_no_memory(server):
    control = controller(server)
    control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 1000000 0 0")
    control.call("HSET", "hash", "a", "b")
    control.call("SADD", "set", "a")
    control.call("ZADD", "zset", 1, "a")
    for words in (("HRANDFIELD", "hash", -999999999), ("SRANDMEMBER", "set", -999999999),
                  ("ZRANDMEMBER", "zset", -999999999, "WITHSCORES")):
        client = server.connect(timeout=60.0)
        client.send(encode(words))
        assert closed(client) == 0, words
    assert control.call("PING") == b"PONG"


def transactions_run_to_their_end(server):
    control = controller(server)
    control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0")
    control.call("SET", "value", "x" * 50000)
    client = server.connect()
    client.send(b"".join(encode(words) for words in (
        ("MULTI",), ("SET", "a", 1), ("GET", "value"), ("GET", "value"), ("GET", "value"),
        ("SET", "b", 2), ("EXEC",))))
    closed(client)
    assert control.call("MGET", "a", "b") == [b"1", b"2"]


def the_soft_limit_of_subscribers(server):
    control = controller(server)
    control.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 100000 1")
    client = named(server, "subscriber")
    client.call("SUBSCRIBE", "channel")
    while int(clients(control)["subscriber"]["omem"]) < 100000:
        control.call("PUBLISH", "channel", "x" * 50000)
    start = time.monotonic()
    until(lambda: "subscriber" not in clients(control))
    assert time.monotonic() - start > 0.8


def an_unfinished_request_has_a_limit(server):
    control = controller(server)
    control.call("CONFIG", "SET", "client-query-buffer-limit", 2 * MB)
    before = info(control, "client_query_buffer_limit_disconnections")
    client = server.connect()
    try:
        client.send(b"*1\r\n$%d\r\n" % (4 * MB) + b"x" * 3 * MB)
    except ConnectionError:
        pass
    closed(client)
    assert before is None or info(
        control, "client_query_buffer_limit_disconnections") == before + 1


def what_the_list_tells(server):
    control = controller(server)
    client = named(server, "client")
    client.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$300000\r\n" + b"x" * 1000)
    until(lambda: clients(control)["client"]["argv-mem"] == "6")
    fields = clients(control)["client"]
    assert int(fields["qbuf"]) >= 1000 and int(fields["qbuf"]) + int(fields["qbuf-free"]) > 299000
    assert int(fields["tot-mem"]) > 300000
    client.send(b"x" * 299000 + b"\r\n")
    assert client.read() == b"OK"
    assert clients(control)["client"]["argv-mem"] == "0"
    client.call("MULTI")
    client.call("SET", "key", "x" * 10000)
    fields = clients(control)["client"]
    assert fields["multi"] == "1" and int(fields["multi-mem"]) >= 10006, fields
    assert int(fields["tot-mem"]) > 10000
    client.call("DISCARD")
    assert clients(control)["client"]["multi-mem"] == "0"
    control.call("SET", "large", "x" * 5 * MB)
    client.send(encode(("GET", "large")) * 4)
    until(lambda: int(clients(control)["client"]["omem"]) > 5 * MB)
    fields = clients(control)["client"]
    assert int(fields["oll"]) > 0 and int(fields["tot-mem"]) > int(fields["omem"])
    for _ in range(4):
        assert len(client.read()) == 5 * MB
    until(lambda: clients(control)["client"]["omem"] == "0")
    assert clients(control)["client"]["oll"] == "0"


def fill(server, name, size):
    """A client with an unfinished request of `size` bytes."""
    client = named(server, name)
    client.send(b"*2\r\n$%d\r\n" % size + b"x" * size)
    return client


def the_largest_clients_go_first(server):
    control = controller(server)
    before = info(control, "evicted_clients")
    kept = {name: fill(server, name, size) for name, size in (
        ("small1", MB // 8), ("small2", MB // 8), ("middle1", MB), ("middle2", MB),
        ("large1", 4 * MB), ("large2", 4 * MB))}
    until(lambda: sum(int(each["qbuf"]) for each in clients(control).values()) >= 10 * MB)
    until(lambda: info(control, "mem_clients_normal") > 10 * MB)
    memory = info(control, "mem_clients_normal")
    assert 10 * MB < memory < 14 * MB, memory

    def left_at(limit):
        control.call("CONFIG", "SET", "maxmemory-clients", limit)
        return {name for name in clients(control) if name != "control"}

    assert len(left_at(memory + MB)) == 6
    assert left_at(4 * MB) == {"small1", "small2", "middle1", "middle2"}
    assert info(control, "evicted_clients") == before + 2
    assert left_at(MB) == {"small1", "small2"}
    assert info(control, "evicted_clients") == before + 4
    for client in kept.values():
        client.close()


def a_client_that_grows_beyond_the_limit(server):
    control = controller(server)
    control.call("CONFIG", "SET", "maxmemory-clients", 2 * MB)
    client = named(server, "client")
    assert client.call("SET", "key", "x" * MB) == b"OK"
    try:
        client.send(encode(("SET", "key", "x" * 3 * MB)))
    except ConnectionError:
        pass
    closed(client)
    assert control.call("STRLEN", "key") == MB
    watcher = server.connect()
    control.call("CONFIG", "SET", "maxmemory-clients", 300000)
    try:
        for i in range(20000):
            watcher.call("WATCH", "key%d" % i)
        raise AssertionError("watching takes no memory")
    except ConnectionError:
        pass


def no_evict(server):
    control = controller(server)
    kept, victim = fill(server, "kept", 2 * MB), None
    kept.close()
    kept = named(server, "kept")
    kept.call("CLIENT", "NO-EVICT", "on")
    kept.send(b"*2\r\n$%d\r\n" % (2 * MB) + b"x" * 2 * MB)
    victim = fill(server, "victim", MB // 2)
    until(lambda: int(clients(control)["kept"]["qbuf"]) >= 2 * MB)
    control.call("CONFIG", "SET", "maxmemory-clients", MB)
    until(lambda: "victim" not in clients(control))
    assert "kept" in clients(control) and "e" in clients(control)["kept"]["flags"]
    victim.close()
    kept.close()


def a_share_of_maxmemory(server):
    control = controller(server)
    control.call("CONFIG", "SET", "maxmemory", 200 * MB, "maxmemory-clients", "1%")
    assert control.call("CONFIG", "GET", "maxmemory-clients")[1] == b"1%"
    small = fill(server, "small", MB)
    assert "small" in clients(control)
    large = named(server, "large")
    try:
        large.send(b"*2\r\n$%d\r\n" % (2 * MB) + b"x" * 2 * MB)
    except ConnectionError:
        pass
    until(lambda: "large" not in clients(control))
    control.call("CONFIG", "SET", "maxmemory", 0)
    small.close()


CASES = [each for each in list(globals().values())
         if callable(each) and getattr(each, "__code__", None) and each.__module__ == __name__
         and each.__code__.co_varnames[:1] == ("server",) and each.__code__.co_argcount == 1
         and each is not controller]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    for threads in ("1", "4"):
        with Server(options.server, ["--save", "", "--io-threads", threads]) as server:
            for case in CASES:
                if options.case and case.__name__ not in options.case:
                    continue
                server.start()
                try:
                    case(server)
                    passed += 1
                except Exception:
                    failed += 1
                    print("%s with io-threads %s:\n%s" % (
                        case.__name__, threads, traceback.format_exc()))
                server.stop()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
