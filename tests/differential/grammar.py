"""The table of commands: syntax to generate from, how often, and how replies are compared.

Syntax: UPPER words are literal, lower ones are drawn by words.py; [x] optional, (a|b) a choice,
<a b>... repeated. Options (a run of [..] groups) come in any order, and sometimes twice. A command
appears in several rows where one syntax does not say it all. "+" joins no words: a row is one
command.

Comparison (see compare.py): exact, set, pairs, score, ttl, few, scan, random, pop, type, skip.
"""

import re

import grammar_admin
import grammar_bits
import grammar_fieldttl
import grammar_scripts
import grammar_serial
import grammar_stream
import words

# (syntax, weight, comparison)
ROWS = [
    # strings
    ("SET skey value [(NX|XX)] [GET] [(EX sec|PX ms|EXAT ts|PXAT mts|KEEPTTL)]", 14, "exact"),
    ("SET key value", 3, "exact"),
    ("GET skey", 10, "exact"),
    ("GETDEL skey", 2, "exact"),
    ("GETEX skey [(EX sec|PX ms|EXAT ts|PXAT mts|PERSIST)]", 4, "exact"),
    ("GETSET skey value", 2, "exact"),
    ("GETRANGE skey index index", 3, "exact"),
    ("SUBSTR skey index index", 1, "exact"),
    ("SETRANGE skey offset value", 3, "exact"),
    ("STRLEN skey", 2, "exact"),
    ("APPEND skey value", 3, "exact"),
    ("INCR skey", 3, "exact"),
    ("DECR skey", 3, "exact"),
    ("INCRBY skey int", 3, "exact"),
    ("DECRBY skey int", 3, "exact"),
    ("INCRBYFLOAT skey float", 4, "exact"),
    ("MGET key...", 3, "exact"),
    ("MSET <skey value>...", 2, "exact"),
    ("MSETNX <skey value>...", 2, "exact"),
    ("SETEX skey sec value", 2, "exact"),
    ("PSETEX skey ms value", 2, "exact"),
    ("SETNX skey value", 2, "exact"),
    ("LCS skey skey [LEN] [IDX] [MINMATCHLEN index] [WITHMATCHLEN]", 2, "exact"),
    # keys
    ("DEL key...", 3, "exact"),
    ("UNLINK key...", 2, "exact"),
    ("EXISTS key...", 2, "exact"),
    ("TOUCH key...", 1, "exact"),
    ("TYPE key", 3, "exact"),
    ("RENAME key key", 1, "exact"),
    ("RENAME skey skey", 1, "exact"),
    ("RENAMENX key key", 1, "exact"),
    ("COPY key key [DB db] [REPLACE]", 3, "exact"),
    ("MOVE key db", 2, "exact"),
    ("DBSIZE", 1, "few"),
    ("KEYS pattern", 2, "set"),
    ("SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]", 3, "scan"),
    ("RANDOMKEY", 1, "random"),
    ("EXPIRE key sec [(NX|XX|GT|LT)]", 3, "exact"),
    ("PEXPIRE key ms [(NX|XX|GT|LT)]", 3, "exact"),
    ("EXPIREAT key ts [(NX|XX|GT|LT)]", 3, "exact"),
    ("PEXPIREAT key mts [(NX|XX|GT|LT)]", 3, "exact"),
    ("EXPIRE key sec [NX] [XX] [GT] [LT]", 1, "exact"),
    ("TTL key", 2, "ttl"),
    ("PTTL key", 2, "pttl"),
    ("EXPIRETIME key", 2, "ttl"),
    ("PEXPIRETIME key", 2, "pttl"),
    ("PERSIST key", 2, "exact"),
    ("OBJECT ENCODING key", 5, "exact"),
    ("OBJECT REFCOUNT key", 1, "type"),
    ("OBJECT IDLETIME key", 1, "type"),
    ("OBJECT FREQ key", 1, "type"),
    ("OBJECT (HELP|nonsense) [key]", 1, "type"),
    # BY with ALPHA and LIMIT leaves open which of several elements without a weight are shown
    ("SORT lkey [BY (w_*|nosort|h*->m1|value)] [GET pattern] [(ASC|DESC)] [ALPHA] [STORE lkey]", 3,
     "sort"),
    ("SORT lkey [LIMIT index index] [GET (#|w_*)] [(ASC|DESC)] [ALPHA] [STORE lkey]", 2, "sort"),
    ("SORT lkey BY (w_*|s*|h*->m1) [LIMIT index index] [GET (#|s*)] [(ASC|DESC)] [STORE lkey]", 2,
     "sort"),
    ("SORT (ckey|zkey) [LIMIT index index] [GET (#|w_*|h*->m1)] "
     "[(ASC|DESC)] [ALPHA] [STORE lkey]", 2,
     "sort"),
    ("SORT_RO (lkey|ckey|zkey) [LIMIT index index] [GET #] "
     "[(ASC|DESC)] [ALPHA]", 1, "sort"),
    ("SORT_RO lkey BY (w_*|s*) [LIMIT index index] [GET (#|s*)] [(ASC|DESC)]", 1, "sort"),
    ("MSET <w_member int>...", 1, "exact"),
    ("FLUSHDB [(ASYNC|SYNC|junk)]", 0.15, "exact"),
    ("FLUSHALL [(ASYNC|SYNC|junk)]", 0.06, "exact"),
    ("SELECT db", 1, "exact"),
    ("SWAPDB db db", 0.5, "exact"),
    # lists
    ("LPUSH lkey value...", 5, "exact"),
    ("RPUSH lkey value...", 6, "exact"),
    ("LPUSHX lkey value...", 1, "exact"),
    ("RPUSHX lkey value...", 1, "exact"),
    ("LPOP lkey [count]", 2, "exact"),
    ("RPOP lkey [count]", 2, "exact"),
    ("LLEN lkey", 2, "exact"),
    ("LINDEX lkey index", 2, "exact"),
    ("LSET lkey index value", 3, "exact"),
    ("LRANGE lkey index index", 5, "exact"),
    ("LTRIM lkey index index", 1, "exact"),
    ("LREM lkey count value", 3, "exact"),
    ("LINSERT lkey (BEFORE|AFTER) value value", 3, "exact"),
    ("LPOS lkey value [RANK index] [COUNT count] [MAXLEN count]", 4, "exact"),
    ("RPOPLPUSH lkey lkey", 2, "exact"),
    ("LMOVE lkey lkey (LEFT|RIGHT) (LEFT|RIGHT)", 3, "exact"),
    ("LMPOP lkeys (LEFT|RIGHT) [COUNT count]", 3, "exact"),
    ("BLPOP lkey... timeout", 1, "exact"),
    ("BRPOP lkey... timeout", 1, "exact"),
    ("BRPOPLPUSH lkey lkey timeout", 1, "exact"),
    ("BLMOVE lkey lkey (LEFT|RIGHT) (LEFT|RIGHT) timeout", 1, "exact"),
    ("BLMPOP timeout lkeys (LEFT|RIGHT) [COUNT count]", 1, "exact"),
    # hashes
    ("HSET hkey <field value>...", 8, "exact"),
    ("HMSET hkey <field value>...", 2, "exact"),
    ("HSETNX hkey field value", 2, "exact"),
    ("HGET hkey field", 3, "exact"),
    ("HMGET hkey field...", 2, "exact"),
    ("HGETALL hkey", 3, "pairs"),
    ("HKEYS hkey", 2, "set"),
    ("HVALS hkey", 2, "set"),
    ("HLEN hkey", 2, "exact"),
    ("HSTRLEN hkey field", 1, "exact"),
    ("HEXISTS hkey field", 1, "exact"),
    ("HDEL hkey field...", 4, "exact"),
    ("HINCRBY hkey field int", 3, "exact"),
    ("HINCRBYFLOAT hkey field float", 3, "exact"),
    ("HRANDFIELD hkey [randomcount]", 2, "random"),
    ("HRANDFIELD hkey randomcount WITHVALUES", 2, "random"),
    ("HSCAN hkey cursor [MATCH pattern] [COUNT count]", 2, "scan"),
    # sets
    ("SADD ckey member...", 9, "exact"),
    ("SREM ckey member...", 4, "exact"),
    ("SISMEMBER ckey member", 2, "exact"),
    ("SMISMEMBER ckey member...", 2, "exact"),
    ("SMEMBERS ckey", 3, "set"),
    ("SCARD ckey", 2, "exact"),
    ("SMOVE ckey ckey member", 3, "exact"),
    ("SPOP ckey", 1, "pop"),
    ("SPOP ckey count", 1, "pop"),
    ("SRANDMEMBER ckey [randomcount]", 3, "random"),
    ("SUNION ckey...", 2, "set"),
    ("SINTER ckey...", 2, "set"),
    ("SDIFF ckey...", 2, "set"),
    ("SUNIONSTORE ckey ckey...", 2, "exact"),
    ("SINTERSTORE ckey ckey...", 2, "exact"),
    ("SDIFFSTORE ckey ckey...", 2, "exact"),
    ("SINTERCARD ckeys [LIMIT count]", 2, "exact"),
    ("SSCAN ckey cursor [MATCH pattern] [COUNT count]", 2, "scan"),
    # sorted sets
    ("ZADD zkey [(NX|XX)] [(GT|LT)] [CH] [INCR] <score member>...", 10, "score"),
    ("ZADD zkey <score member>...", 6, "score"),
    ("ZADD zkey [(NX|XX)] [(GT|LT)] [CH] INCR score member", 2, "score"),
    # lexicographic ranges are defined only where all scores are equal: the x keys
    ("ZADD xkey <0 member>...", 4, "exact"),
    ("ZREM xkey member...", 1, "exact"),
    ("ZPOPMIN xkey [count]", 0.3, "score"),
    ("SET xs value", 0.3, "exact"),
    ("ZINCRBY zkey score member", 3, "score"),
    ("ZREM zkey member...", 3, "exact"),
    ("ZSCORE zkey member", 2, "score"),
    ("ZMSCORE zkey member...", 2, "score"),
    ("ZCARD zkey", 2, "exact"),
    ("ZCOUNT zkey bound bound", 2, "exact"),
    ("ZLEXCOUNT xkey lex lex", 2, "exact"),
    ("ZRANK zkey member [WITHSCORE]", 2, "score"),
    ("ZREVRANK zkey member [WITHSCORE]", 2, "score"),
    ("ZRANGE zkey index index [REV] [WITHSCORES]", 4, "score"),
    ("ZRANGE zkey bound bound BYSCORE [REV] [LIMIT index index] [WITHSCORES]", 4, "score"),
    ("ZRANGE xkey lex lex BYLEX [REV] [LIMIT index index]", 3, "score"),
    ("ZRANGE xkey range range [(BYSCORE|BYLEX)] [REV] [LIMIT index index] "
     "[WITHSCORES]", 2, "score"),
    ("ZREVRANGE zkey index index [WITHSCORES]", 2, "score"),
    ("ZRANGEBYSCORE zkey bound bound [WITHSCORES] [LIMIT index index]", 3, "score"),
    ("ZREVRANGEBYSCORE zkey bound bound [WITHSCORES] [LIMIT index index]", 3, "score"),
    ("ZRANGEBYLEX xkey lex lex [LIMIT index index]", 2, "exact"),
    ("ZREVRANGEBYLEX xkey lex lex [LIMIT index index]", 2, "exact"),
    ("ZRANGESTORE zkey xkey range range [(BYSCORE|BYLEX)] [REV] [LIMIT index index]", 3, "exact"),
    ("ZRANGESTORE zkey zkey bound bound BYSCORE [REV] [LIMIT index index]", 2, "exact"),
    ("ZREMRANGEBYRANK zkey index index", 1, "exact"),
    ("ZREMRANGEBYSCORE zkey bound bound", 1, "exact"),
    ("ZREMRANGEBYLEX xkey lex lex", 1, "exact"),
    ("ZPOPMIN zkey [count]", 2, "score"),
    ("ZPOPMAX zkey [count]", 2, "score"),
    ("ZMPOP zkeys (MIN|MAX) [COUNT count]", 2, "score"),
    ("ZRANDMEMBER zkey [randomcount]", 2, "random"),
    ("ZRANDMEMBER zkey randomcount WITHSCORES", 2, "random"),
    ("ZSCAN zkey cursor [MATCH pattern] [COUNT count]", 2, "scan"),
    ("ZUNION zkeys [WEIGHTS weight...] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]", 2, "score"),
    ("ZINTER zkeys [WEIGHTS weight...] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]", 2, "score"),
    ("ZDIFF zkeys [WITHSCORES]", 2, "score"),
    (
    "ZUNION 2 zkey (zkey|ckey) WEIGHTS weight weight [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    2,
     "score"),
    ("ZUNIONSTORE zkey zkeys [WEIGHTS weight...] [AGGREGATE (SUM|MIN|MAX)]", 2, "exact"),
    (
    "ZUNIONSTORE zkey 2 zkey (zkey|ckey) WEIGHTS weight weight [AGGREGATE (SUM|MIN|MAX)]",
    2,
     "exact"),
    ("ZINTERSTORE zkey zkeys [WEIGHTS weight...] [AGGREGATE (SUM|MIN|MAX)]", 2, "exact"),
    ("ZDIFFSTORE zkey zkeys", 2, "exact"),
    ("ZINTERCARD zkeys [LIMIT count]", 2, "exact"),
    ("BZPOPMIN zkey... timeout", 1, "score"),
    ("BZPOPMAX zkey... timeout", 1, "score"),
    ("BZMPOP timeout zkeys (MIN|MAX) [COUNT count]", 1, "score"),
    # transactions
    ("MULTI", 2, "exact"),
    ("EXEC", 0.3, "exact"),
    ("DISCARD", 0.2, "exact"),
    ("WATCH key...", 2, "exact"),
    ("UNWATCH", 0.3, "exact"),
    # pub/sub without subscribers (the pub/sub scenario has them)
    ("PUBLISH channel value", 0.5, "exact"),
    ("SPUBLISH channel value", 0.3, "exact"),
    ("PUBSUB (CHANNELS [pattern]|NUMSUB channel...|NUMPAT|SHARDCHANNELS|"
     "SHARDNUMSUB channel|nonsense)", 0.5,
     "set"),
    # the server and the connection
    ("PING [value]", 1, "exact"),
    ("ECHO value", 1, "exact"),
    ("TIME", 0.3, "type"),
    ("INFO [(server|clients|memory|stats|keyspace|commandstats|everything|nonsense)]", 0.3, "type"),
    ("CONFIG GET settingname", 1, "pairs"),
    ("CONFIG GET settingname...", 0.3, "pairs"),
    ("CONFIG SET setting", 1.5, "exact"),
    ("CONFIG (SET junk|GET|RESETSTAT|RESETSTAT junk|nonsense)", 0.3, "exact"),
    ("CLIENT (ID|INFO|LIST|LIST TYPE normal)", 0.3, "type"),
    ("CLIENT (GETNAME|SETNAME member|NO-EVICT on|NO-EVICT off|NO-EVICT junk|REPLY junk)", 1,
     "exact"),
    ("CLIENT (UNBLOCK int|UNBLOCK 999999 [(TIMEOUT|ERROR|junk)]|KILL junk|KILL ID 999999|"
     "KILL ID junk|KILL TYPE junk|"
     "KILL LADDR 1.2.3.4:5 [SKIPME (yes|no|junk)]|PAUSE abc|PAUSE -1|UNPAUSE|LIST junk|"
     "LIST ID 999999|"
     "LIST TYPE junk|"
     "SETNAME|nonsense|NO-EVICT)", 1, "exact"),
    ("COMMAND GETKEYS command", 3, "exact"),
    ("COMMAND (GETKEYS|GETKEYS GET|GETKEYS nonsense a b|INFO nonsense|"
     "DOCS nonsense|nonsense)", 0.5, "exact"),
    ("COMMAND COUNT", 0.2, "type"),
    ("AUTH value [value]", 0.3, "exact"),
    ("HELLO [(2|3)] [SETNAME member]", 0.5, "hello"),
    ("HELLO (1|4|junk|3 SETNAME|3 junk|3 AUTH a|3 AUTH default value)", 0.3, "hello"),
    ("RESET", 0.3, "exact"),
    ("WAIT 0 0", 0.3, "exact"),
    ("WAIT (abc|-1|1.5) (abc|-1|1.5)", 0.2, "exact"),
    ("ROLE", 0.1, "type"),
    ("SHUTDOWN (junk|NOSAVE SAVE|ABORT)", 0.1, "exact"),
    ("DEBUG SET-ACTIVE-EXPIRE 1", 0.1, "type"),
    ("nonsense value...", 0.3, "exact"),
    ("TYPE", 0.2, "exact"),
]

# A mutated number would wait for ever, or make a reply without end.
NO_NUMBERS = {
    b"SRANDMEMBER",
    b"HRANDFIELD",
    b"ZRANDMEMBER",
    b"BLPOP",
    b"BRPOP",
    b"BRPOPLPUSH",
    b"BLMOVE",
    b"BLMPOP",
    b"BZPOPMIN",
    b"BZPOPMAX",
    b"BZMPOP",
    b"CLIENT",
    b"WAIT",
    b"DEBUG",
    b"SHUTDOWN",
    b"CONFIG",
    b"SETRANGE",
    b"HELLO"}

# A dropped word would stop the server.
NO_MUTATION = {b"SHUTDOWN", b"DEBUG"}

CONTAINERS = {b"OBJECT", b"CLIENT", b"CONFIG", b"COMMAND", b"PUBSUB", b"DEBUG"}

BLOCKING = {
    b"BLPOP",
    b"BRPOP",
    b"BRPOPLPUSH",
    b"BLMOVE",
    b"BLMPOP",
    b"BZPOPMIN",
    b"BZPOPMAX",
     b"BZMPOP"}

# The topics with files of their own.
for _topic in (grammar_admin, grammar_bits, grammar_fieldttl, grammar_scripts, grammar_serial,
               grammar_stream):
    ROWS += _topic.ROWS
    NO_NUMBERS |= getattr(_topic, "NO_NUMBERS", set())
    NO_MUTATION |= getattr(_topic, "NO_MUTATION", set())
    CONTAINERS |= getattr(_topic, "CONTAINERS", set())

# A swap could make a lifetime of a second, which ends here before there.
NO_SWAP = NO_NUMBERS | {b"SET", b"SETEX", b"PSETEX", b"GETEX", b"EXPIRE", b"PEXPIRE"}

_TOKEN = re.compile(r"\.\.\.|[\[\]()|<>]|(?:(?!\.\.\.)[^\s\[\]()|<>])+")


def parse(syntax):
    """The tree of a row's syntax: ("all", parts), ("any", choices), ("maybe", part), ("many",
    part), words.
    """
    tokens = _TOKEN.findall(syntax)
    position = 0

    def sequence(ends):
        nonlocal position
        parts = []
        while position < len(tokens) and tokens[position] not in ends:
            token = tokens[position]
            position += 1
            if token == "[":
                parts.append(("maybe", sequence("]")))
                position += 1
            elif token == "<":
                parts.append(sequence(">"))
                position += 1
            elif token == "(":
                choices = [sequence("|)")]
                while tokens[position] == "|":
                    position += 1
                    choices.append(sequence("|)"))
                position += 1
                parts.append(("any", choices))
            elif token == "...":
                parts[-1] = ("many", parts[-1])
            elif token in words.WORDS or token == "command":
                parts.append(("word", token))
            else:
                parts.append(("text", token.encode()))
        return ("all", parts)

    return sequence("")


class Row:
    def __init__(self, syntax, weight, comparison):
        self.name = syntax.split()[0].encode()
        self.syntax = syntax
        self.weight = weight
        self.comparison = comparison
        self.tree = parse(syntax)

    def names(self):
        """The names it stands for: "OBJECT ENCODING" where the first word chooses a subcommand."""
        if self.name not in CONTAINERS:
            return [self.name]
        first = self.tree[1][1]
        choices = [("all", [first])] if first[0] != "any" else first[1]
        return [self.name + b" " + choice[1][0][1].upper() for choice in choices
                if choice[1][0][0] == "text"]


class Grammar:
    """Draws random commands from the rows whose commands are in `supported` (upper case), or from
    all.
    """

    def __init__(self, supported=None):
        self.rows = [Row(*row) for row in ROWS]
        self.comparisons = {b"COMMAND": "type"}  # of all: the runner itself sends some
        for row in self.rows:
            for name in row.names():
                self.comparisons.setdefault(name, row.comparison)  # the first row decides
        if supported is not None:
            self.rows = [row for row in self.rows
                         if row.name in supported or row.name == b"nonsense"]
        self.names = {row.name for row in self.rows}
        self.weights = []
        total = 0.0
        for row in self.rows:
            total += row.weight
            self.weights.append(total)

    def draw(self, rng):
        """(words, row): a command that is right, or slightly wrong."""
        row = rng.choices(self.rows, cum_weights=self.weights)[0]
        out = []
        self._expand(row.tree, rng, out, wide=rng.random() < 0.02)
        if rng.random() < 0.07 and row.name not in NO_MUTATION and out[1:2] != [b"xs"] and (
                row.name != b"ZADD" or out[1] not in words.LEX_KEYS):
            mutate(out, rng)
        if rng.random() < 0.1:
            out[0] = out[0].lower()
        return out, row

    def comparison(self, request):
        """The name of the comparison for a request's replies."""
        if not request:
            return "exact"
        name = request[0].upper()
        if name in CONTAINERS and len(request) > 1:
            name += b" " + request[1].upper()
        if name in (b"COMMAND INFO", b"COMMAND DOCS") and len(request) == 2:
            return "type"  # all commands, in any order
        return self.comparisons.get(name, "exact")

    def _expand(self, node, rng, out, wide=False):
        kind, body = node
        if kind == "text":
            out.append(body if body.isdigit() or rng.random() < 0.95 else body.lower())
        elif kind == "word":
            if body == "command":
                words_, _ = self.draw(rng)
                out.extend(words_)
                return
            if wide and body in ("member", "field", "value"):
                out.append(words.wide_member(rng))
                return
            word = words.WORDS[body](rng)
            if type(word) is list:
                out.extend(word)
            else:
                out.append(word)
        elif kind == "any":
            self._expand(rng.choice(body), rng, out, wide)
        elif kind == "maybe":
            if rng.random() < 0.4:
                self._expand(body, rng, out, wide)
        elif kind == "many":
            times = rng.randint(100, 180) if wide else rng.choice((1, 1, 1, 2, 2, 3, 4, 6))
            for _ in range(times):
                self._expand(body, rng, out, wide)
        else:
            self._sequence(body, rng, out, wide)

    def _sequence(self, parts, rng, out, wide):
        position = 0
        while position < len(parts):
            if parts[position][0] != "maybe":
                self._expand(parts[position], rng, out, wide)
                position += 1
                continue
            options = []
            while position < len(parts) and parts[position][0] == "maybe":
                options.append(parts[position])
                position += 1
            if rng.random() < 0.3:
                rng.shuffle(options)
            if rng.random() < 0.03:
                options.append(rng.choice(options))
            for option in options:
                self._expand(option, rng, out, wide)


def mutate(out, rng):
    """Makes a command wrong in one place (or nearly wrong: the servers must agree either way)."""
    roll = rng.random()
    place = rng.randrange(1, len(out)) if len(out) > 1 else 0
    name = out[0].upper()  # written in either case by now
    if roll < 0.30 and place:
        del out[place]
    elif roll < 0.50:
        out.append(words.junk(rng) if name not in NO_NUMBERS else b"junk")
    elif roll < 0.62 and place:
        out.insert(place, out[place])
    elif roll < 0.85 and place:
        out[place] = words.junk(rng) if name not in NO_NUMBERS else b"junk"
    elif place and name not in NO_SWAP:
        other = rng.randrange(1, len(out))
        out[place], out[other] = out[other], out[place]
