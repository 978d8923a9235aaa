"""Rows and words for DUMP and RESTORE.

Payloads are built here, in forms that servers of any age read, some of them damaged under a sound
checksum. Importing it adds the words to words.WORDS.
"""

import struct

import words
from dumps import crc64


def length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return bytes([0x40 | n >> 8, n & 255])
    return b"\x80" + struct.pack(">I", n)


def string(text):
    return length(len(text)) + text


def ziplist(elements):
    out, before, last = b"", 0, 10
    for element in elements:
        last = 10 + len(out)
        try:
            number = int(element)
            canonical = b"%d" % number == element and -32768 <= number <= 32767
        except ValueError:
            canonical = False
        if canonical and 0 <= number <= 12:
            encoded = bytes([0xF1 + number])
        elif canonical and -128 <= number <= 127:
            encoded = b"\xfe" + struct.pack("<b", number)
        elif canonical:
            encoded = b"\xc0" + struct.pack("<h", number)
        elif len(element) < 64:
            encoded = bytes([len(element)]) + element
        else:
            encoded = struct.pack(">H", 0x4000 | len(element)) + element
        back = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        out += back + encoded
        before = len(back + encoded)
    return struct.pack("<IIH", 11 + len(out), last, len(elements)) + out + b"\xff"


def text(rng):
    return rng.choice((b"%d" % rng.randint(-300, 300), b"m%d" % rng.randint(0, 20),
                       b"x" * rng.choice((1, 20, 64, 65, 300))))


def distinct(rng, count):
    return sorted({text(rng) for _ in range(count)}, key=lambda each: rng.random())


def pairs(rng, count, values):
    return [word for name in distinct(rng, count) for word in (name, rng.choice(values))]


SCORES = (b"0", b"1", b"2", b"-5", b"100")


def ordered(members):
    """Member, score, ... in the order of a sorted set."""
    both = sorted(zip(members[::2], members[1::2]), key=lambda each: (int(each[1]), each[0]))
    return [word for each in both for word in each]


def body(rng):
    """(type, bytes, where a ziplist's entries begin, or 0)

    Only damage in a ziplist is judged alike everywhere: Redis reads a value that is too long on
    into the version and the checksum behind it.
    """
    count = rng.choice((1, 2, 3, 8, 40))
    kind = rng.randint(0, 8)
    if kind == 0:
        return 0, string(text(rng)), 0
    if kind == 1:
        elements = [text(rng) for _ in range(count)]
        return 1, length(len(elements)) + b"".join(map(string, elements)), 0
    if kind == 2:
        elements = distinct(rng, count)
        return 2, length(len(elements)) + b"".join(map(string, elements)), 0
    if kind == 3:
        elements = pairs(rng, count, (b"v", b"1", b"y" * 70))
        return 4, length(len(elements) // 2) + b"".join(map(string, elements)), 0
    if kind == 4:
        elements = pairs(rng, count, SCORES)
        return 5, length(len(elements) // 2) + b"".join(
            string(member) + struct.pack("<d", int(score))
            for member, score in zip(elements[::2], elements[1::2])), 0
    if kind == 5:
        nodes = [ziplist([text(rng) for _ in range(rng.randint(1, count))]) for _ in range(2)]
        return 14, length(2) + b"".join(map(string, nodes)), 12
    if kind == 6:
        members = sorted({rng.randint(-40000, 40000) for _ in range(count)})
        return 11, string(struct.pack("<II%di" % len(members), 4, len(members), *members)), 0
    if kind == 7:
        return 12, string(ziplist(ordered(pairs(rng, count, SCORES)))), 0
    return 13, string(ziplist(pairs(rng, count, (b"v", b"1", b"y" * 70)))), 11


def payload(rng):
    number, value, entries = body(rng)
    data = bytearray(bytes([number]) + value)
    if entries and rng.random() < 0.2:
        at = rng.randint(entries + 1, min(len(data) - 1, entries + 30))
        data[at] ^= 1 << rng.randint(0, 7)
    data += struct.pack("<H", rng.choice((6, 9, 10)) if rng.random() < 0.97 else 300)
    sum_ = crc64(bytes(data))
    return bytes(data) + struct.pack("<Q", sum_ if rng.random() < 0.97 else sum_ ^ 1)


words.WORDS["payload"] = payload

ROWS = [
    ("DUMP key", 2, "type"),
    ("RESTORE key 0 payload REPLACE", 5, "exact"),
    ("RESTORE key 0 payload", 2, "exact"),
    ("RESTORE key (0|sec|ms) payload [REPLACE] [ABSTTL] [IDLETIME count] [FREQ count]", 2, "exact"),
    ("RESTORE key mts payload ABSTTL [REPLACE]", 2, "exact"),
    ("RESTORE-ASKING key 0 payload REPLACE", 0.5, "exact"),
]

# A number added to a payload would be a lifetime that ends here before there.
NO_NUMBERS = {b"RESTORE", b"RESTORE-ASKING"}
