#!/usr/bin/env python3
"""memoir-journal on journals that are sound, torn and damaged: what it prints, what it returns.

    journal_tool.py [--server PATH] [--tool PATH] [CASE...]

A real server writes each journal. The last line is "N passed, N failed".
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from client.process import Server, memoir_path

HEADER = 128  # bytes of a segment before its first frame
WELL, DAMAGED, FAILED = 0, 1, 2


class Journal:
    """The journal a server left, and the tool to look at it."""

    def __init__(self, options, requests, end="stop", segment_size=None):
        self.tool = options.tool
        arguments = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        if segment_size:
            arguments += ["--journal-segment-size", segment_size]
        self.server = Server(options.server, arguments)
        try:
            self.server.start()
            connection = self.server.connect()
            connection.call("CLIENT", "SETNAME", "writer")
            for request in requests:  # one frame each: its sync comes before its reply
                connection.call(*request)
            connection.close()
            assert end == "kill" or self.server.stop() == 0
            if end == "kill":
                self.server.kill()
        except BaseException:
            self.server.close()
            raise
        self.dir = self.server.folder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def run(self, *words):
        done = subprocess.run([self.tool] + list(words), capture_output=True, timeout=60,
                              check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def segments(self):
        return sorted(glob.glob(os.path.join(self.dir, "journal/*/*.journal")))

    def frames(self):
        """Offsets of the last segment's frames."""
        with open(self.segments()[-1], "rb") as file:
            data = file.read()
        return [match.start() for match in re.finditer(b"JMRF", data)]

    def change(self, offset, data=None, segment=-1):
        """Overwrites bytes of a segment, or inverts one."""
        with open(self.segments()[segment], "r+b") as file:
            file.seek(offset)
            if data is None:
                data = bytes([file.read(1)[0] ^ 0xFF])
                file.seek(offset)
            file.write(data)

    def content(self):
        """All that lies there, to show that nothing was touched."""
        return {path: read_bytes(path) for path in self.segments()}


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


WRITES = [["SET", "a", "1"], ["RPUSH", "l", "x", "quo\"te\n"], ["SELECT", "2"], ["SET", "b", "2"],
          ["SELECT", "0"], ["INCR", "a"], ["DEL", "l"]]


def sound(options):
    with Journal(options, WRITES) as journal:
        code, out, err = journal.run("verify", journal.dir)
        assert (code, err) == (WELL, ""), (code, err)
        assert re.match(r"timeline 1: 1 segment, LSN 0 to \d+, \d+ frames, 5 records; "
                        r"closed in good order\n"
                        r"A start uses the journal from its beginning\n$", out), out
        code, out, err = journal.run("print", journal.dir)
        assert (code, err) == (WELL, ""), (code, err)
        lines = out.splitlines()
        assert [line.split(" ", 3)[2:] for line in lines] == [
            ["0", '"SET" "a" "1"'], ["0", '"RPUSH" "l" "x" "quo\\"te\\n"'],
            ["2", '"SET" "b" "2"'], ["0", '"INCR" "a"'], ["0", '"DEL" "l"']], out
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \d+ ", line) for line in lines)
        code, out, err = journal.run("repair", journal.dir)
        assert (code, out, err) == (WELL, "Timeline 1 is sound: there is nothing to repair.\n", "")


def from_to_and_sessions(options):
    with Journal(options, WRITES) as journal:
        lines = journal.run("print", journal.dir)[1].splitlines()
        lsns = [line.split()[1] for line in lines]
        code, out, _ = journal.run("print", "--from", lsns[0], "--to", lsns[2], journal.dir)
        assert code == WELL and out.splitlines() == lines[1:3], out
        code, out, _ = journal.run("print", "--session-info", journal.dir)
        assert code == WELL
        for line in out.splitlines():
            assert re.search(r' "default" "127\.0\.0\.1:\d+" "writer" "', line), line
        # One segment, the journal's directory and a timeline's mean the same here.
        for path in (journal.segments()[0], os.path.join(journal.dir, "journal"),
                     os.path.dirname(journal.segments()[0])):
            assert journal.run("print", path)[:2] == (WELL, "\n".join(lines) + "\n"), path


def several_segments(options):
    requests = [["SET", "k%d" % i, "x" * 60000] for i in range(60)]
    with Journal(options, requests, segment_size="1mb") as journal:
        assert len(journal.segments()) >= 3
        code, out, err = journal.run("verify", journal.dir)
        assert (code, err) == (WELL, "") and "60 records; closed in good order" in out, (out, err)
        code, out, err = journal.run("verify", journal.segments()[0])
        assert code == WELL and re.search("1 segment, .*; sealed\n", out), (out, err)
        # Damage in a sealed segment; the later ones are lost with it.
        journal.change(HEADER + 3000, segment=0)
        code, out, err = journal.run("repair", journal.dir)
        assert code == DAMAGED, err
        assert "those of %d later segments" % (len(journal.segments()) - 1) in out, out


def running(options):
    """A journal that a killed server left, and one that a server writes just now."""
    with Journal(options, WRITES, end="kill") as journal:
        code, out, err = journal.run("verify", journal.dir)
        assert (code, err) == (WELL, "") and "5 records; not closed: a running server" in out, out
        server = journal.server
        server.start()
        assert journal.run("verify", journal.dir)[0] == WELL
        code, out, err = journal.run("repair", journal.dir)
        assert code == FAILED and out == "" and "stop the server first" in err, err


def torn(options):
    """Half of the last frame is missing, as after a loss of power: no damage, and cut at start."""
    with Journal(options, WRITES, end="kill") as journal:
        last = journal.frames()[-1]
        with open(journal.segments()[-1], "r+b") as file:
            file.truncate(last + 70)
        code, out, err = journal.run("verify", journal.dir)
        assert (code, err) == (WELL, ""), (code, err)
        assert "4 records; a torn write at its end" in out and "at offset %d" % last in out, out
        code, out, err = journal.run("print", journal.dir)
        assert code == WELL and len(out.splitlines()) == 4, out
        assert "ends in a torn write at offset %d" % last in err, err
        before = journal.content()
        code, out, err = journal.run("repair", journal.dir)
        assert code == DAMAGED and "Nothing has been changed." in out, out
        assert journal.content() == before
        journal.server.start()
        connection = journal.server.connect()
        assert connection.call("GET", "a") == b"2" and connection.call("EXISTS", "l") == 1
        connection.close()


def damaged(options):
    """A changed byte in synced data: verify finds the place, the server refuses, repair cuts."""
    with Journal(options, WRITES) as journal:
        third = journal.frames()[2]
        journal.change(third + 20)
        before = journal.content()
        code, out, err = journal.run("verify", journal.dir)
        assert code == DAMAGED and "offset %d" % third in err, (code, err)
        code, out, err = journal.run("print", journal.dir)
        assert code == DAMAGED and len(out.splitlines()) == 2 and err != "", (out, err)
        server = journal.server
        server.start(wait=False)
        assert server.process.wait(30) == 1
        assert "memoir-journal" in server.log_tail(), server.log_tail()
        assert journal.content() == before
        code, out, err = journal.run("repair", journal.dir)
        assert code == DAMAGED and "is bad at offset %d" % third in out, out
        assert "memoir-journal repair --yes" in out and journal.content() == before
        code, out, err = journal.run("repair", "--yes", journal.dir)
        assert (code, err) == (WELL, "") and "kept in" in out, (out, err)
        kept = glob.glob(os.path.join(journal.dir, "journal/*/*.damaged"))
        assert kept, "what was cut off stays"
        assert journal.run("verify", journal.dir)[0] == WELL
        assert len(journal.run("print", journal.dir)[1].splitlines()) == 2
        server.start()
        connection = server.connect()
        assert connection.call("GET", "a") == b"1" and connection.call("LLEN", "l") == 2
        connection.close()


def damaged_header(options):
    with Journal(options, WRITES) as journal:
        journal.change(10)
        code, _, err = journal.run("verify", journal.dir)
        assert code == DAMAGED and err.startswith("memoir-journal: "), (code, err)


def wrong_calls(options):
    folder = tempfile.mkdtemp(prefix="memoir-test-")
    try:
        def run(*words):
            done = subprocess.run([options.tool] + list(words), capture_output=True, timeout=60,
                                  check=False)
            return done.returncode, done.stdout.decode(), done.stderr.decode()

        code, out, _ = run("--help")
        assert code == WELL and "memoir-journal verify" in out
        for words, text in (((), "memoir-journal print"), (("frobnicate",), "unknown command"),
                            (("verify",), "needs a path"), (("repair", "a", "b"), "one path"),
                            (("print", "--from", "x", folder), "needs a number"),
                            (("verify", "--yes", folder), "does not know the option"),
                            (("verify", folder), "no journal here"),
                            (("verify", os.path.join(folder, "none")), "none"),
                            (("print", "--timeline", "7", folder), "no journal here")):
            code, out, err = run(*words)
            assert code == FAILED and out == "" and text in err, (words, code, out, err)
    finally:
        shutil.rmtree(folder)


CASES = (sound, from_to_and_sessions, several_segments, running, torn, damaged, damaged_header,
         wrong_calls)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=memoir_path())
    parser.add_argument("--tool", default=os.environ.get("MEMOIR_JOURNAL"))
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    options.tool = options.tool or os.path.join(os.path.dirname(options.server), "memoir-journal")
    passed = failed = 0
    for case in CASES:
        if options.cases and case.__name__ not in options.cases:
            continue
        try:
            case(options)
            passed += 1
        except Exception:
            failed += 1
            print("%s:\n%s" % (case.__name__, traceback.format_exc()))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
