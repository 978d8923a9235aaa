"""redis-py: what people do with it. Usage: redis_py.py PORT"""

import sys
import threading
import time

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian has it, whatever python3 is this

import redis

PORT = int(sys.argv[1])


def connect():
    return redis.Redis(host="127.0.0.1", port=PORT, decode_responses=True, socket_timeout=20)


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def pipeline(client):
    pipe = client.pipeline(transaction=False)
    for i in range(1000):
        pipe.set("k%d" % i, i).incr("counter")
    replies = pipe.execute()
    assert len(replies) == 2000 and replies[-1] == 1000
    assert client.mget("k0", "k999") == ["0", "999"]


def transaction(client):
    client.set("balance", 10)

    def spend(pipe):
        left = int(pipe.get("balance"))
        pipe.multi()
        pipe.set("balance", left - 3)

    assert client.transaction(spend, "balance") == [True] and client.get("balance") == "7"


def pubsub(client):
    listener = connect().pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    kinds = {listener.get_message(timeout=20)["type"] for _ in range(2)}
    assert kinds == {"subscribe", "psubscribe"}
    assert client.publish("news", "hello") == 2
    got = sorted((m["type"], m["data"]) for m in (listener.get_message(timeout=20),
                                                  listener.get_message(timeout=20)))
    assert got == [("message", "hello"), ("pmessage", "hello")], got
    listener.close()


def blocking(client):
    got = []
    thread = threading.Thread(target=lambda: got.append(connect().blpop(["q1", "q2"], timeout=20)))
    thread.start()
    until(lambda: client.info("clients")["blocked_clients"] == 1)
    client.rpush("q2", "job")
    thread.join()
    assert got == [("q2", "job")], got


def scripts(client):
    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert add(keys=["sum"], args=[5]) == 5 and add(keys=["sum"], args=[2]) == 7
    with client.lock("guard", timeout=10) as lock:  # its release is a script
        assert lock.owned()
    assert client.get("guard") is None
    client.function_load("#!lua name=mine\n"
                         "redis.register_function('twice', function(keys, args) "
                         "return args[1] * 2 end)", replace=True)
    assert client.fcall("twice", 0, 21) == 42


def streams(client):
    first = client.xadd("stream", {"n": 1})
    client.xgroup_create("stream", "group", id="0")
    client.xadd("stream", {"n": 2})
    [[_, entries]] = client.xreadgroup("group", "me", {"stream": ">"}, count=10)
    assert [fields["n"] for _, fields in entries] == ["1", "2"]
    assert client.xack("stream", "group", first) == 1
    assert client.xpending("stream", "group")["pending"] == 1
    got = []
    thread = threading.Thread(target=lambda: got.extend(
        connect().xreadgroup("group", "other", {"stream": ">"}, block=20000)))
    thread.start()
    until(lambda: client.info("clients")["blocked_clients"] == 1)
    client.xadd("stream", {"n": 3})
    thread.join()
    assert got[0][1][0][1] == {"n": "3"}, got


def tracking(client):
    """RESP2: invalidations go to another connection's channel."""
    listener = connect().pubsub()
    listener.subscribe("__redis__:invalidate")
    assert listener.get_message(timeout=20)["type"] == "subscribe"
    mine = redis.Redis(host="127.0.0.1", port=PORT, decode_responses=True,
                       single_connection_client=True)
    target = [c["id"] for c in client.client_list() if c["sub"] == "1"][-1]
    assert mine.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", target) == "OK"
    mine.get("cached")
    client.set("cached", "new")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        message = listener.get_message(timeout=20)
        if message and message["type"] == "message":
            assert message["data"] == ["cached"], message
            return
    raise AssertionError("no invalidation")


def main():
    print("redis-py %s" % redis.__version__)
    failed = False
    for case in (pipeline, transaction, pubsub, blocking, scripts, streams, tracking):
        client = connect()
        client.flushall()
        try:
            case(client)
            print("ok %s" % case.__name__)
        except Exception as error:
            failed = True
            print("FAILED %s: %r" % (case.__name__, error))
        client.close()
    sys.exit(failed)


main()
