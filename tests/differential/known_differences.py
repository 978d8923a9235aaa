"""Where Memoir rightly differs from the oracle, and why.

The oracle is Debian's redis-server 7.0; Memoir follows Redis 7.2. Each entry names the commands, a pattern
for the oracle's reply, one for Memoir's (as compare.show() prints them; both must match whole), and the reason.
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
    (("ZRANK", "ZREVRANK"), r"\(error\) ERR wrong number of arguments for '(zrank|zrevrank)' command", ANY,
     "7.2 adds WITHSCORE"),
]

# Fields of COMMAND INFO that may differ: (command, field, reason).
COMMAND_INFO = [
    ("zrank", "arity", "7.2 adds WITHSCORE"),
    ("zrevrank", "arity", "7.2 adds WITHSCORE"),
]

_compiled = None


def reason(command, oracle, subject):
    """Why the two replies (as text) may differ for this command, or None."""
    global _compiled
    if _compiled is None:
        _compiled = [(set(commands), re.compile(a), re.compile(b), why)
                     for commands, a, b, why in REPLIES]
    for commands, a, b, why in _compiled:
        if (command in commands or "*" in commands) and a.fullmatch(oracle) and b.fullmatch(subject):
            return why
    return None
