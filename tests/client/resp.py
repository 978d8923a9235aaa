"""A small client of the Redis protocol, RESP2 and RESP3, for the Python test runners and the
benchmark.

Replies keep what was on the wire: a simple string is not a bulk string, and the three nulls
differ, so that two servers' replies can be compared exactly. A connection blocks; requests may be
pipelined.
"""

import socket


class Simple(bytes):
    __slots__ = ()


class Error(bytes):
    __slots__ = ()


class Double(bytes):
    __slots__ = ()


class BigNumber(bytes):
    __slots__ = ()


class Verbatim(bytes):
    __slots__ = ()


class Push(list):
    __slots__ = ()


class Set(list):
    __slots__ = ()


class Map(list):
    """A list of (key, value) pairs in the order received."""

    __slots__ = ()


class Null:
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    def __bool__(self):
        return False


NULL_BULK = Null("(null bulk)")
NULL_ARRAY = Null("(null array)")
NULL = Null("(null)")


def encode(words):
    """The bytes of one request; words are bytes, str, int or float."""
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        if type(word) is not bytes:
            word = str(word).encode() if not isinstance(word, (bytes, bytearray)) else bytes(word)
        out.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(out)


class Connection:
    """One connection. `timeout` seconds without a byte raise socket.timeout; a closed peer
    ConnectionError.
    """

    def __init__(self, host="127.0.0.1", port=6379, timeout=20.0, path=None):
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.position = 0

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def call(self, *words):
        self.socket.sendall(encode(words))
        return self.read()

    def pipeline(self, requests):
        """Sends all requests, then reads all replies; for batches the sockets' buffers can hold."""
        self.socket.sendall(b"".join([encode(words) for words in requests]))
        return [self.read() for _ in requests]

    def readable(self, seconds=0.0):
        """Whether read() would find at least a first byte within `seconds`."""
        if self.position < len(self.buffer):
            return True
        before = self.socket.gettimeout()
        self.socket.settimeout(max(seconds, 0.000001))
        try:
            self._fill()
            return True
        except (socket.timeout, BlockingIOError):
            return False
        finally:
            self.socket.settimeout(before)

    def read(self):
        line = self._line()
        kind = line[:1]
        if kind == b"$":
            size = int(line[1:])
            return NULL_BULK if size < 0 else self._take(size)
        if kind == b":":
            return int(line[1:])
        if kind == b"+":
            return Simple(line[1:])
        if kind == b"-":
            return Error(line[1:])
        if kind == b"*":
            count = int(line[1:])
            return NULL_ARRAY if count < 0 else [self.read() for _ in range(count)]
        if kind == b"%":
            return Map([(self.read(), self.read()) for _ in range(int(line[1:]))])
        if kind == b"~":
            return Set([self.read() for _ in range(int(line[1:]))])
        if kind == b">":
            return Push([self.read() for _ in range(int(line[1:]))])
        if kind == b"_":
            return NULL
        if kind == b",":
            return Double(line[1:])
        if kind == b"#":
            return line[1:] == b"t"
        if kind == b"(":
            return BigNumber(line[1:])
        if kind == b"=":
            return Verbatim(self._take(int(line[1:])))
        raise ValueError("not a reply: %r" % line[:100])

    def _fill(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        if self.position == len(self.buffer):
            self.buffer = data
        else:
            self.buffer = self.buffer[self.position:] + data
        self.position = 0

    def _line(self):
        end = self.buffer.find(b"\r\n", self.position)
        while end < 0:
            self._fill()
            end = self.buffer.find(b"\r\n", self.position)
        line = self.buffer[self.position:end]
        self.position = end + 2
        return line

    def _take(self, size):
        while len(self.buffer) - self.position < size + 2:
            missing = size + 2 - (len(self.buffer) - self.position)
            if missing < 1 << 18:
                self._fill()
                continue
            parts = [self.buffer[self.position:]]
            while missing > 0:
                data = self.socket.recv(min(missing, 1 << 22))
                if not data:
                    raise ConnectionError("the server closed the connection")
                parts.append(data)
                missing -= len(data)
            self.buffer, self.position = b"".join(parts), 0
        start = self.position
        self.position = start + size + 2
        return self.buffer[start:start + size]
