#!/usr/bin/env python3
"""Checks the command table: what the oracle has is generated here or excused, and Memoir's rows
agree with it.

    coverage.py [--subject PATH] [--oracle PATH] [--no-subject]

 1. every command of the oracle's COMMAND LIST is in the differential grammar or in NOT_GENERATED;
 2. every generated command exists in Memoir;
 3. COMMAND INFO of every command that both have: arity, flags, key positions, categories,
 subcommands; 4. COMMAND DOCS: the arguments as clients make hints of them, if the oracle is 7.2 or
 later; with 7.0 their tokens.
"""

import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import grammar
import known_differences
from client.process import Server, memoir_path
from client.resp import Error

CATEGORIES = """keyspace read write set sortedset list hash string bitmap hyperloglog geo stream
    pubsub admin fast slow blocking dangerous connection transaction scripting""".split()

LATER = "not yet there"
OTHER = "tested elsewhere: integration tests"

# Rows of the grammar may wait for commands that are not yet there.
NOT_GENERATED = {
    LATER: """asking cluster readonly readwrite replconf psync sync replicaof slaveof failover
        module""",
    OTHER: """subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe quit monitor
        slowlog save bgsave bgrewriteaof lastsave waitaof migrate""",
    "takes a second": "pfselftest",
    "answers to HTTP requests that close the connection": "host: post",
}


def commands_of(server):
    connection = server.connect()
    rows = {}
    reply = connection.call("COMMAND")
    if isinstance(reply, Error):
        raise RuntimeError("COMMAND answers %r" % reply)
    for row in reply:
        rows[bytes(row[0]).lower().decode()] = row
        for sub in row[9] if len(row) > 9 else []:
            rows[bytes(sub[0]).lower().decode()] = sub
    connection.close()
    return rows


def docs_of(server, names):
    connection = server.connect()
    docs = {}
    for name in names:
        reply = connection.call("COMMAND", "DOCS", name)
        if isinstance(reply, list) and len(reply) == 2:
            fields = reply[1]
            docs[name] = dict(zip([bytes(f) for f in fields[::2]], fields[1::2]))
    connection.close()
    return docs


def has_display_texts(server):
    """Whether the oracle is 7.2 or later, whose COMMAND DOCS Memoir's are like."""
    connection = server.connect()
    found = b"display_text" in repr(connection.call("COMMAND", "DOCS", "GET")).encode()
    connection.close()
    return found


def argument_tokens(arguments):
    """The tokens of a command's arguments and those inside them."""
    found = []
    for argument in arguments or []:
        fields = dict(zip([bytes(f) for f in argument[::2]], argument[1::2]))
        if b"token" in fields and bytes(fields[b"token"]):
            found.append(bytes(fields[b"token"]).upper().decode())
        found += argument_tokens(fields.get(b"arguments"))
    return found


def argument_shape(argument):
    """What a client makes of an argument: all of its fields but the names of groups."""
    fields = dict(zip([bytes(f) for f in argument[::2]], argument[1::2]))

    def text(name):
        return bytes(fields.get(name, b"")).decode()

    parts = [argument_shape(part) for part in fields.get(b"arguments", [])]
    flags = sorted(names(fields.get(b"flags", [])))
    shown = text(b"display_text") if not parts and text(b"type") != "pure-token" else ""
    if text(b"type") == "oneof":
        parts.sort(key=repr)
    return (text(b"type"), text(b"token"), shown, flags, fields.get(b"key_spec_index"), parts)


def first_difference(a, b, path=""):
    """Where two lists of argument shapes part, as text; None if they are equal."""
    if len(a) != len(b):
        return "%s: %d arguments, the oracle has %d: %s against %s" % (
            path or "in all", len(b), len(a), [x[:3] for x in b], [x[:3] for x in a])
    for number, (x, y) in enumerate(zip(a, b)):
        here = "%s/%s" % (path, x[1] or x[2] or number)
        if x[:5] != y[:5]:
            return "%s: %s, the oracle's is %s" % (here, y[:5], x[:5])
        inner = first_difference(x[5], y[5], here)
        if inner:
            return inner
    return None


def without_text(arguments):
    """The arguments that are leaves and have no display_text; redis-cli's help ends at such."""
    found = []
    for argument in arguments or []:
        fields = dict(zip([bytes(f) for f in argument[::2]], argument[1::2]))
        if b"arguments" in fields:
            found += without_text(fields[b"arguments"])
        elif b"display_text" not in fields:
            found.append(bytes(fields[b"name"]).decode())
    return found


def key_positions(row):
    return tuple(row[3:6])


def names(words):
    return {bytes(word).lower().decode() for word in words}


def check_info(oracle, subject):
    """Lines on COMMAND INFO fields that differ."""
    excused = {(command, field) for command, field, _ in known_differences.command_info()}
    problems = []
    for name in sorted(set(oracle) & set(subject)):
        a, b = oracle[name], subject[name]
        if a[1] != b[1] and (name, "arity") not in excused:
            problems.append("%s: arity is %d, the oracle's is %d" % (name, b[1], a[1]))
        if (name, "flags") not in excused and names(a[2]) != names(b[2]):
            problems.append("%s: flags missing %s, extra %s" % (
                name, sorted(names(a[2]) - names(b[2])), sorted(names(b[2]) - names(a[2]))))
        if key_positions(a) != key_positions(b) and (name, "keys") not in excused:
            problems.append("%s: key positions are %s, the oracle's are %s" % (
                name, key_positions(b), key_positions(a)))
        if (name, "categories") not in excused and names(a[6]) != names(b[6]):
            problems.append("%s: categories missing %s, extra %s" % (
                name, sorted(names(a[6]) - names(b[6])), sorted(names(b[6]) - names(a[6]))))
        if "|" not in name and len(b) > 9:
            missing = names([sub[0] for sub in a[9]]) - names([sub[0] for sub in b[9]])
            missing = {sub for sub in missing if (sub, "subcommand") not in excused}
            if missing:
                problems.append("%s: subcommands missing: %s" % (name, ", ".join(sorted(missing))))
    return problems


def check_lists(oracle, subject, both):
    """COMMAND LIST FILTERBY: of the commands that both have, the same ones."""
    filters = [("ACLCAT", category) for category in CATEGORIES]
    filters += [("PATTERN", pattern) for pattern in ("*", "z*", "*RANGE*", "config|*", "[gs]et?*")]
    filters += [("MODULE", "none"), ("ACLCAT", "none")]
    excused = {command for command, field, _ in known_differences.COMMAND_INFO
               if field == "categories"}
    problems = []
    lists = []
    for server in (oracle, subject):
        connection = server.connect()
        lists.append([connection.call("COMMAND", "LIST", "FILTERBY", *words) for words in filters])
        connection.close()
    for words, expected, found in zip(filters, *lists):
        differing = (names(expected) ^ names(found)) & both - excused
        if differing:
            problems.append("FILTERBY %s: %s" % (" ".join(words), ", ".join(sorted(differing))))
    return problems


def check_keys(oracle, subject, both):
    """COMMAND GETKEYSANDFLAGS of generated requests."""
    rng = random.Random(7)
    generator = grammar.Grammar({name.upper().encode() for name in both if "|" not in name})
    a, b = oracle.connect(), subject.connect()
    problems, seen = [], set()
    excused = {command for command, field, _ in known_differences.COMMAND_INFO
               if field in ("keys", "arity")}
    for _ in range(4000):
        request, _ = generator.draw(rng)
        name = request[0].decode().lower()
        if name in excused or name in seen:
            continue
        expected, found = (each.call("COMMAND", "GETKEYSANDFLAGS", *request) for each in (a, b))
        if plain(expected) != plain(found):
            seen.add(name)
            problems.append("GETKEYSANDFLAGS %r: %s, the oracle says %s" % (
                request, plain(found), plain(expected)))
    a.close()
    b.close()
    return problems


def plain(reply):
    if isinstance(reply, Error):
        return bytes(reply)
    return [(bytes(key), sorted(bytes(flag) for flag in flags)) for key, flags in reply]


def docs_differences(name, oracle, subject, excused):
    problems = []
    shapes = [[argument_shape(each) for each in docs.get(b"arguments", [])]
              for docs in (oracle, subject)]
    difference = first_difference(*shapes)
    if difference:
        problems.append("%s: COMMAND DOCS: %s" % (name, difference))
    for field in (b"since", b"group", b"deprecated_since"):
        if oracle.get(field) != subject.get(field) and (name, field.decode()) not in excused:
            problems.append("%s: %s is %s, the oracle's is %s" % (
                name, field.decode(), subject.get(field), oracle.get(field)))
    return problems


def check_docs(oracle, subject, strictly):
    problems = []
    excused = {(command, field) for command, field, _ in known_differences.command_info()}
    for name in sorted(set(oracle) & set(subject)):
        if not subject[name].get(b"summary"):
            problems.append("%s: COMMAND DOCS has no summary" % name)
        if (name, "docs") in excused:
            continue
        bare = without_text(subject[name].get(b"arguments"))
        if bare:
            problems.append("%s: COMMAND DOCS has no display_text for %s" % (name, ", ".join(bare)))
        if strictly:
            problems += docs_differences(name, oracle[name], subject[name], excused)
            continue
        missing = set(argument_tokens(oracle[name].get(b"arguments"))) - set(
            argument_tokens(subject[name].get(b"arguments")))
        missing = {word for word in missing if (name, word) not in excused}
        if missing:
            problems.append("%s: COMMAND DOCS lacks the words %s" %
                            (name, ", ".join(sorted(missing))))
    return problems


def main():
    parser = argparse.ArgumentParser(
    description=__doc__,
     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--subject", default=memoir_path())
    parser.add_argument("--oracle", default="redis-server")
    parser.add_argument("--no-subject", action="store_true")
    options = parser.parse_args()

    generated = {row[0].split()[0].lower() for row in grammar.ROWS}
    excused = {name: reason for reason, text in NOT_GENERATED.items() for name in text.split()}
    later = set(NOT_GENERATED[LATER].split())
    checks = []
    with Server(options.oracle, ["--save", "", "--appendonly", "no"]).start() as oracle:
        known_differences.consider(oracle)
        expected = commands_of(oracle)
        top = {name for name in expected if "|" not in name}
        checks.append(("every command of the oracle is generated or excused",
                       ["%s: neither generated nor excused" % name
                        for name in sorted(top - generated - set(excused))]))
        checks.append(("nothing is both generated and excused",
                       ["%s: generated, yet excused" % name
                        for name in sorted(generated & set(excused) - later)]))
        if not options.no_subject:
            with Server(options.subject, ["--save", "", "--appendonly", "no"]).start() as subject:
                found = commands_of(subject)
                checks.append(("every generated command exists",
                               ["%s: does not exist" % name
                                for name in sorted((generated & top) - later - set(found))]))
                checks.append(("nothing that exists is listed as not yet there",
                               ["%s: is there by now" % name
                                for name in sorted(later & set(found))]))
                checks.append(("COMMAND INFO agrees", check_info(expected, found)))
                both = sorted(set(found) & set(expected))
                checks.append(("COMMAND LIST agrees", check_lists(oracle, subject, set(both))))
                if has_display_texts(oracle):  # 7.0 asks for more words
                    checks.append(("COMMAND GETKEYSANDFLAGS agrees",
                                   check_keys(oracle, subject, set(both))))
                checks.append(("COMMAND DOCS agree", check_docs(
                    docs_of(oracle, both), docs_of(subject, both), has_display_texts(oracle))))
    failed = 0
    for title, problems in checks:
        print("%s: %s" % (title, "%d problems" % len(problems) if problems else "yes"))
        for problem in problems:
            print("  " + problem)
        failed += bool(problems)
    print("%d passed, %d failed" % (len(checks) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
