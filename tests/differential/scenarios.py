"""Scenes that need several connections or the clock: blocking commands, short lifetimes,
pub/sub.
"""

import time

import compare
import known_differences
import words
from client.resp import Error, Push, encode
from pair import Difference

BLOCKERS = (10, 11, 12, 13)


def blocking(pair, rng, grammar):
    """Some connections block on shared keys, others write to these; each gets what it waited for,
    in order.
    """
    lists = rng.random() < 0.55
    pool = words.KEYS["lkey" if lists else "zkey"][:2]
    pair.learn_ids([number for number in BLOCKERS if number not in getattr(pair, "ids", {})
                    or number not in pair.connections])
    emptied = rng.random() < 0.8
    pair.run(0, [[b"RESET"]] + ([[b"DEL"] + pool] if emptied else []))
    writes = []
    for _ in range(rng.randint(1, 4)):
        key = rng.choice(pool)
        if lists:
            writes.append(rng.choice((
                [b"RPUSH", key] + [b"e%d" % rng.randint(0, 9) for _ in range(rng.randint(1, 4))],
                [b"LPUSH", key] + [b"e%d" % rng.randint(0, 9) for _ in range(rng.randint(1, 4))],
                [b"SET", key, b"text"], [b"DEL", key], [b"RENAME", b"l3", key],
                [b"RPUSH", b"l3", b"r"],
                [b"SADD", key, b"m"], [b"COPY", b"l3", key, b"REPLACE"],
                [b"LMOVE", b"l3", key, b"LEFT", b"LEFT"])))
        else:
            members = [word for i in range(rng.randint(1, 3))
                       for word in (b"%d" % i, b"m%d" % rng.randint(0, 9))]
            writes.append(rng.choice((
                [b"ZADD", key] + members, [b"SET", key, b"text"], [b"DEL", key],
                [b"ZADD", b"z4", b"1", b"m"], [b"RENAME", b"z4", key],
                [b"ZINCRBY", key, b"3", b"x"], [b"ZUNIONSTORE", key, b"1", b"z4"])))
    one_key = known_differences.depends_on_rerun(writes)
    if rng.random() < 0.3:
        one_key = True
        writes = [[b"MULTI"]] + writes + [[b"EXEC"]]
    targets = words.KEYS["lkey"] if one_key else words.KEYS["lkey"][2:]
    waiting = []
    for number in rng.sample(BLOCKERS, rng.randint(1, len(BLOCKERS))):
        timeout = rng.choice((b"0", b"0", b"0", b"5", b"5", b"0.02"))
        keys = [rng.choice(pool) for _ in range(1 if one_key else rng.randint(1, 2))]
        if lists:
            request = rng.choice((
                [b"BLPOP"] + keys + [timeout], [b"BRPOP"] + keys + [timeout],
                [b"BRPOPLPUSH", keys[0], rng.choice(targets), timeout],
                [b"BLMOVE", keys[0], rng.choice(targets), b"LEFT", b"RIGHT", timeout],
                [b"BLMPOP", timeout, b"%d" % len(keys)] + keys + [b"LEFT"],
                [b"BLMPOP", timeout, b"%d" % len(keys)] + keys + [b"RIGHT", b"COUNT", b"2"]))
        else:
            request = rng.choice((
                [b"BZPOPMIN"] + keys + [timeout], [b"BZPOPMAX"] + keys + [timeout],
                [b"BZMPOP", timeout, b"%d" % len(keys)] + keys + [b"MIN"],
                [b"BZMPOP", timeout, b"%d" % len(keys)] + keys + [b"MAX", b"COUNT", b"2"]))
        if request[0] not in grammar.names:
            continue
        pair.play(("block", number, request))
        waiting.append((number, timeout))
    if any(timeout == b"0.02" for _, timeout in waiting):
        pair.play(("sleep", 80))
    pair.run(0, writes)
    for number, _ in waiting:
        pair.play(("collect", number))
    return len(waiting) + len(writes)


def short_lifetime(pair, rng):
    """A key that is gone a moment later, lazily or actively: what reads, writes and counts then
    say.
    """
    key = rng.choice(words.ALL_KEYS)
    pair.run(0, [[b"RESET"]])
    # Long enough for both servers to answer before it is over.
    pair.run(0, [rng.choice(([b"PEXPIRE", key, b"25"], [b"SET", key, b"v", b"PX", b"25"],
                             [b"PSETEX", key, b"25", b"v"], [b"GETEX", key, b"PX", b"26"]))])
    pair.play(("sleep", 60))
    reads = [
    [
        b"EXISTS", key], [
            b"TYPE", key], [
                b"GET", key], [
                    b"TTL", key], [
                        b"LPUSHX", key, b"a"], [
                            b"INCR", key], [
                                b"RENAME", key, b"s0"], [
                                    b"PERSIST", key], [
                                        b"SADD", key, b"a"], [
                                            b"COPY", key, b"s1"], [
                                                b"OBJECT", b"ENCODING", key], [
                                                    b"DEL", key], [
                                                        b"SETNX", key, b"x"], [
                                                            b"GETSET", key, b"y"], [
                                                                b"EXPIRE", key, b"5000", b"XX"], [
                                                                    b"MOVE", key, b"1"]]
    batch = rng.sample(reads, rng.randint(1, 4))
    pair.run(0, batch)
    return len(batch) + 3


def pubsub(pair, rng):
    """Random subscriptions of a RESP2 and a RESP3 connection, and what they receive."""
    pair.events = []
    connections = {20: 2, 21: 3}
    for number, protocol in connections.items():
        if number in pair.connections:
            for connection in pair.connections.pop(number):
                connection.close()
        a, b = pair.both(number)
        if protocol == 3:
            a.call("HELLO", "3")
            b.call("HELLO", "3")
    channels, patterns = (b"ch1", b"ch2", b"news.a", b"news.b"), (b"ch*",
                          b"news.?", b"*", b"nothing")
    for _ in range(rng.randint(10, 30)):
        number = rng.choice(list(connections))
        some = lambda pool: [rng.choice(pool) for _ in range(rng.randint(1, 3))]
        request = rng.choice(
    ( lambda: [b"SUBSCRIBE"] +
    some(channels),
    lambda: [b"PSUBSCRIBE"] +
    some(patterns),
    lambda: [b"UNSUBSCRIBE"] +
    some(channels),
    lambda: [b"PUNSUBSCRIBE"] +
    some(patterns),
    lambda: [b"UNSUBSCRIBE"],
    lambda: [b"PUNSUBSCRIBE"],
    lambda: [b"SUBSCRIBE"],
    lambda: [
        b"GET",
        b"s0"],
        lambda: [b"SSUBSCRIBE"] +
        some(channels),
        lambda: [b"SUNSUBSCRIBE"] +
        some(channels),
        lambda: [b"SUNSUBSCRIBE"],
        lambda: [b"PING"],
        lambda: [
            b"PING",
            b"a",
             b"b"]))()
        converse(pair, number, request)
        publish = [b"SPUBLISH" if rng.random() < 0.2 else b"PUBLISH",
                                             rng.choice(channels), b"hello"]
        one, other = pair.ask_both(*publish)
        if not compare.same(one, other):
            raise Difference(publish, one, other, "pub/sub")
        for query in ([b"PUBSUB", b"NUMSUB", b"ch1", b"ch2"], [
                      b"PUBSUB", b"NUMPAT"], [b"PUBSUB", b"CHANNELS"]):
            one, other = pair.ask_both(*query)
            if not compare.same_set(one, other):
                raise Difference(query, one, other, "pub/sub")
        for reader in connections:
            converse(pair, reader, None, publish)


def converse(pair, number, request, cause=None):
    """Sends a request (or none) and a PING; all that comes before its answer must be equal."""
    a, b = pair.both(number)
    one = until_pong(a, request, None)
    other = until_pong(b, request, len(one))
    pair.compared += 1
    if request is not None and len(request) == 1 and b"UNSUBSCRIBE" in request[0]:
        channels = lambda replies: sorted(compare.show(reply[:2]) for reply in replies)
        if channels(one) == channels(other):
            return
    if not (len(one) == len(other) and all(
        map(compare.same, sorted(one, key=repr), sorted(other, key=repr)))):
        raise Difference(request or cause, one, other, "pub/sub on connection %d" % number)


def until_pong(connection, request, expected):
    replies = []
    for attempt in range(30):
        data = encode(request) if request is not None and attempt == 0 else b""
        connection.send(data + encode([b"PING", b"mark"]))
        while True:
            reply = connection.read()
            if reply == b"mark" or reply == [b"pong", b"mark"]:
                break
            if isinstance(reply, Error) and b"mark" in reply:
                break
            replies.append(reply)
            if isinstance(
    reply,
    list) and not isinstance(
        reply,
         Push) and reply and b"mark" in reply:
                break
        if expected is None or len(replies) >= expected:
            break
        time.sleep(0.002 * attempt)
    return replies
