"""What the runners wait for and look at: conditions that come true, figures of INFO."""

import time


def until(condition, what=None, seconds=20.0):
    """Waits until condition() is true and returns what it gave; an AssertionError says what did not
    come, or where it was waited for.
    """
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        code = condition.__code__
        assert time.monotonic() < end, "waited in vain: " + (
            what or "%s, line %d" % (code.co_name, code.co_firstlineno))
        time.sleep(0.005)


def info(connection, name):
    """A whole number of INFO; None if there is no such field."""
    for line in connection.call("INFO").decode().splitlines():
        if line.startswith(name + ":"):
            return int(line.split(":", 1)[1])
    return None
