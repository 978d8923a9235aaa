"""Whether two servers' replies to one command agree.

A comparison's name says what a command leaves open:

  exact    nothing: same bytes, same types on the wire
  set      the order of an array's elements
  pairs    the order of name-value pairs (a flat array in RESP2, a map in RESP3)
  score    how a double is written ("0.1" or "0.10000000000000001"): the numbers are equal
  ttl      some seconds, pttl: likewise in milliseconds (a busy machine delays one side)
  ttls     arrays of them, pttls: likewise
  few      a few: keys whose time is over may still be counted
  scan     which elements a cursor's step returns; a scan completed by both in one step is a set
  random   which elements are picked, but not how many
  pop      likewise; what is left then differs, and the caller makes the key equal again
  sort     the order where nothing defines it (BY nosort over a hash table)
  hello    ids and versions;  type: everything but the shape
"""

import grammar_stream
from client.resp import Double, Error, Map, Null, Push, Set, Simple


def show(reply, limit=600):
    """A reply as redis-cli would print it, on one line."""
    text = _show(reply)
    return text if len(text) <= limit else text[:limit] + "... (%d characters)" % len(text)


def _show(reply):
    if isinstance(reply, Error):
        return "(error) " + reply.decode(errors="replace")
    if isinstance(reply, Simple):
        return "+" + reply.decode(errors="replace")
    if isinstance(reply, Double):
        return "(double) " + reply.decode()
    if isinstance(reply, bytes):
        return ascii(bytes(reply))[1:]
    if isinstance(reply, Map):
        return "{" + ", ".join(_show(k) + " => " + _show(v) for k, v in reply) + "}"
    if isinstance(reply, list):
        mark = {Set: "~", Push: ">"}.get(type(reply), "")
        return mark + "[" + ", ".join(_show(item) for item in reply) + "]"
    return str(reply)


def same(a, b):
    """Equal to the byte and to the type."""
    if type(a) is not type(b):
        return False
    if type(a) is list or isinstance(a, (Set, Push)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Map):
        return len(a) == len(b) and all(same(x[0], y[0]) and same(x[1], y[1]) for x, y in zip(a, b))
    if isinstance(a, Null):
        return a is b
    return a == b


def same_numbers(a, b):
    """As same(), but doubles and bulk strings that are doubles compare as numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        if isinstance(a, Map):
            return len(a) == len(b) and all(
                same_numbers(x[0], y[0]) and same_numbers(x[1], y[1]) for x, y in zip(a, b))
        return len(a) == len(b) and all(map(same_numbers, a, b))
    if a is b or a == b:
        return True
    if type(a) in (bytes, Double):
        try:
            return float(a) == float(b)
        except ValueError:
            return False
    return False


def order(reply):
    return (type(reply).__name__, repr(reply))


def same_set(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and not isinstance(a, Map):
        return len(a) == len(b) and all(map(same, sorted(a, key=order), sorted(b, key=order)))
    return same(a, b)


def pairs_of(reply):
    if isinstance(reply, Map):
        return sorted(reply, key=lambda pair: order(pair[0]))
    if isinstance(reply, list) and len(reply) % 2 == 0:
        return sorted(zip(reply[::2], reply[1::2]), key=lambda pair: order(pair[0]))
    return reply


def same_pairs(a, b):
    if type(a) is not type(b):
        return False
    if not isinstance(a, list):
        return same(a, b)
    one, other = pairs_of(a), pairs_of(b)
    return len(one) == len(other) and all(
        same(x[0], y[0]) and same(x[1], y[1]) for x, y in zip(one, other))


def within(a, b, tolerance):
    if type(a) is int and type(b) is int:
        return a == b or (a >= 0 and b >= 0 and abs(a - b) <= tolerance)
    return same(a, b)


def all_within(a, b, tolerance):
    if type(a) is list and type(b) is list:
        return len(a) == len(b) and all(within(x, y, tolerance) for x, y in zip(a, b))
    return same(a, b)


def same_scan(a, b):
    if not (type(a) is list and type(b) is list):
        return same(a, b)
    if len(a) != 2 or len(b) != 2 or type(a[1]) is not type(b[1]) or type(a[0]) is not type(b[0]):
        return False
    if a[0] == b"0" and b[0] == b"0":
        return True if len(a[1]) > 64 or len(b[1]) > 64 else same_scanned(a[1], b[1])
    return b[0].isdigit()


def same_scanned(a, b):
    """Elements of a whole scan; a hash table's may come twice, and scores may be written
    differently.
    """
    one, other = set(map(repr, a)), set(map(repr, b))
    if one == other:
        return True

    def numbers(items):
        out = set()
        for item in items:
            try:
                out.add(float(item))
            except (ValueError, TypeError):
                out.add(item)
        return out
    return numbers(a) == numbers(b)


def same_shape(a, b):
    """Same type and length; arrays inside likewise."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Error):
        return a == b
    if isinstance(a, Map) or not isinstance(a, list):
        return True
    return len(a) == len(b) and all(map(same_shape, a, b))


def same_type(a, b):
    return type(a) is type(b) and (not isinstance(a, Error) or a == b)


def same_hello(a, b):
    if isinstance(a, Map) or (isinstance(a, list) and len(a) == 14):
        if type(a) is not type(b):
            return False
        one, other = dict(pairs_of(a)), dict(pairs_of(b))
        return set(one) == set(other) and one.get(b"proto") == other.get(b"proto")
    return same(a, b)


def same_sort(a, b):
    return same(a, b) or same_set(a, b) or (
        isinstance(a, list) and isinstance(b, list) and len(a) == len(b))


COMPARISONS = {
    "exact": same,
    "set": same_set,
    "pairs": same_pairs,
    "score": same_numbers,
    "ttl": lambda a, b: within(a, b, 10),
    "pttl": lambda a, b: within(a, b, 10000),
    "ttls": lambda a, b: all_within(a, b, 10),
    "pttls": lambda a, b: all_within(a, b, 10000),
    "scan": same_scan,
    "random": same_shape,
    "pop": same_shape,
    "few": lambda a, b: within(a, b, 4),
    "sort": same,
    "sort-unordered": same_sort,
    "hello": same_hello,
    "type": same_type,
} | grammar_stream.COMPARISONS
