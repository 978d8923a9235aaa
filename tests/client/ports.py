"""Ports for the servers of tests, safe with any number of tests side by side.

A test process reserves a port by locking a file named after it, and holds the lock as long as the
port may be listened on, restarts included; so no two tests ever try the same. The ports lie outside
the range from which the system picks ports for connections. tests/integration/port.cc does the
same with the same files.
"""

import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 25000, 31999


class Port:
    """A port of our own until close(), or until the process ends."""

    def __init__(self):
        folder = os.path.join(tempfile.gettempdir(), "memoir-test-ports-%d" % os.getuid())
        os.makedirs(folder, exist_ok=True)
        chance = random.SystemRandom()
        for _ in range(4 * (LAST - FIRST)):
            number = chance.randint(FIRST, LAST)
            lock = os.open(os.path.join(folder, str(number)),
                           os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            if is_free(number):
                self.number, self.lock = number, lock
                return
            os.close(lock)
        raise RuntimeError("no free port between %d and %d" % (FIRST, LAST))

    def close(self):
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


def is_free(number):
    """Whether nobody listens there, tests or others."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
