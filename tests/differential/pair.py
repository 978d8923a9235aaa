"""Two servers side by side: the oracle and the subject get the same bytes, and their replies are
compared.

What was sent is a list of events since both were emptied, so that a difference can be replayed:

  ("run", connection, words)      one request, its reply compared
  ("block", connection, words)    a request that may block: sent, and both servers have parked or
  answered it ("collect", connection)         the reply to a "block", compared
  ("sleep", milliseconds)
  ("state",)                      the whole content of both servers is compared
"""

import socket
import time

import compare
import grammar_stream
import known_differences
import words as word_lists
from client.resp import Error, Map, NULL_ARRAY, NULL_BULK, Push, Simple, encode

LISTENER = 100  # the connection that receives keyspace notifications
CONTROL = 101   # for looking at the servers, never part of a history

# What rounds set in the configuration.
SETTINGS_CHANGED = word_lists.SETTINGS + [b"list-max-listpack-size"] + [
    name.encode() for name in grammar_stream.SETTINGS]


class Difference(Exception):
    """The two servers disagree: what was asked and what each said."""

    def __init__(self, words, oracle, subject, note=""):
        self.words = words
        self.oracle = oracle
        self.subject = subject
        self.note = note
        super().__init__(note)

    def kind(self):
        """What must stay the same while a history is shrunk."""
        name = self.words[0].upper() if self.words else b""
        return (name, isinstance(self.oracle, Error),
                isinstance(self.subject, Error), self.note[:12])


class State:
    """What the runner knows of one connection (it is the same on both servers)."""

    def __init__(self):
        self.in_multi = False
        self.queued = []
        self.blocked = None


class Pair:
    def __init__(self, oracle, subject, rows):
        self.oracle = oracle
        self.subject = subject
        self.rows = rows  # the grammar: how a command's replies compare
        self.connections = {}
        self.states = {}
        self.events = []
        self.compared = 0
        self.settings = []
        self.defaults = []

    # connections

    def both(self, number):
        if number not in self.connections:
            self.connections[number] = (self.oracle.connect(), self.subject.connect())
            self.states[number] = State()
        return self.connections[number]

    def close(self):
        for a, b in self.connections.values():
            a.close()
            b.close()
        self.connections = {}
        self.states = {}

    def ask_both(self, *words):
        a, b = self.both(CONTROL)
        request = encode(words)
        a.send(request)
        b.send(request)
        return a.read(), b.read()

    def reset(self, settings=(), listen=False):
        """New connections to two empty servers with these settings."""
        self.close()
        self.events = []
        self.settings = list(settings)
        self.listen = listen
        self.ask_both("FLUSHALL")
        self.restore_settings()
        for name, value in settings:
            a, b = self.ask_both("CONFIG", "SET", name, value)
            if isinstance(a, Error) != isinstance(b, Error):
                raise Difference([b"CONFIG", b"SET", name, value], a, b)
        if listen:
            self.ask_both("CONFIG", "SET", "notify-keyspace-events", "KEA")
            a, b = self.both(LISTENER)
            request = encode(["PSUBSCRIBE", "__key*__:*"])
            a.send(request)
            b.send(request)
            a.read()
            b.read()
        else:
            self.ask_both("CONFIG", "SET", "notify-keyspace-events", "")

    def restore_settings(self):
        """What rounds change in the configuration is again as at the start."""
        controls = self.both(CONTROL)
        if not self.defaults:
            names = [name.decode() for name in SETTINGS_CHANGED if name != b"databases"]
            self.defaults = [dict(zip(*[iter(control.call("CONFIG", "GET", *names))] * 2))
                             for control in controls]
        for control, defaults in zip(controls, self.defaults):
            control.pipeline([["CONFIG", "SET", name, value] for name, value in defaults.items()])

    # events

    def play(self, event, record=True):
        if record:
            self.events.append(event)
        kind = event[0]
        if kind == "run":
            self.run(event[1], [event[2]], record=False)
        elif kind == "block":
            self.block(event[1], event[2])
        elif kind == "collect":
            self.collect(event[1])
        elif kind == "sleep":
            time.sleep(event[1] / 1000.0)
            self.ask_both("PING")  # a turn of both loops: what is due has been done
        elif kind == "state":
            self.compare_state()

    def run(self, number, batch, record=True):
        """Sends a pipeline on one connection of each server and compares all replies."""
        a, b = self.both(number)
        state = self.states[number]
        data = b"".join([encode(words) for words in batch])
        a.send(data)
        b.send(data)
        difference = None
        for words in batch:
            one, other = self.read(a, words, "oracle"), self.read(b, words, "subject")
            if difference is not None:
                continue
            if record:
                self.events.append(("run", number, words))
            try:
                self.check(state, words, one, other)
            except Difference as found:
                difference = found
        if difference is not None:
            raise difference
        if self.listen:
            self.compare_notifications(batch)

    def read(self, connection, words, who):
        try:
            return connection.read()
        except (ConnectionError, socket.timeout, OSError, ValueError) as error:
            name = type(error).__name__
            mine, theirs = Simple(b"(a reply)"), Simple(("(%s: %s)" % (name, error)).encode())
            raise Difference(words, *((theirs, mine) if who == "oracle" else (mine, theirs)),
                             note="%s: %s" % (who, name)) from error

    def check(self, state, words, one, other):
        """Compares one pair of replies, and follows the connection's transaction."""
        self.compared += 1
        name = words[0].upper() if words else b""
        if name == b"EXEC" and state.in_multi:
            state.in_multi = False
            queued, state.queued = state.queued, []
            if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
                if len(one) == len(queued):
                    for inner, x, y in zip(queued, one, other):
                        self.agree(inner, x, y, "inside EXEC")
                    return
            self.agree(words, one, other)
            return
        self.agree(words, one, other)
        if isinstance(one, Simple):
            if one == b"QUEUED":
                state.queued.append(words)
            elif name == b"MULTI" or name in (b"DISCARD", b"RESET"):
                state.in_multi = name == b"MULTI"
                state.queued = []

    def agree(self, words, one, other, note=""):
        if compare.same(one, other):
            return
        name = (words[0].upper() if words else b"").decode(errors="replace")
        comparison = self.rows.comparison(words)
        if comparison == "sort" and any(word.lower() == b"nosort" or b"*" not in word
                                        for word in words[3:]):
            comparison = "sort-unordered"
        if comparison == "scan" and b"0" != (
            words[1:2] if name == "SCAN" else words[2:3] or [b""])[0]:
            comparison = "type"
        if compare.COMPARISONS[comparison](one, other):
            return
        if known_differences.reason(words, compare.show(one), compare.show(other)):
            return
        raise Difference(words, one, other, note)

    # blocking commands

    def blocked_clients(self, connection):
        connection.send(encode(["INFO", "clients"]))
        for line in bytes(connection.read()).splitlines():
            if line.startswith(b"blocked_clients:"):
                return int(line.split(b":")[1])
        return None

    def block(self, number, words):
        """Sends a request that may block; returns once each server has answered or parked it."""
        self.both(CONTROL)
        pair = self.both(number)
        before = [self.blocked_clients(control) for control in self.connections[CONTROL]]
        for connection in pair:
            connection.send(encode(words))
        for connection, control, count in zip(pair, self.connections[CONTROL], before):
            end = time.monotonic() + 1.0
            while not connection.readable(0.0) and time.monotonic() < end:
                if count is not None and (self.blocked_clients(control) or 0) > count:
                    break
        self.states[number].blocked = words

    def collect(self, number):
        words, self.states[number].blocked = self.states[number].blocked, None
        if words is None:
            return
        a, b = self.both(number)
        self.ask_both("PING")  # what the writes before have served is on its way
        served = a.readable(0.003)
        ready = [served, b.readable(0.5 if served else 0.01)]
        if ready == [False, False]:  # still waiting on both: wake them alike
            for connection, control in zip((a, b), self.connections[CONTROL]):
                connection_id = self.ids[number][0 if connection is a else 1]
                control.call("CLIENT", "UNBLOCK", connection_id)
        elif ready[0] != ready[1]:
            waiting = Simple(b"(still blocked)")
            replies = [connection.read() if is_ready else waiting
                       for connection, is_ready in zip((a, b), ready)]
            raise Difference(words, replies[0], replies[1], "blocked, then")
        one, other = self.read(a, words, "oracle"), self.read(b, words, "subject")
        self.check(self.states[number], words, one, other)

    def learn_ids(self, numbers):
        self.ids = getattr(self, "ids", {})
        for number in numbers:
            a, b = self.both(number)
            self.ids[number] = (a.call("CLIENT", "ID"), b.call("CLIENT", "ID"))

    # notifications

    def compare_notifications(self, batch):
        a, b = self.both(LISTENER)
        one = self.notifications(a, None)
        other = self.notifications(b, len(one))
        if one != other:
            last = [word for word in batch[-1:]][0]
            raise Difference(last, one, other, "notifications of a batch of %d" % len(batch))

    def notifications(self, connection, expected):
        """The (channel, message) pairs that have come, without those that may differ."""
        found = []
        for attempt in range(40):
            connection.send(encode(["PING"]))
            while True:
                message = connection.read()
                if message[0] != b"pmessage":
                    break
                if not known_differences.is_open_event(message[2], message[3]):
                    found.append((message[2], message[3]))
            if expected is None or len(found) >= expected:
                break
            time.sleep(0.002 * attempt)
        return found

    # the whole state

    def compare_state(self):
        sound = self.both(CONTROL)[1].call("DEBUG", "VERIFY")
        if sound != b"OK" and b"unknown subcommand" not in sound:  # another server has none
            raise Difference([b"DEBUG", b"VERIFY"], Simple(b"OK"), sound, "the subject is broken")
        one, other = self.dump(0), self.dump(1)
        if one == other:
            return
        for (db, key) in sorted(set(one) | set(other)):
            x, y = one.get((db, key)), other.get((db, key))
            if x is None or y is None:
                raise Difference([b"STATE", key], Simple(repr(x).encode()), Simple(
                    repr(y).encode()), "a key of database %d exists on one side" % db)
            for field in ("type", "content", "encoding", "order", "pttl", "ends"):
                if x[field] == y[field] or (field == "order" and None in (x[field], y[field])):
                    continue
                if field == "ends" and compare.all_within(x[field], y[field], 10000):
                    continue
                if field == "pttl" and x[field] >= 0 and abs(x[field] - y[field]) <= 10000:
                    continue
                if field == "encoding" and known_differences.encoding_reason(
                        x["type"], x[field].decode(), y[field].decode(), y["content"]):
                    continue
                raise Difference([b"STATE", key], Simple(repr(x[field]).encode()),
                                 Simple(repr(y[field]).encode()), "%s of a %s, %s / %s" % (
                                     field, x["type"], x["encoding"], y["encoding"]))

    def dump(self, side):
        """Everything in one server: (db, key) -> type, encoding, content in a canonical order,
        pttl.
        """
        connection = self.both(CONTROL)[side]
        sizes = connection.pipeline([w for db in range(16)
                                    for w in (["SELECT", db], ["DBSIZE"])])[1::2]
        content = {}
        for db, size in enumerate(sizes):
            if size == 0:
                continue
            keys = connection.pipeline([["SELECT", db], ["KEYS", "*"]])[1]
            facts = connection.pipeline([w for key in keys for w in (
                ["TYPE", key], ["OBJECT", "ENCODING", key], ["PTTL", key])])
            reads = {b"string": ["GET"], b"list": ["LRANGE", 0, -1], b"hash": ["HGETALL"],
                     b"set": ["SMEMBERS"], b"zset": ["ZRANGE", 0, -1, "WITHSCORES"]}
            for i, key in enumerate(keys):
                kind, encoding, pttl = facts[3 * i:3 * i + 3]
                if kind == b"stream":
                    content[(db, key)] = {
                        "type": "stream", "encoding": encoding, "order": None, "pttl": pttl,
                        "ends": [],
                        "content": grammar_stream.content(connection, key)}
                    continue
                if kind not in reads:  # it expired just now, or is of a type not compared
                    continue
                command = reads[kind]
                value = connection.call(command[0], key, *command[1:])
                order = None  # of a small hash's fields
                ends = []  # of its fields, if both servers let them end
                if kind == b"hash":
                    if value and b"HPEXPIRETIME" in self.rows.names:
                        fields = sorted(value[::2])
                        ends = connection.call("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)
                    order = value if encoding == b"listpack" else None
                    value = compare.pairs_of(value)
                elif kind == b"set":
                    value = sorted(value)
                elif kind == b"zset":
                    value = [item if i % 2 == 0 else float(item) for i, item in enumerate(value)]
                content[(db, key)] = {"type": kind.decode(), "encoding": encoding, "content": value,
                                      "order": order, "pttl": pttl, "ends": ends}
        connection.call("SELECT", 0)
        return content

    def make_equal(self, number, key):
        """After a random choice: the key goes on both sides (in the database of that
        connection).
        """
        self.run(number, [[b"DEL", key]])
