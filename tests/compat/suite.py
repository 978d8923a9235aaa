"""A scratch copy of a checkout's Tcl suite, and the run of one unit in it.

The suite starts src/redis-server (or src/valkey-server) of its working folder, writes below
tests/tmp, and reads a few files of the checkout. The scratch folder has copies of what it may
write and links to the rest; its src/ has a link to what is tested in place of each binary.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

VALKEY_ONLY = ("enable-debug-assert ", "hide-user-data-from-log ")
TOOLS = ("cli", "benchmark", "check-rdb", "check-aof")
RESULT = re.compile(r"^\[(ok|err|exception|ignore|skip)\]: (.*)$")
TIMED = re.compile(r" \(\d+ ms\)$")
DONE = re.compile(r"^\[\d+/\d+ done\]: ")


class Outcome:
    """What one unit said: test name -> "ok" or its failure's text."""

    def __init__(self, unit):
        self.unit = unit
        self.passed = {}   # name -> times
        self.failed = {}   # name -> text of the first failure
        self.ignored = []
        self.broken = None  # why the unit did not run to its end
        self.seconds = 0.0


class Scratch:
    def __init__(self, checkout, server, tools, keep):
        self.checkout = os.path.abspath(checkout)
        self.server = os.path.abspath(server) if os.sep in server else shutil.which(server)
        self.tools = tools
        self.keep = keep
        self.folder = None
        self.flavour = ("valkey" if os.path.exists(os.path.join(self.checkout, "valkey.conf"))
                        else "redis")

    def __enter__(self):
        if not self.server or not os.access(self.server, os.X_OK):
            raise SystemExit("no server at %s: build it, or name one with --server" % self.server)
        self.folder = tempfile.mkdtemp(prefix="memoir-compat-")
        for name in os.listdir(self.checkout):
            source = os.path.join(self.checkout, name)
            if name == "tests":
                shutil.copytree(source, os.path.join(self.folder, name), symlinks=True,
                                ignore=shutil.ignore_patterns("tmp"))
            elif name not in ("src", ".git"):
                os.symlink(source, os.path.join(self.folder, name))
        os.makedirs(os.path.join(self.folder, "tests/tmp"), exist_ok=True)
        self._make_binaries()
        self._adapt_configuration()
        return self

    def __exit__(self, *_):
        if self.keep:
            print("kept: %s" % self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_binaries(self):
        source, target = (os.path.join(each, "src") for each in (self.checkout, self.folder))
        os.mkdir(target)
        replaced = {"%s-%s" % (house, part) for house in ("redis", "valkey")
                     for part in ("server", "sentinel") + TOOLS}
        for name in os.listdir(source):
            if name not in replaced:
                os.symlink(os.path.join(source, name), os.path.join(target, name))
        for house in ("redis", "valkey"):
            self._link(house + "-server", self.server)
            for part in TOOLS:
                found = self.tools + part if self.tools else shutil.which("redis-" + part)
                if found and os.path.exists(found):
                    self._link("%s-%s" % (house, part), found)

    def _adapt_configuration(self):
        """Valkey's default.conf has directives that Redis 7.2, and so Memoir, does not know."""
        path = os.path.join(self.folder, "tests/assets/default.conf")
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line for line in lines if not line.startswith(VALKEY_ONLY))

    def _link(self, name, binary):
        os.symlink(os.path.abspath(binary), os.path.join(self.folder, "src", name))

    def units(self):
        """All units there are, whether the suite's list names them or not."""
        base = os.path.join(self.folder, "tests")
        found = []
        for part in ("unit", "unit/type", "unit/cluster", "integration"):
            folder = os.path.join(base, part)
            if os.path.isdir(folder):
                found += ["%s/%s" % (part, name[:-4]) for name in sorted(os.listdir(folder))
                          if name.endswith(".tcl")]
        return found

    def run(self, unit, options, skipped):
        """Runs one unit in a process group of its own, which is gone afterwards."""
        command = ["tclsh", "tests/test_helper.tcl", "--single", unit, "--durable", "--dont-clean",
                   "--clients", str(options.clients), "--baseport", str(options.baseport + 40),
                   "--portcount", str(options.portcount - 40), "--timeout", str(options.timeout)]
        if os.path.basename(self.server).startswith("memoir"):
            command += ["--config", "io-threads", str(options.io_threads)]
        for test in skipped:
            command += ["--skiptest", test]
        for test in options.only:
            command += ["--only", test]
        outcome = Outcome(unit)
        began = time.monotonic()
        process = subprocess.Popen(command + options.extra, cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env=dict(os.environ, TERM="dumb"))
        try:
            output = process.communicate(timeout=options.timeout)[0]
        except subprocess.TimeoutExpired:
            outcome.broken = "stopped after %d s" % options.timeout
            output = b""
        finally:
            _end_group(process.pid)
        if outcome.broken:
            output = process.communicate()[0]
        outcome.seconds = time.monotonic() - began
        text = output.decode(errors="replace")
        if options.verbose:
            print(text)
        _read_output(text, outcome)
        return outcome


def _end_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _read_output(text, outcome):
    """The suite's lines; a failure goes on until the next line that begins a result."""
    suffix = " in tests/%s.tcl" % outcome.unit
    failing = None
    done = False
    for line in text.split("\n"):
        match = RESULT.match(line)
        if not match:
            if DONE.match(line):
                done, failing = True, None
            elif failing is not None and not line.startswith("["):
                outcome.failed[failing] += "\n" + line
            continue
        failing = None
        kind, rest = match.groups()
        if kind == "ok":
            name = TIMED.sub("", rest)
            outcome.passed[name] = outcome.passed.get(name, 0) + 1
        elif kind == "err" and rest.endswith(suffix):
            failing = _note_failure(outcome, rest[:-len(suffix)], "")
        elif kind in ("err", "exception"):
            failing = _note_failure(outcome, "(outside of tests) " + rest[:80], rest)
        else:
            outcome.ignored.append(rest)
    for name, failure in outcome.failed.items():
        # With --durable the suite cuts ten characters off an error; the next line has all of it.
        first, _, others = failure.strip().partition("\n")
        if first and others.partition("\n")[0].endswith(first):
            failure = others
        outcome.failed[name] = failure.partition("\n    while executing")[0]
    if not done and not outcome.broken:
        outcome.broken = "the suite ended early: " + text.strip()[-600:]


def _note_failure(outcome, name, text):
    """Keeps the first failure of that name; returns where its further lines go."""
    if name in outcome.failed:
        return None
    outcome.failed[name] = text
    return name
