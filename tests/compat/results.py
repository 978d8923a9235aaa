"""What is listed as not passing, and how a run compares with it.

A line of the list:   unit <tab> test <tab> reason

The unit may begin with "redis:" or "valkey:" where a line is meant for one suite only; "*" in the
name of the unit or the test stands for anything. A reason that begins with "not run: " keeps the
test from running, for it would harm the tests behind it; with the test "*" a whole unit.
"""

import re

FAILURE_LINES_MAX = 12
NOT_RUN = "not run: "


def _pattern(text):
    return re.compile(".*".join(re.escape(part) for part in text.split("*")) + r"\Z", re.S)


class Entry:
    def __init__(self, number, unit, test, reason):
        self.number = number
        self.flavour, _, name = unit.rpartition(":")
        self.unit = _pattern(name)
        self.test_name = test
        self.test = _pattern(test)
        self.text = "%s: %s" % (unit, test)
        self.reason = reason

    def covers(self, flavour, unit, test):
        return (self.flavour in ("", flavour) and self.unit.match(unit) is not None
                and self.test.match(test) is not None)


class Listed:
    def __init__(self, path):
        self.entries = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                if not line.strip() or line.startswith("#"):
                    continue
                fields = line.split("\t")
                if len(fields) != 3 or not fields[2].strip():
                    raise SystemExit("%s:%d: expected unit <tab> test <tab> reason"
                                     % (path, number))
                self.entries.append(Entry(number, *fields))

    def find(self, flavour, unit, test):
        for entry in self.entries:
            if entry.covers(flavour, unit, test):
                return entry
        return None


    def not_run(self, flavour, unit):
        """The names of tests to leave out."""
        return [entry.test_name for entry in self.entries
                if entry.reason.startswith(NOT_RUN) and entry.flavour in ("", flavour)
                and entry.unit.match(unit) and entry.test_name != "*"]

    def unit_not_run(self, flavour, unit):
        """Why a whole unit is left out, or None."""
        for entry in self.entries:
            if (entry.test_name == "*" and entry.reason.startswith(NOT_RUN)
                    and entry.flavour in ("", flavour) and entry.unit.match(unit)):
                return entry.reason
        return None


class Tally:
    """Adds up the outcomes of units."""

    def __init__(self, listed):
        self.listed = listed
        self.units = {}

    def add(self, flavour, outcome, whole):
        """`whole`: nothing of the unit was left out on purpose."""
        unit = self.units[outcome.unit] = {
            "outcome": outcome, "bad": [], "fixed": [], "good": 0,
            "listed": len(self.listed.not_run(flavour, outcome.unit)) if whole else 0}
        for name, text in outcome.failed.items():
            if self.listed.find(flavour, outcome.unit, name):
                unit["listed"] += 1
            else:
                unit["bad"].append((name, text))
        for name in outcome.passed:
            if name in outcome.failed:
                continue  # one of several tests of that name did not pass
            unit["good"] += 1
            entry = self.listed.find(flavour, outcome.unit, name)
            if entry and "*" not in entry.text and whole:
                unit["fixed"].append((name, entry))
        if outcome.broken and not self.listed.find(flavour, outcome.unit, "(broken)"):
            unit["bad"].append(("(broken)", outcome.broken))

    def unit_line(self, name):
        unit = self.units[name]
        outcome = unit["outcome"]
        total = unit["good"] + len(unit["bad"]) + unit["listed"]
        share = 100.0 * unit["good"] / total if total else 100.0
        text = "%-28s %4d of %4d pass (%5.1f %%)" % (name, unit["good"], total, share)
        for count, what in ((unit["listed"], "listed"), (len(unit["bad"]), "UNEXPECTED"),
                            (len(unit["fixed"]), "PASS NOW"), (len(outcome.ignored), "ignored")):
            if count:
                text += ", %d %s" % (count, what)
        return "%s  %d s" % (text, outcome.seconds)

    def unexpected_of(self, name):
        unit = self.units[name]
        for test, text in unit["bad"]:
            lines = text.strip().split("\n")
            yield "  FAILED  %s" % test
            for line in lines[:FAILURE_LINES_MAX]:
                yield "          %s" % line
        for test, entry in unit["fixed"]:
            yield "  PASSES, but not_passing.txt:%d lists it: %s" % (entry.number, test)

    def print_lines(self):
        for name, unit in self.units.items():
            for test, text in unit["bad"]:
                first = text.strip().split("\n")[0]
                print("%s\t%s\t%s" % (name, test.replace("\n", " "), first[:120]))

    def print_summary(self):
        def total(key):
            return sum(unit[key] if isinstance(unit[key], int) else len(unit[key])
                       for unit in self.units.values())

        good, listed, bad, fixed = (total(key) for key in ("good", "listed", "bad", "fixed"))
        ignored = sum(len(unit["outcome"].ignored) for unit in self.units.values())
        tests = good + listed + bad
        print("%d units, %d tests: %d pass (%.1f %%), %d do not and are listed with a reason "
              "(%.1f %%), %d fail unexpectedly, %d listed ones pass; %d ignored by the suite"
              % (len(self.units), tests, good, 100.0 * good / max(tests, 1), listed,
                 100.0 * listed / max(tests, 1), bad, fixed, ignored))
        print("%d passed, %d failed" % (good - fixed + listed, bad + fixed))
        return 1 if bad or fixed else 0
