"""A server process of a test: its own port, its own folder, stopped by its own pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

from .ports import Port
from .resp import Connection, Error

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def memoir_path():
    """The server under test: $MEMOIR_SERVER, or the release build."""
    return os.environ.get("MEMOIR_SERVER") or os.path.join(TOP, "build/release/memoir-server")


class PortTaken(RuntimeError):
    """The server ended at start because somebody else listens on its port."""


class Server:
    """One server; start() and stop() may alternate, port and folder stay until close()."""

    def __init__(self, binary, arguments=(), prefix=()):
        self.binary = binary
        self.arguments = list(arguments)
        self.prefix = list(prefix)
        self.folder = tempfile.mkdtemp(prefix="memoir-test-")
        self.log = os.path.join(self.folder, "server.log")
        self.process = None
        self.port = None
        self.reserved = None

    def start(self, wait=True, timeout=60.0):
        for attempt in range(5):
            if self.reserved is None:
                self.reserved = Port()
            self.port = self.reserved.number
            try:
                return self._start(wait, timeout)
            except PortTaken:
                self.reserved.close()
                self.reserved = None
                if attempt == 4:
                    raise

    def _start(self, wait, timeout):
        command = self.prefix + [self.binary, "--port", str(self.port), "--bind", "127.0.0.1",
                                 "--dir", self.folder, "--daemonize", "no"] + self.arguments
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=60.0):
        end = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                log = self.log_tail()
                taken = "Address already in use" in log or "Failed listening on port" in log
                raise (PortTaken if taken else RuntimeError)(
                    "%s ended at start with %s:\n%s"
                    % (self.binary, self.process.returncode, log))
            try:
                connection = Connection(port=self.port, timeout=5.0)
                reply = connection.call("PING")
                connection.close()
                if not isinstance(reply, Error) or reply.startswith((b"NOAUTH", b"NOPERM")):
                    return
            except (OSError, ConnectionError):
                pass
            if time.monotonic() > end:
                raise RuntimeError("%s did not answer PING:\n%s" % (self.binary, self.log_tail()))
            time.sleep(0.01)

    def connect(self, timeout=20.0):
        return Connection(port=self.port, timeout=timeout)

    def kill(self):
        """kill -9, as a power cut for the process (not for the kernel)."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=30.0):
        """SIGTERM; returns the exit status."""
        if self.process is None or self.process.poll() is not None:
            return None if self.process is None else self.process.returncode
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self, lines=60):
        try:
            with open(self.log, "rb") as log:
                return b"\n".join(log.read().splitlines()[-lines:]).decode(errors="replace")
        except OSError:
            return ""

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.reserved is not None:
                self.reserved.close()
                self.reserved = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
