"""Where Memoir rightly differs from the oracle, and why.

The oracle is Debian's redis-server 7.0; Memoir follows Redis 7.2. Each entry names the commands, a
pattern for the oracle's reply, one for Memoir's (as compare.show() prints them; both must match
whole), and the reason.
"""

import re

ANY = r"(?s:.*)"

# (commands, the oracle's reply, Memoir's reply, reason)
REPLIES = [
    (("OBJECT",), r"'quicklist'", r"'listpack'", "7.2 keeps a short list as one listpack"),
    (("OBJECT",), r"'listpack'", r"'skiplist'",
     "7.2 counts the pairs of a ZADD before it chooses, Redis 7.0 the members after"),
    (("OBJECT",), r"'listpack'", r"'hashtable'",
     "7.2 counts the pairs of an HSET before it chooses, Redis 7.0 the fields after"),
    (("OBJECT",), r"'listpackex'", r"'listpack'",
     "Memoir's hash has the other form when a field ends, Redis 8's once that was tried"),
    # The reply does not say whether it is a set; the states are compared by type (ENCODINGS).
    (("OBJECT",), r"'hashtable'", r"'listpack'", "7.2 keeps a small set as a listpack"),
    (("TTL", "PTTL", "PERSIST"),
     r"\(error\) ERR wrong number of arguments for '(ttl|pttl|persist)' command", ANY,
     "a member may be named, as in KeyDB"),
    (("ZRANK", "ZREVRANK"),
     r"\(error\) ERR wrong number of arguments for '(zrank|zrevrank)' command", ANY,
     "7.2 adds WITHSCORE"),
    (("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
     r"\(error\) ERR timeout is negative", r"\(error\) ERR timeout is out of range",
     "7.2 sees that the timeout overflows"),
    (("LCS",), r"\(error\) ERR Insufficient memory, transient memory for LCS exceeds "
     r"proto-max-bulk-len", ANY, "Memoir's table takes a bit for a cell, Redis's four bytes"),
    (("LPOS",), ANY, r"\(error\) ERR value is out of range, value must between "
     r"-9223372036854775807 and 9223372036854775807", "7.2 refuses the smallest number as RANK"),
    (("COMMAND",), r"\(error\) ERR wrong number of arguments for 'command\|getkeys' command", ANY,
     "7.2 accepts COMMAND GETKEYS with a command of one word"),
    (("COMMAND",), r"\['.*'\]", r"\(error\) ERR Invalid arguments specified for command",
     "Redis takes the digits in front for a count of keys that is no integer (\"1e400\")"),
    (("COMMAND GETKEYS ZRANK", "COMMAND GETKEYS ZREVRANK"),
     r"\(error\) ERR Invalid number of arguments specified for command", r"\['.*'\]",
     "7.2 adds WITHSCORE to ZRANK"),
]



def fits_set_listpack(content):
    return len(content) <= 128 and all(len(member) <= 64 for member in content)


# Encodings of whole values: (type, the oracle's, Memoir's, a condition on the content, reason).
ENCODINGS = [
    ("list", "quicklist", "listpack", lambda content: True,
     "7.2 keeps a short list as one listpack"),
    ("zset", "listpack", "skiplist", lambda content: True,
     "7.2 counts the pairs of a ZADD before it chooses, Redis 7.0 the members after"),
    ("hash", "listpack", "hashtable", lambda content: len(content) > 1,
     "7.2 counts the pairs of an HSET before it chooses, Redis 7.0 the fields after"),
    ("hash", "listpackex", "listpack", lambda content: True,
     "Memoir's hash has the other form when a field ends, Redis 8's once that was tried"),
    ("set", "hashtable", "listpack", fits_set_listpack, "7.2 keeps a small set as a listpack"),
]

# Fields of COMMAND INFO that may differ: (command, field, reason).
COMMAND_INFO = [
    ("ttl", "arity", "a member may be named, as in KeyDB"),
    ("pttl", "arity", "a member may be named, as in KeyDB"),
    ("persist", "arity", "a member may be named, as in KeyDB"),
    ("zrank", "arity", "7.2 adds WITHSCORE"),
    ("zrevrank", "arity", "7.2 adds WITHSCORE"),
    ("command|getkeys", "arity", "7.2 accepts a command of one word"),
    ("command|getkeysandflags", "arity", "7.2 accepts a command of one word"),
    ("wait", "flags", "7.2 counts WAIT as blocking"),
    ("wait", "categories", "7.2 counts WAIT as blocking"),
    *[(name, "flags", "7.2 lets scripts call it (without blocking)") for name in (
        "blmove", "blpop", "brpop", "brpoplpush", "bzpopmax", "bzpopmin")],
    *[("client|" + sub, "subcommand", "client tracking is a later part") for sub in (
        "caching", "getredir", "tracking", "trackinginfo")],
    ("multi", "arity", "MULTI ROLLBACK"),
    ("exec", "arity", "EXEC DRYRUN"),
    ("multi", "flags", "later servers name no_multi"),
    ("watch", "flags", "later servers name no_multi"),
]


def changes_queueing(request):
    """Whether one server may queue the request in a MULTI and the other refuse it: then both go
    apart.
    """
    name = request[0].upper()
    if name == b"COMMAND":
        return len(request) < 4
    if name in (b"TTL", b"PTTL", b"PERSIST"):
        return len(request) >= 3
    return name in (b"ZRANK", b"ZREVRANK") and len(request) >= 4


def names_before_error(request):
    """Whether it is a HELLO with words behind its SETNAME: 7.0 sets the name, then fails."""
    words = [word.upper() for word in request]
    return words[:1] == [b"HELLO"] and b"SETNAME" in words[:-2]


def depends_on_rerun(writes):
    """Whether a request that waits for several keys may get something else from 7.2, outside MULTI.

    7.2 runs it again from its start, so that the first of its keys decides, with WRONGTYPE if that
    holds another type; 7.0 serves it from the key that became ready first. In MULTI it always may,
    and where another waiting request pushes to one of its keys.
    """
    return any(write[0] in (b"SET", b"SADD", b"RENAME", b"COPY") for write in writes)


def without_stores_over_others(writes, emptied):
    """Writes of a blocking scene without ZUNIONSTORE where its destination may hold another type.

    Redis wakes waiting clients only for a key that was missing, so that one may wait on for a key
    that has what it waits for; Memoir wakes it.
    """
    if emptied and not any(write[0] == b"SET" for write in writes):
        return writes
    kept = [write for write in writes if write[0] != b"ZUNIONSTORE"]
    return kept or [[b"PING"]]


_compiled = None


def reason(request, oracle, subject):
    """Why the two replies (as text) to a request may differ, or None."""
    global _compiled
    if _compiled is None:
        _compiled = [(set(commands), re.compile(a), re.compile(b), why)
                     for commands, a, b, why in REPLIES]
    words = [word.decode(errors="replace").upper() for word in request[:3]]
    names = {words[0], " ".join(words)} if words else set()
    for commands, a, b, why in _compiled:
        if names & commands and a.fullmatch(oracle) and b.fullmatch(subject):
            return why
    return None


def encoding_reason(kind, oracle, subject, content):
    """Why a value of this type may have these two encodings, or None."""
    for name, a, b, holds, why in ENCODINGS:
        if (name, a, b) == (kind, oracle, subject) and holds(content):
            return why
    return None
