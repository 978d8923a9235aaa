"""Where Memoir rightly differs from the oracle, and why.

The oracle is Debian's redis-server 7.0; Memoir follows Redis 7.2. Each entry names the commands, a
pattern for the oracle's reply, one for Memoir's (as compare.show() prints them; both must match
whole), and the reason.
"""

import re

ANY = r"(?s:.*)"

# (commands, the oracle's reply, Memoir's reply, reason)
REPLIES = [
    (("OBJECT",), r"'(quicklist)'", r"'listpack'", "7.2 keeps a short list as one listpack"),
    (("OBJECT",), r"'hashtable'", r"'listpack'",
     "7.2 has a listpack encoding for small sets (set-max-listpack-entries)"),
    (("OBJECT",), r"'(intset|hashtable)'", r"'(listpack|intset|hashtable)'",
     "7.2 turns a small intset into a listpack, and may keep it through set algebra"),
    (("ZRANK", "ZREVRANK"),
     r"\(error\) ERR wrong number of arguments for '(zrank|zrevrank)' command", ANY,
     "7.2 adds WITHSCORE"),
    (("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
     r"\(error\) ERR timeout is negative", r"\(error\) ERR timeout is out of range",
     "7.2 sees that the timeout overflows"),
    (("COMMAND",), r"\(error\) ERR wrong number of arguments for 'command\|getkeys' command", ANY,
     "7.2 accepts COMMAND GETKEYS with a command of one word"),
    (("COMMAND",), r"\(error\) ERR Invalid number of arguments specified for command",
     r"\['[xz]\w+'\]",
     "7.2 adds WITHSCORE to ZRANK"),
]

# Fields of COMMAND INFO that may differ: (command, field, reason).
COMMAND_INFO = [
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
    return name in (b"ZRANK", b"ZREVRANK") and len(request) == 4


_compiled = None


def reason(command, oracle, subject):
    """Why the two replies (as text) may differ for this command, or None."""
    global _compiled
    if _compiled is None:
        _compiled = [(set(commands), re.compile(a), re.compile(b), why)
                     for commands, a, b, why in REPLIES]
    for commands, a, b, why in _compiled:
        if command in commands and a.fullmatch(oracle) and b.fullmatch(subject):
            return why
    return None
