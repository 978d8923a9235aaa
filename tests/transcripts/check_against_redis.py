#!/usr/bin/env python3
"""Plays transcripts on a real server and says where it answers otherwise than they expect.

    check_against_redis.py [--port N] [--record] [FILE...]

Without --port a redis-server of its own is started. Files that move the clock, restart the engine
or are marked "memoir only" are skipped, as are those that name a newer server. --record writes the
server's replies and notifications into the files instead of comparing: for new transcripts, to be
read before they are committed.
"""

import argparse
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from client.ports import Port

FOLDER = Path(__file__).resolve().parent
SKIPPED = re.compile(r"^(advance|restart|memoir only)\b", re.M)
NEEDED = re.compile(r"^# server (\d+)\.(\d+)$", re.M)
BLANKS = b" \t\r\n\v\f\0"


def expand(line):
    return re.sub(r"\{(\d+)\*(.*?)\}", lambda m: m[2] * int(m[1]), line)


def split_line(line):
    """As the server splits an inline request."""
    words, at = [], 0
    escapes = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
    line = line.encode()
    while True:
        while at < len(line) and line[at] in BLANKS:
            at += 1
        if at == len(line):
            return words
        word, quote = bytearray(), 0
        while at < len(line):
            c = line[at]
            at += 1
            if quote == 0 and c in BLANKS:
                break
            if quote == 0 and c in b"\"'":
                quote = c
            elif c == quote:
                break
            elif c == 92 and quote == 34 and re.match(rb"x[0-9a-fA-F]{2}", line[at:at + 3]):
                word.append(int(line[at + 1:at + 3], 16))
                at += 3
            elif c == 92 and (quote == 34 or (quote == 39 and line[at:at + 1] == b"'")):
                word.append(escapes.get(line[at], line[at]) if quote == 34 else 39)
                at += 1
            else:
                word.append(c)
        words.append(bytes(word))


def quoted(data):
    special = {10: "\\n", 13: "\\r", 9: "\\t", 8: "\\b", 7: "\\a", 34: '\\"', 92: "\\\\"}
    text = "".join(special.get(c) or (chr(c) if 32 <= c <= 126 else "\\x%02x" % c) for c in data)
    return '"' + text + '"'


class Connection:
    """A connection that reads replies as the lines of a transcript."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def send(self, words):
        out = b"*%d\r\n" % len(words)
        self.socket.sendall(out + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def call(self, *words):
        self.send([w if isinstance(w, bytes) else str(w).encode() for w in words])
        return self.read()

    def quiet(self):
        return not select.select([self.socket], [], [], 0.05)[0]

    def read(self, indent=""):
        """The lines of one reply."""
        line = self.file.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = chr(line[0]), line[1:-2]
        if kind in "+-:,#(_":
            return [indent + kind + rest.decode()]
        if rest == b"-1":
            return [indent + kind + "-1"]
        if kind in "$=!":
            data = self.file.read(int(rest) + 2)[:-2]
            return [indent + ("" if kind == "$" else kind) + quoted(data)]
        lines = [indent + kind + rest.decode()]
        for _ in range(int(rest) * (2 if kind in "%|" else 1)):
            lines += self.read(indent + "  ")
        return lines


class Player:
    def __init__(self, port, file, record):
        self.port, self.file, self.record = port, file, record
        self.clients = {}
        self.client = self.connection("a")
        self.watcher = None
        self.failures = 0
        self.restore = []
        self.out = []
        self.journal = []

    def connection(self, name):
        if name not in self.clients:
            self.clients[name] = Connection(self.port)
        return self.clients[name]

    def play(self):
        self.client.call("flushall")
        self.client.call("config", "resetstat")
        self.request, self.reply, self.events, self.any_order = None, [], [], False
        lines = self.file.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if line.startswith(("< ", "<~")):
                self.any_order |= line[1] == "~"
                self.reply.append(expand(line[3:] if line[1] == "~" else line[2:]))
                if self.record:
                    continue
            elif line.startswith("!"):
                self.events.append(expand(line[2:]))
                if self.record:
                    continue
            elif line.startswith("=") and self.record:
                self.journal.append(line)
                continue
            elif line and line[0] not in "=#":
                self.settle()
                self.number = number
                self.out.append(line)
                self.direct(line)
                continue
            if not line:
                self.settle()
            self.out.append(line)
        self.settle()
        for name, value in reversed(self.restore):
            self.client.call("config", "set", name, value)
        if self.record:
            self.file.write_text("\n".join(self.out) + "\n")
        return self.failures

    def direct(self, line):
        word, *values = line.split()
        if word == ">":
            self.request = line
            self.client.send(split_line(expand(line[2:])))
        elif word == "client":
            self.client = self.connection(values[0])
        elif word == "protocol":
            self.client.call("hello", values[0])
        elif word == "events":
            self.watch(values != ["off"])
        elif word == "limit":
            self.configure(*values)
        elif word == "policy":
            self.configure("maxmemory-policy", values[0])
        else:
            raise ValueError("%s:%d: what is this? %s" % (self.file.name, self.number, line))

    def configure(self, name, value):
        admin = Connection(self.port)
        self.restore.append((name, split_line(admin.call("config", "get", name)[2])[0]))
        admin.call("config", "set", name, value)

    def watch(self, on):
        self.configure("notify-keyspace-events", "AE" if on else "")
        self.watcher = Connection(self.port) if on else None
        if on:
            self.watcher.call("psubscribe", "__keyevent@*__:*")

    def seen_events(self):
        """What was notified up to now, each as "event key"."""
        Connection(self.port).call("publish", "__keyevent@0__:the end", "")
        events = []
        while True:
            _, _, _, channel, key = self.watcher.read()
            event = split_line(channel)[0].decode().split(":", 1)[1]
            if event == "the end":
                return events
            events.append(event + " " + split_line(key)[0].decode("latin-1"))

    def settle(self):
        """Compares what came back with what was expected since the last request."""
        if self.request is None and not self.reply:
            return
        waits = not self.reply and (not self.record or self.client.quiet())
        if waits:
            actual = [] if self.client.quiet() else self.client.read()
        else:
            actual = self.client.read()
        events = self.seen_events() if self.watcher and self.request else []
        if self.record:
            mark = "<~ " if self.any_order else "< "
            self.out += [mark + line for line in actual] + ["! " + event for event in events]
            self.out += self.journal
            self.journal = []
        else:
            self.compare("reply", self.reply, actual, self.any_order)
            if self.watcher and self.request:
                self.compare("events", self.events, events, False)
        self.request, self.reply, self.events, self.any_order = None, [], [], False

    def compare(self, what, expected, actual, any_order):
        if any_order:
            expected, actual = sorted(expected), sorted(actual)
        if expected == actual:
            return
        self.failures += 1
        print("%s:%d: %s of %s" % (self.file.name, self.number, what, self.request))
        print("".join("  expected: %s\n" % line for line in expected), end="")
        print("".join("  redis:    %s\n" % line for line in actual), end="")


def version_of(port):
    info = "\n".join(Connection(port).call("info", "server"))
    found = re.search(r"redis_version:(\d+)\.(\d+)", info)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def needs_more(text, port):
    """Whether a transcript asks, by "# server 8.0", for a newer server."""
    needed = NEEDED.search(text)
    return bool(needed) and version_of(port) < (int(needed[1]), int(needed[2]))


def start_server():
    port = Port().number
    server = subprocess.Popen(
        ["redis-server", "--save", "", "--appendonly", "no", "--port", str(port), "--loglevel",
         "warning"], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("redis-server does not start")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    server, port = (None, arguments.port) if arguments.port else start_server()
    passed = failed = skipped = 0
    try:
        for file in arguments.files or sorted(FOLDER.glob("*.txt")):
            if SKIPPED.search(file.read_text()) or needs_more(file.read_text(), port):
                skipped += 1
            elif Player(port, file, arguments.record).play():
                failed += 1
            else:
                passed += 1
    finally:
        if server:
            server.terminate()
            server.wait()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
