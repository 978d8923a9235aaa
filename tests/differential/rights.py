#!/usr/bin/env python3
"""Random rules of ACL SETUSER, and what users may do by them: Memoir against Redis.

    rights.py [--steps N] [--seed S] [--subject PATH] [--oracle PATH]

Users get random rules, right and wrong ones; after each step the reply, ACL GETUSER and ACL LIST
must agree, then ACL DRYRUN of random commands, and now and then what a client that is logged in as
that user is told, what ACL LOG keeps of it, and whether the rules survive ACL SAVE and LOAD. The
texts of rules and errors are those of Redis 7.2, so the oracle must be at least that. The last line
is "N passed, N failed".
"""

import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from client.process import Server, memoir_path
from client.resp import Error

USERS = ["ann", "bob", "cid", "default"]
COMMANDS = ["get", "set", "del", "mget", "mset", "lpush", "blpop", "copy", "rename", "exists",
            "type", "ttl", "sunionstore", "zunionstore", "zadd", "hgetall", "publish", "spublish",
            "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "ping", "echo", "select",
            "config", "config|get", "config|set", "client", "client|id", "client|kill", "acl",
            "acl|whoami", "acl|setuser", "object|encoding", "object", "debug", "flushall", "keys",
            "multi", "exec", "auth", "hello", "slowlog|get", "memory|usage", "bitfield"]
CATEGORIES = ["all", "read", "write", "keyspace", "string", "list", "set", "sortedset", "hash",
              "pubsub", "admin", "dangerous", "fast", "slow", "blocking", "connection",
              "transaction", "READ", "nosuch"]
PATTERNS = ["*", "a*", "b:*", "k?", "key[12]", "a\\*", "x", "", "b:1", "**"]
KEYS = ["a", "a1", "b:1", "b:2", "k1", "key1", "key3", "x", "y", "a*", ""]
CHANNELS = ["a", "a1", "b:1", "k1", "a*", "b:*", "x", "*"]
REQUESTS = [
    "get K", "set K v", "set K v GET", "set K get", "set K v EX 10 get", "del K K", "mget K K K",
    "mset K v K v", "lpush K v", "blpop K K 0", "copy K K", "rename K K", "exists K K", "type K",
    "ttl K", "touch K", "strlen K", "sunionstore K K K", "zunionstore K 2 K K", "hgetall K",
    "sintercard 2 K K", "zadd K 1 m", "publish C m", "spublish C m", "subscribe C C",
    "psubscribe C C", "ssubscribe C C", "unsubscribe C", "ping", "echo x", "select 0", "select 1",
    "config get maxmemory", "config set maxmemory 0", "client id", "client kill ID 1",
    "acl whoami", "acl list", "object encoding K", "object help", "debug object K", "flushall",
    "keys *", "multi", "exec", "auth u p", "hello 3", "slowlog get", "memory usage K",
    "bitfield K get u4 0", "bitfield K set u4 0 1", "bitfield K get u4 0 overflow wrap",
    "sort K", "sort K STORE K", "sort_ro K", "eval s 1 K", "eval s 0 K", "eval s 3 K K",
    "eval_ro s 1 K", "xread streams K 0", "georadius K 1 1 1 m STORE K", "lmpop 1 K LEFT",
    "getdel K", "getex K", "append K v", "linsert K before a b", "smove K K m", "nosuch K", "get",
]


def rule(rng, depth=0):
    roll = rng.random()
    if roll < 0.22:
        name = rng.choice(COMMANDS)
        if rng.random() < 0.15:
            name = name.upper()
        if rng.random() < 0.08:
            name += rng.choice(["|x", "|", "|0", "|get|x", "x"])
        return rng.choice("++-") + name
    if roll < 0.40:
        return rng.choice("++-") + "@" + rng.choice(CATEGORIES)
    if roll < 0.58:
        return rng.choice(["~", "~", "%R~", "%W~", "%RW~", "%r~", "%", "%X~", "%R", "%WW~"]) \
            + rng.choice(PATTERNS)
    if roll < 0.66:
        return "&" + rng.choice(PATTERNS)
    if roll < 0.78:
        return rng.choice(["allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands",
                           "nocommands", "ALLKEYS", "resetchannels", "resetkeys"])
    if depth:
        return rng.choice(["on", "", "(", "junk"]) if roll > 0.95 else "+get"
    if roll < 0.90:
        return rng.choice(["on", "off", "nopass", "resetpass", "reset", "clearselectors",
                           "sanitize-payload", "skip-sanitize-payload", "ON", "Reset"])
    if roll < 0.95:
        return rng.choice([">", "<", ">", "#", "!"]) + rng.choice(
            ["secret", "other", "", "a" * 64, "A" * 64, "0123456789abcdef" * 4])
    return rng.choice(["", "junk", "(", ")", "+", "-", "@all", "+@", "~a b", "&a b", " on", "()"])


def rules(rng):
    words = [rule(rng) for _ in range(rng.choice((0, 1, 1, 2, 3, 5)))]
    if rng.random() < 0.3:
        inner = [rule(rng, 1) for _ in range(rng.choice((0, 1, 2, 3)))]
        inner = [word for word in inner if " " not in word and word != "("]
        text = "(" + " ".join(inner) + ")"
        words += [text] if rng.random() < 0.6 else text.split(" ")
    rng.shuffle(words) if rng.random() < 0.2 else None
    return words


def request(rng):
    text = rng.choice(REQUESTS)
    return [rng.choice(KEYS) if word == "K" else rng.choice(CHANNELS) if word == "C" else word
            for word in text.split(" ")]


class OracleEnded(Exception):
    """Redis asserts that the rules it shows make the bitmap it has; for some they do not."""


class Rights:
    def __init__(self, subject, oracle, rng):
        self.servers = (subject, oracle)
        self.rng = rng
        self.connections = [server.connect() for server in self.servers]
        self.failed = 0
        version = self.connections[1].call("INFO", "server").decode()
        version = version.split("redis_version:")[1].split("\r")[0]
        self.exact = tuple(map(int, version.split(".")[:2])) >= (7, 2)
        self.known = [{bytes(name) for name in each.call("COMMAND", "LIST")}
                      for each in self.connections]

    def start_again(self):
        for server in self.servers:
            server.stop()
            server.start()
        self.connections = [server.connect() for server in self.servers]

    def ask(self, *words, view=None):
        replies = []
        for server, connection in zip(self.servers, self.connections):
            try:
                replies.append(connection.call(*words))
            except ConnectionError:
                if server is self.servers[1]:
                    raise OracleEnded(words)
                raise RuntimeError("%s ended at %r; its log:\n%s"
                                   % (server.binary, words, server.log_tail()))
        mine, theirs = replies
        if view:
            mine, theirs = view(mine), view(theirs)
        if mine != theirs:
            self.failed += 1
            print("DIFFERENCE\n  command: %r\n  oracle:  %r\n  subject: %r"
                  % (words, theirs, mine))
        return mine

    def both_know(self, words):
        name = words[0].encode()
        return all(name in known for known in self.known)

    def step(self):
        rng = self.rng
        user = rng.choice(USERS[:3])
        self.ask("ACL", "SETUSER", user, *rules(rng))
        self.ask("ACL", "GETUSER", user)
        for _ in range(6):
            words = request(rng)
            if self.both_know(words) or words[0] == "nosuch":
                self.ask("ACL", "DRYRUN", user, *words)
        if rng.random() < 0.05:
            self.logged_in(user)
        if rng.random() < 0.02:
            self.saved()
        if rng.random() < 0.05:
            self.ask("ACL", "DELUSER", rng.choice(USERS[:3] + ["nobody"]), view=None)

    def logged_in(self, user):
        self.ask("ACL", "LOG", "RESET")
        self.ask("ACL", "SETUSER", user, "on", "nopass")
        clients = [server.connect() for server in self.servers]
        for client in clients:
            client.call("AUTH", user, "x")
        for _ in range(8):
            words = request(self.rng)
            if words[0] in ("subscribe", "psubscribe", "ssubscribe", "blpop", "xread", "multi",
                            "exec", "hello", "auth", "debug", "flushall", "client", "config",
                            "eval", "eval_ro", "memory", "slowlog", "acl", "unsubscribe",
                            "nosuch") or not self.both_know(words):
                continue
            replies = [client.call(*words) for client in clients]
            refused = [isinstance(each, Error) and each.startswith(b"NOPERM") for each in replies]
            same = replies[0] == replies[1] if any(refused) else True
            if refused[0] != refused[1] or not same:
                self.failed += 1
                print("DIFFERENCE as %s\n  command: %r\n  oracle:  %r\n  subject: %r"
                      % (user, words, replies[1], replies[0]))
        for client in clients:
            client.close()
        self.ask("ACL", "LOG", "20", view=log_entries)

    def saved(self):
        before = self.connections[0].call("ACL", "LIST")
        self.ask("ACL", "SAVE")
        self.ask("ACL", "LOAD")
        after = self.connections[0].call("ACL", "LIST")
        if before != after:
            self.failed += 1
            print("DIFFERENCE after SAVE and LOAD\n  before: %r\n  after:  %r" % (before, after))


def log_entries(reply):
    return [entry[:10] for entry in reply]  # count, reason, context, object, user


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--subject", default=memoir_path())
    parser.add_argument("--oracle", default="redis-server")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    print("seed %d" % seed)
    settings = ["--save", "", "--appendonly", "no", "--aclfile", "users.acl"]
    with Server(options.oracle, settings) as oracle, Server(options.subject, settings) as subject:
        for server in (oracle, subject):
            open(os.path.join(server.folder, "users.acl"), "w").close()
            server.start()
        rights = Rights(subject, oracle, random.Random(seed))
        if not rights.exact:
            print("the oracle is older than 7.2: nothing can be compared")
            print("0 passed, 0 failed")
            return 0
        steps = 0
        while steps < options.steps and rights.failed < 8:
            try:
                rights.step()
            except OracleEnded as ended:
                print("the oracle ended at %r" % ended.args)
                rights.start_again()
            steps += 1
    print("%d passed, %d failed" % (steps - min(rights.failed, steps), rights.failed))
    return 1 if rights.failed else 0


if __name__ == "__main__":
    sys.exit(main())
