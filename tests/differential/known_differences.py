"""Where Memoir rightly differs from the oracle, and why.

Memoir follows Redis 7.2. Each entry names the commands, a pattern for the oracle's reply, one for
Memoir's (as compare.show() prints them; both must match whole), and the reason. What 7.2 itself
does otherwise than Debian's redis-server 7.0 stands in lists of its own, for they count only where
such a server is the oracle: consider() tells which one it is.
"""

import re

ANY = r"(?s:.*)"

# (commands, the oracle's reply, Memoir's reply, reason)
REPLIES = [
    (("LCS",), r"\(error\) ERR Insufficient memory, transient memory for LCS exceeds "
     r"proto-max-bulk-len", ANY, "Memoir's table takes a bit for a cell, Redis's four bytes"),
    (("COMMAND",), r"\['.*'\]", r"\(error\) ERR Invalid arguments specified for command",
     "Redis takes the digits in front for a count of keys that is no integer (\"1e400\")"),
    (("COMMAND GETKEYS PFMERGE", "COMMAND GETKEYSANDFLAGS PFMERGE"),
     r"\(error\) ERR Invalid arguments specified for command", r"\[.*\]",
     "Redis finds no keys where there are no sources"),
    (("COMMAND GETKEYS GEORADIUS", "COMMAND GETKEYSANDFLAGS GEORADIUS"), r"\[.*\]", r"\[.*\]",
     "of several STOREs Redis names the first, Memoir the one that counts as well"),
    (("MEMORY MALLOC-STATS",), r"'Stats not supported for the current allocator'", ANY,
     "the oracle's allocator has no statistics"),
    (("CLIENT LIST TYPE",), r"\(error\) ERR syntax error", r"\(error\) ERR Unknown client type .*",
     "Memoir takes several filters, as later servers do, and names the first that is wrong"),
    (("OBJECT",), r"'skiplist'", r"'listpack'",
     "Redis's SORT leaves a sorted set in its large form"),
    (("OBJECT",), r"'listpackex'", r"'listpack'",
     "Memoir's hash has the other form when a field ends, Redis 8's once that was tried"),
    (("TTL", "PTTL", "PERSIST"),
     r"\(error\) ERR wrong number of arguments for '(ttl|pttl|persist)' command", ANY,
     "a member may be named, as in KeyDB"),
    (("SORT", "SORT_RO"), r"\(error\) ERR One or more scores can't be converted into double", ANY,
     "Redis looks at errno, which an earlier number may have left at \"out of range\""),
    (("XREAD",), r"\(error\) ERR Invalid stream ID specified as stream command argument", ANY,
     "7.4 reads the last entry by the id +"),
    (("XREADGROUP",), r"\(error\) ERR Invalid stream ID specified as stream command argument",
     r"\(error\) ERR The \+ ID is meaningless .*", "7.4 knows the id +"),
    (("XADD", "XTRIM"), r"\(error\) (ERR syntax error|ERR Invalid stream ID specified .*)", ANY,
     "8.2 adds KEEPREF, DELREF and ACKED"),
]

# Where the oracle is older than 7.2.
REPLIES_BEFORE_7_2 = [
    (("OBJECT",), r"'quicklist'", r"'listpack'", "7.2 keeps a short list as one listpack"),
    (("OBJECT",), r"'listpack'", r"'skiplist'",
     "7.2 counts the pairs of a ZADD before it chooses, Redis 7.0 the members after"),
    (("OBJECT",), r"'listpack'", r"'hashtable'",
     "7.2 counts the pairs of an HSET before it chooses, Redis 7.0 the fields after"),
    # The reply does not say whether it is a set; the states are compared by type (ENCODINGS).
    (("OBJECT",), r"'hashtable'", r"'listpack'", "7.2 keeps a small set as a listpack"),
    (("ZRANK", "ZREVRANK"),
     r"\(error\) ERR wrong number of arguments for '(zrank|zrevrank)' command", ANY,
     "7.2 adds WITHSCORE"),
    (("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
     r"\(error\) ERR timeout is negative", r"\(error\) ERR timeout is out of range",
     "7.2 sees that the timeout overflows"),
    (("LPOS",), ANY, r"\(error\) ERR value is out of range, value must between "
     r"-9223372036854775807 and 9223372036854775807", "7.2 refuses the smallest number as RANK"),
    (("COMMAND",), r"\(error\) ERR wrong number of arguments for 'command\|getkeys' command", ANY,
     "7.2 accepts COMMAND GETKEYS with a command of one word"),
    (("COMMAND GETKEYS ZRANK", "COMMAND GETKEYS ZREVRANK"),
     r"\(error\) ERR Invalid number of arguments specified for command", r"\['.*'\]",
     "7.2 adds WITHSCORE to ZRANK"),
    (("XREAD", "XREADGROUP"), r"\(error\) ERR Unbalanced XREAD list of streams.*",
     r"\(error\) ERR Unbalanced '.*' list of streams.*", "7.2 names the command"),
    (("XGROUP",), "1", "0", "7.2 makes a consumer as soon as it is named"),
    (("XREADGROUP",), r"\(error\) (UNBLOCKED the stream key no longer exists|"
     r"WRONGTYPE .*|NOGROUP the consumer group .*)", r"\(error\) (WRONGTYPE|NOGROUP) .*",
     "7.2 runs a waiting request again when its stream or group goes"),
]


def fits_set_listpack(content):
    return len(content) <= 128 and all(len(member) <= 64 for member in content)


# Encodings of whole values: (type, the oracle's, Memoir's, a condition on the content, reason).
ENCODINGS = [
    ("set", "listpack", "hashtable", lambda content: all(
        member.lstrip(b"-").isdigit() for member in content),
     "a set made from an intset that RESTORE brought beyond set-max-intset-entries"),
    ("zset", "skiplist", "listpack", lambda content: len(content) <= 256,
     "Redis's SORT leaves a sorted set in its large form"),
    ("hash", "listpackex", "listpack", lambda content: True,
     "Memoir's hash has the other form when a field ends, Redis 8's once that was tried"),
]
ENCODINGS_BEFORE_7_2 = [
    ("list", "quicklist", "listpack", lambda content: True,
     "7.2 keeps a short list as one listpack"),
    ("zset", "listpack", "skiplist", lambda content: True,
     "7.2 counts the pairs of a ZADD before it chooses, Redis 7.0 the members after"),
    ("hash", "listpack", "hashtable", lambda content: len(content) > 1,
     "7.2 counts the pairs of an HSET before it chooses, Redis 7.0 the fields after"),
    ("set", "hashtable", "listpack", fits_set_listpack, "7.2 keeps a small set as a listpack"),
]

# Fields of COMMAND INFO that may differ: (command, field, reason).
COMMAND_INFO = [
    ("ttl", "arity", "a member may be named, as in KeyDB"),
    ("pttl", "arity", "a member may be named, as in KeyDB"),
    ("persist", "arity", "a member may be named, as in KeyDB"),
    ("multi", "arity", "MULTI ROLLBACK"),
    ("exec", "arity", "EXEC DRYRUN"),
    ("multi", "flags", "later servers name no_multi"),
    ("watch", "flags", "later servers name no_multi"),
    *[(name, "docs", "a member may be named, as in KeyDB") for name in ("ttl", "pttl", "persist")],
    ("multi", "docs", "MULTI ROLLBACK"),
    ("exec", "docs", "EXEC DRYRUN"),
    *[(name, "docs", "options of later servers") for name in (
        "bitop", "geosearch", "geosearchstore", "set", "xadd", "xtrim")],
    ("debug", "docs", "its arguments are named"),
    ("migrate", "docs", "the empty word is written as such"),
    ("pfmerge", "keys", "one without sources has a key, too"),
]
COMMAND_INFO_BEFORE_7_2 = [
    ("zrank", "arity", "7.2 adds WITHSCORE"),
    ("zrevrank", "arity", "7.2 adds WITHSCORE"),
    ("command|getkeys", "arity", "7.2 accepts a command of one word"),
    ("command|getkeysandflags", "arity", "7.2 accepts a command of one word"),
    ("wait", "flags", "7.2 counts WAIT as blocking"),
    ("wait", "categories", "7.2 counts WAIT as blocking"),
    *[(name, "flags", "7.2 lets scripts call it (without blocking)") for name in (
        "blmove", "blpop", "brpop", "brpoplpush", "bzpopmax", "bzpopmin")],
]

_oracle = (7, 0, 0)
_compiled = None


def consider(server):
    """Asks a running server which version of Redis it is, or says it is compatible with."""
    global _oracle, _compiled
    connection = server.connect()
    found = re.search(rb"redis_version:(\d+)\.(\d+)\.(\d+)", connection.call("INFO", "server"))
    connection.close()
    _oracle = tuple(int(number) for number in found.groups())
    _compiled = None


def is_before_7_2():
    return _oracle < (7, 2, 0)


def not_compared():
    """Commands that leave another state behind on this oracle: 7.2 makes a consumer that reads or
    claims nothing, and lets no last id fall below the largest one deleted.
    """
    if not is_before_7_2():
        return set()
    return {b"XREADGROUP", b"XCLAIM", b"XAUTOCLAIM", b"XSETID"}


def command_info():
    """The fields that may differ with this oracle."""
    return COMMAND_INFO + (COMMAND_INFO_BEFORE_7_2 if is_before_7_2() else [])


def is_open_event(channel, message):
    """Whether a notification comes at no certain moment: of what expires, and of a consumer, which
    7.0 makes later than 7.2.
    """
    names = (b"expired",) + ((b"xgroup-createconsumer",) if is_before_7_2() else ())
    return message in names or channel.endswith(tuple(b":" + name for name in names))


def changes_queueing(request):
    """Whether one server may queue the request in a MULTI and the other refuse it: then both go
    apart.
    """
    name = request[0].upper()
    if name in (b"TTL", b"PTTL", b"PERSIST"):
        return len(request) >= 3
    if not is_before_7_2():
        return False
    if name == b"COMMAND":
        return len(request) < 4
    return name in (b"ZRANK", b"ZREVRANK") and len(request) >= 4


def names_before_error(request):
    """Whether it is a HELLO with words behind its SETNAME: 7.0 sets the name, then fails."""
    words = [word.upper() for word in request]
    return is_before_7_2() and words[:1] == [b"HELLO"] and b"SETNAME" in words[:-2]


def is_unreadable(request):
    """Whether it restores a payload that 7.0 may not know."""
    return is_before_7_2() and request[0].upper() == b"RESTORE"


def loses_reply(request):
    """Whether 7.2 may not answer: a refused AUTH behind other requests of a pipeline."""
    return not is_before_7_2() and request[0].upper() == b"AUTH"


def depends_on_rerun(writes):
    """Whether a request that waits for several keys may get something else from 7.2, outside MULTI.

    7.2 runs it again from its start, so that the first of its keys decides, with WRONGTYPE if that
    holds another type; 7.0 serves it from the key that became ready first. In MULTI it always may,
    and where another waiting request pushes to one of its keys.
    """
    return is_before_7_2() and any(write[0] in (b"SET", b"SADD", b"RENAME", b"COPY")
                                   for write in writes)


def reason(request, oracle, subject):
    """Why the two replies (as text) to a request may differ, or None."""
    global _compiled
    if _compiled is None:
        entries = REPLIES + (REPLIES_BEFORE_7_2 if is_before_7_2() else [])
        _compiled = [(set(commands), re.compile(a), re.compile(b), why)
                     for commands, a, b, why in entries]
    words = [word.decode(errors="replace").upper() for word in request[:3]]
    names = {words[0], " ".join(words)} if words else set()
    for commands, a, b, why in _compiled:
        if names & commands and a.fullmatch(oracle) and b.fullmatch(subject):
            return why
    return None


def encoding_reason(kind, oracle, subject, content):
    """Why a value of this type may have these two encodings, or None."""
    entries = ENCODINGS + (ENCODINGS_BEFORE_7_2 if is_before_7_2() else [])
    for name, a, b, holds, why in entries:
        if (name, a, b) == (kind, oracle, subject) and holds(content):
            return why
    return None
