"""Commands about fields of hashes that end; the oracle must be a Redis 8:

    run.py --oracle redis8-server --only "$(python3 tests/differential/grammar_fieldttl.py)"
"""

import words

ROWS = [
    ("HEXPIRE hkey sec [(NX|XX|GT|LT)] fieldlist", 5, "exact"),
    ("HPEXPIRE hkey ms [(NX|XX|GT|LT)] fieldlist", 4, "exact"),
    ("HEXPIREAT hkey ts [(NX|XX|GT|LT)] fieldlist", 6, "exact"),
    ("HPEXPIREAT hkey mts [(NX|XX|GT|LT)] fieldlist", 5, "exact"),
    ("HTTL hkey fieldlist", 3, "ttls"),
    ("HPTTL hkey fieldlist", 3, "pttls"),
    ("HEXPIRETIME hkey fieldlist", 3, "ttls"),
    ("HPEXPIRETIME hkey fieldlist", 3, "pttls"),
    ("HPERSIST hkey fieldlist", 3, "exact"),
    ("HGETDEL hkey fieldlist", 3, "exact"),
    ("HGETEX hkey [(EX sec|PX ms|EXAT ts|PXAT mts|PERSIST)] fieldlist", 6, "exact"),
    ("HSETEX hkey [(FNX|FXX)] [(EX sec|PX ms|EXAT ts|PXAT mts|KEEPTTL)] fieldpairs", 8, "exact"),
]

# Where a number that is changed could make an end that comes while the servers are compared.
NO_NUMBERS = {row[0].split()[0].encode() for row in ROWS}

WITH = """HSET HMSET HSETNX HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS HDEL HINCRBY
    HINCRBYFLOAT HRANDFIELD DEL COPY RENAME MOVE EXISTS TYPE OBJECT SELECT SWAPDB FLUSHDB EXPIRE
    PERSIST TTL MULTI EXEC DISCARD WATCH SET"""


def count_and(rng, words_, count):
    if rng.random() < 0.04:
        count = rng.choice((0, -1, count + 1, count - 1, 1000, 9223372036854775807))
    return [b"FIELDS", b"%d" % count] + words_


def field_list(rng):
    fields = [words.member(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5)))]
    return count_and(rng, fields, len(fields))


def field_pairs(rng):
    count = rng.choice((1, 1, 1, 2, 2, 3, 5))
    pairs = [word for _ in range(count) for word in (words.member(rng), words.WORDS["value"](rng))]
    return count_and(rng, pairs, count)


words.WORDS["fieldlist"] = field_list
words.WORDS["fieldpairs"] = field_pairs

if __name__ == "__main__":
    print(",".join([name.decode() for name in sorted(NO_NUMBERS)] + WITH.split()))
