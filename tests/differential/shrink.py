"""Finds a short history that still shows a difference, and prints it as a script for redis-cli."""

import time

import words as word_lists
from pair import Difference


def keys_of(event):
    if event[0] not in ("run", "block"):
        return set()
    return {word for word in event[2] if word in word_lists.KEY_SET}


def replay(pair, settings, listen, events):
    """The difference that playing `events` on empty servers shows, or None."""
    try:
        pair.reset(settings, listen)
        numbers = {event[1] for event in events if event[0] in ("run", "block", "collect")}
        pair.learn_ids(numbers)
        for event in events:
            pair.play(event)
    except Difference as difference:
        return difference
    return None


def shrink(pair, events, wanted, seconds):
    """A short list of events after which a difference of the kind `wanted` shows; None if it does
    not recur.
    """
    settings, listen = list(pair.settings), pair.listen
    end = time.monotonic() + seconds

    def shows(candidate):
        found = replay(pair, settings, listen, candidate)
        return found is not None and found.kind() == wanted.kind()

    if not shows(events):
        return None
    involved = keys_of(events[-1]) | {word for word in wanted.words if word in word_lists.KEY_SET}
    basics = (
    b"HELLO",
    b"SELECT",
    b"MULTI",
    b"EXEC",
    b"DISCARD",
    b"SWAPDB",
    b"FLUSHALL",
     b"FLUSHDB")
    if involved:
        near = [event for event in events if event is events[-1] or keys_of(event) & involved
                or (event[0] == "run" and event[2][0].upper() in basics) or event[0] == "collect"]
        if len(near) < len(events) and shows(near):
            events = near
    size = max(1, len(events) // 2)
    while time.monotonic() < end:
        start = 0
        removed = False
        while start < len(events) - 1 and time.monotonic() < end:
            candidate = events[:start] + events[min(start + size, len(events) - 1):]
            if shows(candidate):
                events = candidate
                removed = True
            else:
                start += size
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    return events


def quote(word):
    text = "".join(chr(c) if 32 < c < 127 and c not in b"\"\\'" else "\\x%02x" % c for c in word)
    return text if text == word.decode(errors="replace") and text else '"%s"' % "".join(
        chr(c) if 32 <= c < 127 and c not in b"\"\\" else "\\x%02x" % c for c in word)


def script(events, settings, listen):
    """Lines that a person can paste into redis-cli, connections and pauses as comments."""
    lines = ["CONFIG SET %s %s" % (name, value) for name, value in settings]
    if listen:
        lines.append("CONFIG SET notify-keyspace-events KEA")
    last = None
    for event in events:
        if event[0] in ("run", "block", "collect") and event[1] != last:
            last = event[1]
            lines.append("# connection %d" % last)
        if event[0] in ("run", "block"):
            lines.append(" ".join(quote(word)
                         for word in event[2]) + ("   # waits" if event[0] == "block" else ""))
        elif event[0] == "collect":
            lines.append("# the reply to the waiting request is read")
        elif event[0] == "sleep":
            lines.append("# %d ms pass" % event[1])
        elif event[0] == "state":
            lines.append("# the states are compared")
    return lines
