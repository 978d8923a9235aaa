"""Random words for the places of a command's syntax: keys, numbers, scores, patterns, right ones
and wrong.

Every function takes the random generator and returns one word, or a list of words. A pool of few
keys and members is shared by all commands, so that they meet.
"""

import time

KEYS = {
    "skey": [b"s%d" % i for i in range(5)],
    "lkey": [b"l%d" % i for i in range(4)],
    "hkey": [b"h%d" % i for i in range(4)],
    "ckey": [b"c%d" % i for i in range(5)],
    "zkey": [b"z%d" % i for i in range(5)],
}
ALL_KEYS = [key for pool in KEYS.values() for key in pool]
ODD_KEYS = [b"", b"\x00\xffbin\r\n", b"k" * 300, b"missing"]
# Written by few commands only, so that their members' scores stay equal; "xs" is mostly a string.
LEX_KEYS = [b"x0", b"x1", b"x2", b"xs"]
KEY_SET = set(ALL_KEYS + ODD_KEYS + LEX_KEYS)

EXTREMES = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
            b"-9223372036854775809", b"18446744073709551615", b"2147483647", b"2147483648",
            b"-2147483648", b"4294967296", b"4294967295", b"9223372036854775806",
            b"99999999999999999999999", b"4611686018427387904"]
GARBAGE = [b"", b"abc", b"1.5", b" 1", b"1 ", b"+1", b"01", b"-0", b"0x10", b"1e3", b"nan", b"inf",
           b"-inf", b"\x00", b"1\x00", b"--1", b"-", b"*", b"(", b"[", b"1.0", b"1e400", b"LIMIT"]
LONG = [b"x" * 44, b"x" * 45, b"x" * 63, b"x" * 64, b"x" * 65, b"y" * 100, b"z" * 300, b"w" * 5000]


def key_of(pool):
    def key(rng):
        roll = rng.random()
        if roll < 0.90:
            return rng.choice(KEYS[pool])
        if roll < 0.99:
            return rng.choice(ALL_KEYS)
        return rng.choice(ODD_KEYS)
    return key


def lex_key(rng):
    return rng.choices(LEX_KEYS + [b"missing"], (30, 30, 30, 5, 3))[0]


def any_key(rng):
    return rng.choice(ALL_KEYS) if rng.random() < 0.96 else rng.choice(ODD_KEYS)


def numkeys_of(pool):
    one = key_of(pool)

    def keys(rng):
        count = rng.choice((1, 1, 2, 2, 2, 3, 4))
        words = [one(rng) for _ in range(count)]
        if rng.random() < 0.04:
            count = rng.choice((0, -1, count + 1, count - 1, 1000, 9223372036854775807))
        return [b"%d" % count] + words
    return keys


def integer(rng):
    roll = rng.random()
    if roll < 0.70:
        return b"%d" % rng.randint(-12, 12)
    if roll < 0.90:
        return b"%d" % rng.randint(-100000, 100000)
    if roll < 0.96:
        return rng.choice(EXTREMES)
    return rng.choice(GARBAGE)


def index(rng):
    roll = rng.random()
    if roll < 0.90:
        return b"%d" % rng.choice((0, 0, 1, 2, 3, 5, 10, 50, -1, -1, -2, -3, -5, -100))
    return integer(rng)


def count(rng):
    roll = rng.random()
    if roll < 0.90:
        return b"%d" % rng.choice((0, 1, 1, 2, 3, 5, 10, 100, -1, -2))
    return integer(rng)


def random_count(rng):
    """For commands that repeat members: a huge negative number would be a huge reply."""
    if rng.random() < 0.95:
        return b"%d" % rng.choice((0, 1, 2, 3, 5, 10, 200, -1, -2, -5, -20))
    return rng.choice((b"-9223372036854775808", b"9223372036854775808", b"abc", b"", b"1.5"))


def offset(rng):
    if rng.random() < 0.93:
        return b"%d" % rng.choice((0, 1, 2, 5, 10, 100, 1000, 4000))
    return rng.choice((b"-1", b"536870912", b"4294967296", b"9223372036854775807", b"abc", b"",
                       b"9223372036854775800"))


def floating(rng):
    roll = rng.random()
    if roll < 0.35:
        return b"%d" % rng.randint(-20, 20)
    if roll < 0.75:
        return (b"%.*f" % (rng.randint(1, 6), rng.uniform(-100, 100)))
    if roll < 0.90:
        return rng.choice(
    (b"0.1",
    b"0.5",
    b"3.0e3",
    b"1e-5",
    b"-1.5E2",
    b"5.0",
    b"1e10",
    b"0.0001",
    b"1e17",
    b"123456789.123456789",
    b"1e-10",
    b"3.14159265358979",
    b".5",
     b"5."))
    return rng.choice(GARBAGE + EXTREMES + [b"1e308", b"-1e308", b"infinity", b"0x1p3", b"1e-320"])


def score(rng):
    roll = rng.random()
    if roll < 0.60:
        return b"%d" % rng.randint(-5, 10)
    if roll < 0.85:
        return b"%.*g" % (rng.randint(1, 17), rng.uniform(-50, 50))
    if roll < 0.96:
        return rng.choice(
    (b"inf",
    b"-inf",
    b"+inf",
    b"0",
    b"-0",
    b"1e10",
    b"1e300",
    b"-1e300",
    b"0.1",
    b"9007199254740993",
    b"1e17",
    b"123456789012",
    b"1e21",
     b"3.0"))
    return rng.choice(GARBAGE + EXTREMES)


def score_bound(rng):
    roll = rng.random()
    if roll < 0.25:
        return rng.choice((b"-inf", b"+inf", b"inf", b"(-inf", b"(+inf"))
    if roll < 0.60:
        return b"%d" % rng.randint(-6, 11)
    if roll < 0.92:
        return b"(%d" % rng.randint(-6, 11)
    return rng.choice((b"((1", b"(", b"", b"nan", b"(nan", b"1.5", b"(1.5", b"[1", b"abc", b"-"))


def lex_bound(rng):
    roll = rng.random()
    if roll < 0.35:
        return rng.choice((b"-", b"+"))
    if roll < 0.93:
        return rng.choice((b"[", b"(")) + (member(rng) if rng.random() < 0.8 else b"")
    return rng.choice((b"", b"a", b"[", b"(", b"--", b"++", b"\x00"))


def range_bound(rng):
    return rng.choice((index, index, score_bound, lex_bound))(rng)


def member(rng):
    roll = rng.random()
    if roll < 0.55:
        return b"m%d" % rng.randint(0, 11)
    if roll < 0.85:
        return b"%d" % rng.randint(-3, 12)
    if roll < 0.90:
        return b"%d" % rng.choice((127, 128, 32767, 32768, 65536, 2147483648,
                                  9223372036854775807, -129, -40000, 8388608, 4095, 4096))
    if roll < 0.94:
        return rng.choice(LONG)
    return rng.choice(
    (b"",
    b"\x00\xff\r\n",
    b"a b",
    b"01",
    b"1.0",
    b"M1",
    b"e" * 10,
    b"-",
     b"+inf"))


def wide_member(rng):
    """From a range large enough to outgrow the small encodings."""
    return (b"w%d" if rng.random() < 0.7 else b"%d") % rng.randint(0, 700)


def value(rng):
    roll = rng.random()
    if roll < 0.30:
        return b"%d" % rng.randint(-100, 20000)
    if roll < 0.40:
        return floating(rng)
    if roll < 0.46:
        return rng.choice(EXTREMES)
    if roll < 0.58:
        return rng.choice(LONG)
    if roll < 0.66:
        return rng.choice((b"", b"\x00\x01\xfe\xff", b"a\r\nb", b" ", b"hello world"))
    return b"v%d" % rng.randint(0, 1000)


def pattern(rng):
    return rng.choice(
    (b"*",
    b"*",
    b"s*",
    b"?1",
    b"m[0-5]*",
    b"[^m]*",
    b"",
    b"m1",
    b"*1*",
    b"\\*",
    b"[",
    b"[a-",
    b"c[0-2]",
    b"**",
    b"?",
    b"h\\1",
    b"*?*",
    b"[1-",
    b"m1?",
    b"w*[05]",
     b"[z-a]0"))


def cursor(rng):
    return b"0" if rng.random() < 0.9 else rng.choice(
    (b"abc", b"-1", b"", b"17", b"18446744073709551616", b" 0", b"1.5"))


# Lifetimes are either over at once or far away, and so different from each other that GT and LT
# decide alike on two servers a few milliseconds apart.

def seconds(rng):
    roll = rng.random()
    if roll < 0.88:
        return b"%d" % rng.randint(1000, 10000000)
    if roll < 0.92:
        return rng.choice((b"0", b"-1", b"-1000"))
    return rng.choice(
    (b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775",
    b"abc",
    b"",
    b"1.5",
    b"9223372036854776",
    b"-9223372036854776",
     b"99999999999999999999"))


def milliseconds(rng):
    roll = rng.random()
    if roll < 0.88:
        return b"%d" % rng.randint(1000000, 10000000000)
    if roll < 0.92:
        return rng.choice((b"0", b"-1", b"-1000"))
    return rng.choice((b"9223372036854775807", b"-9223372036854775808", b"abc", b"", b"1.5",
                       b"99999999999999999999"))


def unix_seconds(rng):
    roll = rng.random()
    if roll < 0.60:
        return b"%d" % (int(time.time()) + rng.randint(100000, 10000000))
    if roll < 0.85:
        return b"%d" % rng.choice((4000000000, 4000000001, 4100000000))
    if roll < 0.92:
        return rng.choice((b"1", b"0", b"1000000000"))
    return seconds(rng) if rng.random() < 0.5 else rng.choice(
        (b"-1", b"abc", b"9223372036854775807"))


def unix_milliseconds(rng):
    roll = rng.random()
    if roll < 0.60:
        return b"%d" % ((int(time.time()) + rng.randint(100000, 10000000))
                        * 1000 + rng.randint(0, 999))
    if roll < 0.85:
        return b"%d" % rng.choice((4000000000000, 4000000000001, 4100000000000))
    return rng.choice((b"1", b"0", b"-1", b"1000000000000", b"abc", b"9223372036854775807"))


def database(rng):
    if rng.random() < 0.93:
        return b"%d" % rng.randint(0, 2)
    return rng.choice(
    (b"15",
    b"16",
    b"-1",
    b"abc",
    b"",
    b"9223372036854775808",
    b"1.0",
     b"2147483648"))


def short_timeout(rng):
    """For blocking commands: never 0, which waits for ever."""
    if rng.random() < 0.9:
        return rng.choice((b"0.001", b"0.002", b"0.005"))
    return rng.choice(
    (b"-1",
    b"-0.5",
    b"abc",
    b"",
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"9223372036854775808",
     b"1e19"))


def type_name(rng):
    return rng.choice(
    (b"string",
    b"list",
    b"hash",
    b"set",
    b"zset",
    b"stream",
    b"STRING",
    b"nothing",
     b""))


def weight(rng):
    if rng.random() < 0.9:
        return rng.choice((b"1", b"2", b"0", b"-1", b"0.5", b"10"))
    return rng.choice((b"inf", b"-inf", b"nan", b"abc", b""))


SETTINGS = [b"hash-max-listpack-entries", b"hash-max-ziplist-value", b"hash-max-listpack-value",
            b"set-max-intset-entries", b"zset-max-listpack-entries", b"zset-max-ziplist-value",
            b"zset-max-listpack-value", b"proto-max-bulk-len", b"no-such-directive",
            b"lazyfree-lazy-user-del", b"databases", b"maxmemory-samples"]


def setting(rng):
    """A directive and a value for CONFIG SET: only such as change behaviour alike, and wrong
    ones.
    """
    name = rng.choice(SETTINGS)
    words = {
        b"proto-max-bulk-len": (b"512mb", b"1gb", b"abc", b"1", b"-1", b"536870912"),
        b"lazyfree-lazy-user-del": (b"yes", b"no", b"maybe"),
        b"databases": (b"16", b"4"),
        b"maxmemory-samples": (b"5", b"10", b"0", b"65"),
    }.get(name, (b"4", b"8", b"64", b"128", b"512", b"abc", b"", b"-1"))
    return [name, rng.choice(words)]


def setting_name(rng):
    return rng.choice(
    (b"hash-max-listpack-entries",
    b"hash-max-ziplist-entries",
    b"hash-max-*-value",
    b"set-max-intset-entries",
    b"zset-max-listpack-value",
    b"list-max-listpack-size",
    b"list-max-ziplist-size",
    b"maxmemory-policy",
    b"databases",
    b"appendonly",
    b"notify-keyspace-events",
    b"no-such",
    b"proto-max-bulk-len",
    b"timeout",
    b"client-output-buffer-limit",
    b"list-compress-depth",
    b"maxmemory-samples",
    b"zset-max-[lz]*-entries",
    b"lfu-log-factor",
    b"lfu-decay-time",
    b"slave-priority",
    b"tcp-backlog",
    b"requirepass",
    b"maxclients",
    b"hz",
     b"activedefrag"))


def channel(rng):
    return rng.choice((b"ch1", b"ch2", b"news.a", b"news.b", b"", b"\x00bin"))


def junk(rng):
    return rng.choice(GARBAGE + EXTREMES + [b"GET", b"COUNT", b"nx", b"WITHSCORES", b"m1", b"s0"])


def weight_key(rng):
    return b"w_" + member(rng)


WORDS = {
    "w_member": weight_key,
    "key": any_key,
    "xkey": lex_key,
    "member": member,
    "value": value,
    "field": member,
    "int": integer,
    "index": index,
    "count": count,
    "randomcount": random_count,
    "offset": offset,
    "float": floating,
    "score": score,
    "bound": score_bound,
    "lex": lex_bound,
    "range": range_bound,
    "pattern": pattern,
    "cursor": cursor,
    "sec": seconds,
    "ms": milliseconds,
    "ts": unix_seconds,
    "mts": unix_milliseconds,
    "db": database,
    "timeout": short_timeout,
    "type": type_name,
    "weight": weight,
    "setting": setting,
    "settingname": setting_name,
    "channel": channel,
    "junk": junk,
    "lkeys": numkeys_of("lkey"),
    "ckeys": numkeys_of("ckey"),
    "zkeys": numkeys_of("zkey"),
     }
for _pool in KEYS:
    WORDS[_pool] = key_of(_pool)
