"""The grammar of streams: rows, words, comparisons, a blocking scene, and what a stream's whole
state is.

Ids are given, not made from the clock, so that both servers have the same ones; idle times that
decide something are either 0 or far away from any that can be. Where a reply tells times they may
differ by some seconds.
"""

import known_differences
import words

TIMES_APART_MS = 5000
SOON, LATE = 100000000, 200000000  # milliseconds that no entry is idle, and that some seem to be

GROUPS = [b"g0", b"g1", b"g2"]
CONSUMERS = [b"alice", b"bob", b"carol"]

# (syntax, weight, comparison)
ROWS = [
    ("XADD tkey newid <tfield value>...", 14, "exact"),
    ("XADD tkey newid f1 value f2 value", 8, "exact"),
    ("XADD tkey [NOMKSTREAM] [(MAXLEN|MINID) (=|~) tlimit [LIMIT count]] newid <tfield value>...",
     4, "exact"),
    ("XADD tkey MAXLEN [(=|~)] count newid f1 value f2 value", 3, "exact"),
    ("XADD tkey MINID [(=|~)] tid newid f1 value", 2, "exact"),
    ("XLEN tkey", 3, "exact"),
    ("XDEL tkey tid...", 6, "exact"),
    ("XTRIM tkey (MAXLEN|MINID) [(=|~)] tlimit [LIMIT count]", 3, "exact"),
    ("XTRIM tkey MINID tid", 1, "exact"),
    ("XTRIM tkey MAXLEN [~] count", 1, "exact"),
    ("XRANGE tkey tstart tend [COUNT count]", 6, "exact"),
    ("XREVRANGE tkey tend tstart [COUNT count]", 6, "exact"),
    ("XREAD [COUNT count] STREAMS treads", 6, "exact"),
    ("XREADGROUP GROUP tgroup tconsumer [COUNT count] [NOACK] STREAMS tgroupreads", 14, "exact"),
    ("XREADGROUP GROUP tgroup tconsumer COUNT count STREAMS tkey tnew", 8, "exact"),
    ("XGROUP (CREATE tkey tgroup tgroupid [MKSTREAM] [ENTRIESREAD count]"
     "|SETID tkey tgroup tgroupid [ENTRIESREAD count]|DESTROY tkey tgroup"
     "|CREATECONSUMER tkey tgroup tconsumer|DELCONSUMER tkey tgroup tconsumer)", 3, "exact"),
    ("XGROUP CREATE tkey tgroup tgroupid MKSTREAM", 5, "exact"),
    ("XGROUP HELP", 0.1, "type"),
    ("XACK tkey tgroup tid...", 5, "exact"),
    ("XPENDING tkey tgroup", 3, "pending"),
    ("XPENDING tkey tgroup [IDLE tidle] tstart tend count [tconsumer]", 5, "pending"),
    ("XCLAIM tkey tgroup tconsumer tidle tid... [IDLE tset] [TIME ttime] [RETRYCOUNT count] "
     "[FORCE] [JUSTID] [LASTID tid]", 6, "exact"),
    ("XAUTOCLAIM tkey tgroup tconsumer tidle tstart [COUNT count] [JUSTID]", 4, "exact"),
    ("XINFO (STREAM tkey [FULL [COUNT count]]|GROUPS tkey|CONSUMERS tkey tgroup)", 4, "times"),
    ("XINFO STREAM tkey", 3, "times"),
    ("XINFO STREAM tkey FULL", 2, "times"),
    ("XINFO HELP", 0.1, "type"),
    ("XSETID tkey tid [ENTRIESADDED count] [MAXDELETEDID tid]", 2, "exact"),
    ("XDELEX tkey [(KEEPREF|DELREF|ACKED)] IDS tids", 4, "exact"),
    ("XACKDEL tkey tgroup [(KEEPREF|DELREF|ACKED)] IDS tids", 4, "exact"),
]

# A number changed at random would decide by the clock.
NO_NUMBERS = {b"XREAD", b"XREADGROUP", b"XCLAIM", b"XAUTOCLAIM", b"XPENDING"}
CONTAINERS = {b"XGROUP", b"XINFO"}
SETTINGS = {"stream-node-max-entries": (1, 3, 10, 100), "stream-node-max-bytes": (64, 200, 4096)}

words.KEYS["tkey"] = [b"t%d" % i for i in range(4)]
words.ALL_KEYS.extend(words.KEYS["tkey"])
words.KEY_SET.update(words.KEYS["tkey"])


def entry_id(rng):
    roll = rng.random()
    if roll < 0.80:
        return b"%d-%d" % (rng.randint(1, 60), rng.randint(0, 3))
    if roll < 0.92:
        return b"%d" % rng.randint(0, 70)
    return rng.choice((b"0", b"0-0", b"0-1", b"-", b"+", b"abc", b"1-2-3", b"", b"5-", b"-5",
                       b"1-x", b"18446744073709551615-18446744073709551615",
                       b"18446744073709551616", b"5-18446744073709551615",
                       b"18446744073709551615", b"1-*", b"*"))


class NewIds:
    """Ids that mostly go up, so that mostly entries are added."""

    def __init__(self):
        self.last = 0

    def __call__(self, rng):
        roll = rng.random()
        if roll < 0.10:
            self.last = 0
        if roll < 0.86:
            self.last = (self.last + rng.choice((0, 1, 1, 2, 5))) % 200
            form = rng.choice((b"%d-%d", b"%d-%d", b"%d-*", b"%d"))
            return form % ((self.last, rng.randint(0, 9)) if form.count(b"%d") == 2 else self.last)
        return entry_id(rng).replace(b"*", b"1-*") if roll < 0.97 else b"300-%d" % rng.randint(0, 9)


def bound(edge):
    def draw(rng):
        roll = rng.random()
        if roll < 0.4:
            return edge
        return (b"(" if roll > 0.85 else b"") + entry_id(rng)
    return draw


def trim_limit(rng):
    return entry_id(rng) if rng.random() < 0.5 else words.count(rng)


def reads_of(ids):
    def draw(rng):
        count = rng.choice((1, 1, 1, 2, 3))
        keys = [words.key_of("tkey")(rng) for _ in range(count)]
        after = [ids(rng) for _ in range(count)]
        return keys + (after if rng.random() < 0.97 else after[1:])
    return draw


def read_id(rng):
    return rng.choice((b"0", b"0-0", b"$", entry_id(rng), entry_id(rng)))


def group_read_id(rng):
    roll = rng.random()
    if roll < 0.6:
        return b">"
    return rng.choice((b"0", entry_id(rng))) if roll < 0.96 else rng.choice((b"$", b"-"))


def counted_ids(rng):
    ids = [entry_id(rng) for _ in range(rng.randint(1, 4))]
    count = len(ids) if rng.random() < 0.95 else rng.choice((0, -1, len(ids) + 1))
    return [b"%d" % count] + ids


WORDS = {
    "tkey": words.key_of("tkey"),
    "tid": entry_id,
    "newid": NewIds(),
    "tfield": lambda rng: rng.choice((b"f1", b"f2", b"f1", b"12", words.member(rng))),
    "tlimit": trim_limit,
    "tstart": bound(b"-"),
    "tend": bound(b"+"),
    "treads": reads_of(read_id),
    "tgroupreads": reads_of(group_read_id),
    "tnew": lambda rng: b">",
    "tgroup": lambda rng: rng.choice(GROUPS),
    "tgroupid": lambda rng: rng.choice((b"0", b"0", b"$", entry_id(rng))),
    "tconsumer": lambda rng: rng.choice(CONSUMERS),
    "tidle": lambda rng: b"%d" % rng.choice((0, 0, 0, SOON, -1)),
    "tset": lambda rng: b"%d" % rng.choice((0, 5000, LATE)),
    "ttime": lambda rng: b"%d" % rng.choice((1000, 1700000000000, 99999999999999)),
    "tids": counted_ids,
}
words.WORDS.update(WORDS)


# Fields that Redis 7.0 does not have yet.
NEW_FIELDS = (b"inactive", b"active-time")
CLOCKS = (b"idle", b"inactive", b"seen-time", b"active-time")


def fields_of(reply):
    """The names and values of a map, or of an array that stands for one in RESP2, else nothing."""
    if reply and isinstance(reply[0], (list, tuple)) and type(reply).__name__ == "Map":
        return list(reply)
    if type(reply) is list and len(reply) % 2 == 0 and reply and reply[0] in (b"name", b"length"):
        return list(zip(reply[::2], reply[1::2]))
    return None


def without_times(reply):
    """A reply of XINFO with its clocks' values, and those of pending entries, taken out."""
    if not isinstance(reply, list):
        return reply
    fields = fields_of(reply)
    if fields is None:
        if len(reply) in (3, 4) and all(type(part) is int for part in reply[-2:]):
            return [without_times(part) for part in reply[:-2]] + ["time", reply[-1]]
        return [without_times(part) for part in reply if not is_idle_consumer(part)]
    return [(name, "time" if name in CLOCKS else without_times(value))
            for name, value in fields
            if name not in NEW_FIELDS and not counts_consumers(name, value)]


def is_idle_consumer(reply):
    """A consumer without pending entries: Redis 7.0 makes one later than 7.2 does."""
    if not known_differences.is_before_7_2() or not isinstance(reply, list):
        return False
    fields = dict(fields_of(reply) or ())
    return b"seen-time" in fields and fields.get(b"pel-count") == 0 or (
        b"idle" in fields and fields.get(b"pending") == 0)


def counts_consumers(name, value):
    return name == b"consumers" and type(value) is int and known_differences.is_before_7_2()


def same_but_for_times(a, b):
    return without_times(a) == without_times(b)


def same_pending(a, b):
    """XPENDING's replies: entries' idle times may be some seconds apart."""
    if not (type(a) is list and type(b) is list and len(a) == len(b)):
        return type(a) is type(b) and a == b
    return all(x == y or (is_pending(x) and is_pending(y) and x[:2] == y[:2] and x[3] == y[3]
                          and abs(x[2] - y[2]) <= TIMES_APART_MS) for x, y in zip(a, b))


def is_pending(entry):
    return type(entry) is list and len(entry) == 4 and type(entry[2]) is int


COMPARISONS = {"times": same_but_for_times, "pending": same_pending}


def content(connection, key):
    """A stream's whole state, but for times."""
    return without_times(connection.call("XINFO", "STREAM", key, "FULL", "COUNT", 0))


BLOCKERS = (10, 11, 12, 13)


def blocking(pair, rng, grammar):
    """Some connections wait for entries, others add some or take the streams away."""
    if b"XREADGROUP" not in grammar.names:
        return 1
    pool = words.KEYS["tkey"][:2]
    pair.learn_ids([number for number in BLOCKERS if number not in getattr(pair, "ids", {})
                    or number not in pair.connections])
    begin = [[b"RESET"], [b"DEL"] + pool]
    begin += [[b"XGROUP", b"CREATE", key, b"g0", b"$", b"MKSTREAM"] for key in pool]
    pair.run(0, begin)
    waiting = []
    for number in rng.sample(BLOCKERS, rng.randint(1, len(BLOCKERS))):
        timeout = rng.choice((b"0", b"0", b"5000", b"20"))
        # 7.0 serves a waiting request from the key that became ready alone.
        keys = rng.sample(pool, 1 if known_differences.is_before_7_2() else rng.randint(1, 2))
        if rng.random() < 0.5:
            request = [b"XREAD", b"BLOCK", timeout, b"STREAMS"] + keys + [
                rng.choice((b"$", b"0", b"5")) for _ in keys]
        else:
            request = [b"XREADGROUP", b"GROUP", b"g0", rng.choice(CONSUMERS), b"BLOCK", timeout]
            request += rng.choice(([], [b"COUNT", b"1"], [b"NOACK"]))
            request += [b"STREAMS"] + keys + [b">"] * len(keys)
        pair.play(("block", number, request))
        waiting.append((number, timeout))
    if any(timeout == b"20" for _, timeout in waiting):
        pair.play(("sleep", 80))
    writes = []
    for step in range(rng.randint(1, 4)):
        key = rng.choice(pool)
        added = [b"XADD", key, b"%d-1" % (10 + step), b"f", b"v%d" % step]
        writes.append(rng.choice((
            added, added, added, [b"XDEL", key, b"10-1"], [b"XTRIM", key, b"MAXLEN", b"0"],
            [b"DEL", key], [b"SET", key, b"text"], [b"LPUSH", key, b"x"],
            [b"XGROUP", b"DESTROY", key, b"g0"], [b"XGROUP", b"SETID", key, b"g0", b"0"],
            [b"RENAME", b"t3", key])))
    if rng.random() < 0.3:
        writes = [[b"MULTI"]] + writes + [[b"EXEC"]]
    pair.run(0, writes)
    for number, _ in waiting:
        pair.play(("collect", number))
    return len(waiting) + len(writes)
