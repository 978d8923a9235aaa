"""Rows and words for bitmaps, HyperLogLogs and positions.

Importing it adds the words to words.WORDS and the keys to the pools that all commands draw from.
"""

import words

POOLS = {"pkey": [b"p%d" % i for i in range(4)], "gkey": [b"g%d" % i for i in range(4)]}

# Positions lie around these, so that searches find some members and not others.
CENTRES = [(13.361389, 38.115556), (15.087269, 37.502669), (-122.4, 37.8), (179.9, -16.5),
           (-179.9, -16.4), (0.0, 0.0), (10.0, 84.9), (-60.0, -84.0), (116.4, 39.9)]

# A dropped word would make a number an offset, and a string of 512 MB.
NO_MUTATION = {b"SETBIT", b"BITFIELD"}

ROWS = [
    # bitmaps
    ("SETBIT skey bitoffset bit", 8, "exact"),
    ("GETBIT skey bitoffset", 3, "exact"),
    ("BITCOUNT skey", 2, "exact"),
    ("BITCOUNT skey index index [(BYTE|BIT)]", 4, "exact"),
    ("BITCOUNT skey bitindex bitindex BIT", 3, "exact"),
    ("BITPOS skey bit", 2, "exact"),
    ("BITPOS skey bit index [index] [(BYTE|BIT)]", 4, "exact"),
    ("BITPOS skey bit bitindex bitindex BIT", 3, "exact"),
    ("BITOP (AND|OR|XOR|NOT) skey skey...", 6, "exact"),
    ("BITOP NOT skey skey", 2, "exact"),
    ("BITFIELD skey <fieldstep>...", 7, "exact"),
    ("BITFIELD skey [GET fieldtype fieldoffset] [OVERFLOW (WRAP|SAT|FAIL|junk)] "
     "[SET fieldtype fieldoffset int] [INCRBY fieldtype fieldoffset int]", 4, "exact"),
    ("BITFIELD_RO skey <GET fieldtype fieldoffset>...", 2, "exact"),
    ("BITFIELD_RO skey fieldstep", 1, "exact"),
    # HyperLogLogs
    ("PFADD pkey [member...]", 8, "exact"),
    ("PFADD pkey many", 3, "exact"),
    ("PFCOUNT pkey", 4, "exact"),
    ("PFCOUNT pkey...", 3, "exact"),
    ("PFMERGE pkey pkey...", 3, "exact"),
    ("PFMERGE pkey", 0.5, "exact"),
    ("PFDEBUG (ENCODING|DECODE|TODENSE|nonsense) pkey", 2, "exact"),
    ("PFDEBUG GETREG pkey", 0.2, "exact"),
    ("SET pkey hllbytes", 0.7, "exact"),
    ("SETRANGE pkey hlloffset hllbyte", 0.7, "exact"),
    ("GET pkey", 2, "exact"),
    # positions
    ("GEOADD gkey [(NX|XX)] [CH] <lonlat member>...", 12, "exact"),
    ("GEOADD gkey [NX] [XX] [CH] lonlat member", 1, "exact"),
    ("GEOPOS gkey [member...]", 3, "exact"),
    ("GEOHASH gkey [member...]", 3, "exact"),
    ("GEODIST gkey member member [unit]", 3, "exact"),
    ("GEOSEARCH gkey (FROMMEMBER member|FROMLONLAT lonlat) "
     "(BYRADIUS distance unit|BYBOX distance distance unit) [(ASC|DESC)] [WITHCOORD] [WITHDIST] "
     "[WITHHASH]", 8, "exact"),
    ("GEOSEARCH gkey (FROMMEMBER member|FROMLONLAT lonlat) "
     "(BYRADIUS distance unit|BYBOX distance distance unit) [(ASC|DESC)] [COUNT count [ANY]] "
     "[WITHDIST]", 4, "exact"),
    ("GEOSEARCH gkey [FROMMEMBER member] [FROMLONLAT lonlat] [BYRADIUS distance unit] "
     "[BYBOX distance distance unit] [ANY] [STOREDIST]", 2, "exact"),
    ("GEOSEARCHSTORE gkey gkey (FROMMEMBER member|FROMLONLAT lonlat) "
     "(BYRADIUS distance unit|BYBOX distance distance unit) [(ASC|DESC)] [COUNT count [ANY]] "
     "[STOREDIST]", 3, "exact"),
    ("GEOSEARCHSTORE gkey gkey FROMMEMBER member BYRADIUS distance unit [WITHDIST] [WITHCOORD]",
     0.5, "exact"),
    ("GEORADIUS gkey lonlat distance unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] "
     "[(ASC|DESC)]", 3, "exact"),
    ("GEORADIUS gkey lonlat distance unit [WITHDIST] [COUNT count] [STORE gkey] "
     "[STOREDIST gkey]", 2, "exact"),
    ("GEORADIUS_RO gkey lonlat distance unit [WITHCOORD] [WITHDIST] [COUNT count] [(ASC|DESC)] "
     "[STORE gkey]", 1, "exact"),
    ("GEORADIUSBYMEMBER gkey member distance unit [WITHCOORD] [WITHDIST] [WITHHASH] "
     "[COUNT count [ANY]] [(ASC|DESC)]", 3, "exact"),
    ("GEORADIUSBYMEMBER gkey member distance unit [WITHDIST] [STORE gkey] [STOREDIST gkey]", 2,
     "exact"),
    ("GEORADIUSBYMEMBER_RO gkey member distance unit [WITHCOORD] [WITHDIST] [COUNT count] "
     "[(ASC|DESC)]", 1, "exact"),
    ("ZRANGE gkey index index WITHSCORES", 2, "score"),
    ("ZREM gkey member...", 1, "exact"),
    ("COMMAND (GETKEYS|GETKEYSANDFLAGS) (SORT lkey [BY w_*] [STORE lkey] [GET x*] [STORE lkey]|"
     "GEORADIUS gkey lonlat distance unit [STORE gkey] [STOREDIST gkey]|"
     "SORT_RO lkey [BY x*]|BITOP AND skey skey...|PFMERGE pkey pkey...|"
     "GEOSEARCHSTORE gkey gkey FROMMEMBER member BYRADIUS distance unit)", 1, "exact"),
]


def key_of(pool):
    def key(rng):
        roll = rng.random()
        if roll < 0.92:
            return rng.choice(POOLS[pool])
        return rng.choice(words.ALL_KEYS) if roll < 0.99 else rng.choice(words.ODD_KEYS)
    return key


def bit_offset(rng):
    if rng.random() < 0.93:
        return b"%d" % (rng.randint(0, 100) if rng.random() < 0.6 else rng.randint(0, 5000))
    return rng.choice((b"-1", b"4294967296", b"9223372036854775807", b"abc", b"", b"#1", b"1.5"))


def bit_index(rng):
    return b"%d" % (rng.randint(0, 300) if rng.random() < 0.7 else rng.randint(-300, -1))


def bit(rng):
    return rng.choice((b"0", b"1")) if rng.random() < 0.95 else rng.choice(
        (b"2", b"-1", b"abc", b"", b"10"))


def field_type(rng):
    if rng.random() < 0.92:
        return rng.choice((b"u1", b"u2", b"i5", b"u8", b"i8", b"i16", b"u32", b"i32", b"u63",
                           b"i63", b"i64", b"i1", b"u7"))
    return rng.choice((b"u64", b"i65", b"i0", b"u0", b"x8", b"", b"i", b"8", b"I8", b"i-1", b"u8 "))


def field_offset(rng):
    return (b"#%d" % rng.randint(0, 20) if rng.random() < 0.4 else
            b"%d" % rng.randint(0, 300)) if rng.random() < 0.95 else rng.choice(
                (b"-1", b"#", b"#-1", b"abc", b"4294967296", b"##1", b"9223372036854775807"))


def field_step(rng):
    roll = rng.random()
    if roll < 0.25:
        return [b"GET", field_type(rng), field_offset(rng)]
    if roll < 0.45:
        return [b"OVERFLOW", rng.choice((b"WRAP", b"SAT", b"FAIL", b"wrap", b"sat"))]
    number = words.integer(rng)
    return [rng.choice((b"SET", b"INCRBY")), field_type(rng), field_offset(rng), number]


def many(rng):
    """Enough elements to outgrow the sparse form now and then."""
    start, count = rng.randint(0, 20000), rng.choice((50, 200, 700, 3000))
    return [b"e%d" % i for i in range(start, start + count)]


def hll_bytes(rng):
    return rng.choice((b"HYLL", b"HYLL\x01" + b"\x00" * 11, b"HYLL\x00" + b"\x00" * 11,
                       b"HYLL\x02" + b"\x00" * 30, b"hyll\x01" + b"\x00" * 13,
                       b"HYLL\x01" + b"\x00" * 10 + b"\x80\x7f\xff",
                       b"HYLL\x01" + b"\x00" * 11 + b"\x7f\xff\x7f\xff",
                       b"HYLL\x01" + b"\x00" * 11 + b"\x7f\xf0\x88\x0e",
                       b"HYLL\x01" + b"\x00" * 10 + b"\x80\x00\x7f\xf0\x8c\x8d\x0a"))


def hll_offset(rng):
    return rng.choice((b"0", b"4", b"8", b"15", b"15"))


def hll_byte(rng):
    return rng.choice((b"\x00", b"\x01", b"\x80", b"H"))


def lonlat(rng):
    roll = rng.random()
    if roll < 0.9:
        longitude, latitude = rng.choice(CENTRES)
        spread = rng.choice((0.001, 0.05, 1.0, 5.0))
        longitude += rng.gauss(0, spread)
        latitude += rng.gauss(0, spread)
        longitude = (longitude + 180) % 360 - 180
        latitude = max(-85.05, min(85.05, latitude))
    else:
        longitude, latitude = rng.uniform(-180, 180), rng.uniform(-85, 85)
    out = [b"%.*f" % (rng.choice((6, 9, 15)), longitude), b"%.*f" % (rng.choice((6, 9, 15)),
                                                                    latitude)]
    if rng.random() < 0.03:
        out[rng.randrange(2)] = rng.choice((b"180", b"-180", b"85.05112878", b"-85.05112878",
                                            b"181", b"90", b"-90", b"abc", b"", b"inf", b"nan",
                                            b"1e400", b"0x10"))
    return out


def distance(rng):
    if rng.random() < 0.95:
        return rng.choice((b"%d" % rng.randint(0, 300), b"%.3f" % rng.uniform(0, 50),
                           b"%d" % rng.choice((0, 1, 1000, 5000, 20000, 100000))))
    return rng.choice((b"-1", b"abc", b"", b"inf", b"nan", b"1e300", b"-0"))


def unit(rng):
    return rng.choice((b"m", b"km", b"km", b"km", b"ft", b"mi", b"KM")) if rng.random() < 0.97 \
        else rng.choice((b"", b"cm", b"miles"))


words.WORDS.update({
    "bitoffset": bit_offset, "bitindex": bit_index, "bit": bit, "fieldtype": field_type,
    "fieldoffset": field_offset, "fieldstep": field_step, "many": many, "hllbytes": hll_bytes,
    "hlloffset": hll_offset, "hllbyte": hll_byte, "lonlat": lonlat, "distance": distance,
    "unit": unit,
})
for _pool, _keys in POOLS.items():
    words.WORDS[_pool] = key_of(_pool)
    words.ALL_KEYS.extend(_keys)
    words.KEY_SET.update(_keys)
