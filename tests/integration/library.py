#!/usr/bin/env python3
"""A client library as people use it, against a server of its own: redis-py.

    library.py [--server PATH]

Each case is a function that gets the library's client and a folder's server. It runs against any
server: --server redis-server. The last line is "N passed, N failed".
"""

import argparse
import os
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.append("/usr/lib/python3/dist-packages")  # where Debian has it, whatever python3 is this

import redis

from client.process import Server, memoir_path


def strings(client, _):
    assert client.set("key", "value") and client.get("key") == "value"
    assert client.set("key", "other", nx=True) is None
    assert client.set("key", "new", get=True) == "value"
    assert client.mset({"a": 1, "b": 2}) and client.mget("a", "b", "c") == ["1", "2", None]
    assert client.incrby("a", 41) == 42 and client.incrbyfloat("b", 0.5) == 2.5
    assert client.setex("short", 100, "v") and 0 < client.ttl("short") <= 100
    assert client.setrange("key", 1, "EW!") == 4 and client.getrange("key", 0, 2) == "nEW"
    assert client.expire("a", 50) and client.persist("a") and client.ttl("a") == -1
    assert client.delete("a", "b", "none") == 2 and client.exists("a", "key") == 1


def collections(client, _):
    assert client.rpush("list", *"abcde") == 5 and client.lrange("list", 1, 3) == ["b", "c", "d"]
    assert client.lmove("list", "other", "LEFT", "RIGHT") == "a" and client.lpos("list", "d") == 2
    assert client.hset("hash", mapping={"f": "v", "g": 1}) == 2
    assert client.hgetall("hash") == {"f": "v", "g": "1"} and client.hincrby("hash", "g", 2) == 3
    assert client.sadd("set", "x", "y", "z") == 3 and client.sismember("set", "x")
    assert client.smembers("set") == {"x", "y", "z"} and client.sinter("set", "none") == set()
    assert client.zadd("zset", {"one": 1, "two": 2.5, "three": float("inf")}) == 3
    assert client.zrange("zset", 0, -1, withscores=True) == [
        ("one", 1.0), ("two", 2.5), ("three", float("inf"))]
    assert client.zrangebyscore("zset", 1, 3, start=1, num=1) == ["two"]
    assert client.zpopmax("zset") == [("three", float("inf"))] and client.zrank("zset", "two") == 1
    assert client.type("zset") == "zset" and client.object("encoding", "zset") == "listpack"


def iteration(client, _):
    pipe = client.pipeline(transaction=False)
    for i in range(3000):
        pipe.set("many:%d" % i, i)
        pipe.hset("table", i, i)
    assert len(pipe.execute()) == 6000
    assert len(set(client.scan_iter("many:*", count=100))) == 3000
    assert dict(client.hscan_iter("table")) == {str(i): str(i) for i in range(3000)}
    assert client.dbsize() == 3001 and client.unlink("table") == 1


def transactions(client, _):
    client.set("counter", 10)

    def add(pipe):
        value = int(pipe.get("counter"))
        pipe.multi()
        pipe.set("counter", value + 1)
        pipe.get("counter")

    assert client.transaction(add, "counter") == [True, "11"]
    pipe = client.pipeline()
    pipe.watch("counter")
    client.incr("counter")
    pipe.multi()
    pipe.set("counter", 0)
    try:
        pipe.execute()
        raise AssertionError("a watched key changed and EXEC went on")
    except redis.WatchError:
        pass
    assert client.get("counter") == "12"
    try:
        client.pipeline().set("text", "a").incr("text").execute()
        raise AssertionError("no error in a transaction")
    except redis.ResponseError as error:
        assert "value is not an integer or out of range" in str(error), error


def publishing(client, server):
    listener = connect(server).pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    listener.psubscribe("n*")
    wait(lambda: client.pubsub_numsub("news") == [("news", 1)] and client.pubsub_numpat() == 1)
    assert client.publish("news", "hello") == 2
    found = []
    end = time.monotonic() + 20
    while len(found) < 2 and time.monotonic() < end:
        message = listener.get_message(timeout=0.1)
        if message:
            found.append(message)
    assert sorted(m["type"] for m in found) == ["message", "pmessage"]
    assert {m["data"] for m in found} == {"hello"}
    listener.close()


def waiting(client, server):
    results = []
    other = connect(server)
    thread = threading.Thread(target=lambda: results.append(other.blpop(["q1", "q2"], timeout=20)))
    thread.start()
    wait(lambda: client.info("clients")["blocked_clients"] == 1)
    client.rpush("q2", "element")
    thread.join()
    assert results == [("q2", "element")]
    assert client.blpop("q1", timeout=0.05) is None
    client.zadd("zq", {"m": 1})
    assert client.bzpopmin("zq", timeout=1) == ("zq", "m", 1.0)


def server_commands(client, _):
    assert client.ping() and client.echo("x") == "x"
    assert client.info()["redis_version"].split(".")[0] in ("6", "7")
    assert client.info("persistence")["aof_enabled"] == 1
    assert client.config_get("maxmemory*")["maxmemory"] == "0"
    assert client.config_set("hz", 20) and client.config_get("hz") == {"hz": "20"}
    assert client.client_setname("me") and client.client_getname() == "me"
    assert any(c["name"] == "me" for c in client.client_list())
    assert client.command()["get"]["arity"] == 2 and client.command_count() > 100
    assert abs(client.time()[0] - time.time()) < 5
    assert client.slowlog_reset() and client.slowlog_len() >= 0
    assert client.wait(0, 10) == 0


def locks(client, server):
    """The library's lock without its script: SET NX PX by one, refused to another."""
    assert client.set("lock", "mine", nx=True, px=200)
    assert connect(server).set("lock", "yours", nx=True, px=200) is None
    wait(lambda: client.get("lock") is None)
    assert connect(server).set("lock", "yours", nx=True)


def errors(client, _):
    client.rpush("a list", "e")
    for call, text in ((lambda: client.get("a list"), "WRONGTYPE"),
                       (lambda: client.execute_command("NONSENSE"), "unknown command"),
                       (lambda: client.execute_command("GET"), "wrong number of arguments")):
        try:
            call()
            raise AssertionError("no error for %s" % text)
        except redis.ResponseError as error:
            assert text in str(error), error


def restarts(client, server):
    client.set("stays", "here")
    client.zadd("stays too", {"m": 0.1})
    server.kill()
    server.start()
    again = connect(server)
    assert again.get("stays") == "here" and again.zscore("stays too", "m") == 0.1


def connect(server):
    return redis.Redis(host="127.0.0.1", port=server.port, decode_responses=True, socket_timeout=20)


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


CASES = (strings, collections, iteration, transactions, publishing, waiting, server_commands,
         locks, errors, restarts)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    options = parser.parse_args()
    print("redis-py %s" % redis.__version__)
    passed = failed = 0
    for threads in ("1", "4"):
        with Server(options.server, ["--appendonly", "yes", "--save", "", "--io-threads",
                                     threads]).start() as server:
            for case in CASES:
                client = connect(server)
                client.flushall()
                try:
                    case(client, server)
                    passed += 1
                except Exception:
                    failed += 1
                    print("%s with io-threads %s:\n%s" % (
                        case.__name__, threads, traceback.format_exc()))
                client.close()
                if not server.alive():
                    print(server.log_tail())
                    break
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
