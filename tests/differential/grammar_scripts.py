"""Rows and words for scripts and functions.

A script is some statements and a result, put together at random from calls of a few commands on
KEYS[1] and KEYS[2], conversions, the libraries, and errors of all kinds. Importing it adds the
words to words.WORDS.
"""

import hashlib

import words

LIBRARIES = [b"lib%d" % i for i in range(4)]

ROWS = [
    ("EVAL script callkeys", 12, "exact"),
    ("EVAL oddscript callkeys", 2, "exact"),
    ("EVAL script (junk|-1|3) key [value]", 0.5, "exact"),
    ("EVAL_RO roscript callkeys", 4, "exact"),
    ("EVAL_RO script callkeys", 1, "exact"),
    ("EVALSHA sha callkeys", 3, "exact"),
    ("EVALSHA_RO sha callkeys", 1, "exact"),
    ("EVALSHA junk 0", 0.3, "exact"),
    ("SCRIPT LOAD knownscript", 1, "exact"),
    ("SCRIPT LOAD oddscript", 0.5, "exact"),
    ("SCRIPT EXISTS sha...", 1, "exact"),
    ("SCRIPT FLUSH [(ASYNC|SYNC|junk)]", 0.2, "exact"),
    ("SCRIPT KILL", 0.2, "exact"),
    ("SCRIPT nonsense", 0.2, "exact"),
    ("FUNCTION LOAD [REPLACE] library", 3, "exact"),
    ("FUNCTION LOAD REPLACE library", 2, "exact"),
    ("FUNCTION LOAD [REPLACE] oddlibrary", 1, "exact"),
    ("FCALL functionname callkeys", 4, "exact"),
    ("FCALL_RO functionname callkeys", 2, "exact"),
    ("FCALL functionname (junk|-1|3) key", 0.3, "exact"),
    ("FUNCTION LIST LIBRARYNAME libraryname [WITHCODE]", 1, "exact"),
    ("FUNCTION DELETE libraryname", 0.7, "exact"),
    ("FUNCTION FLUSH [(ASYNC|SYNC|junk)]", 0.2, "exact"),
    ("FUNCTION (STATS|KILL)", 0.3, "exact"),
    ("FUNCTION (nonsense|RESTORE junk|RESTORE junk junk)", 0.2, "exact"),
]

# Words that are swapped or doubled in a script's request make long numbers of keys, no more.
NO_NUMBERS = set()
CONTAINERS = {b"SCRIPT", b"FUNCTION"}

READS = ["redis.call('get', KEYS[1])", "redis.call('strlen', KEYS[1])",
         "redis.call('exists', KEYS[1], KEYS[2])", "redis.call('type', KEYS[1])",
         "redis.call('lrange', KEYS[1], 0, -1)", "redis.call('llen', KEYS[2])",
         "redis.call('scard', KEYS[1])", "redis.call('hget', KEYS[1], 'f1')",
         "redis.call('zrank', KEYS[1], 'm1')", "redis.call('ttl', 'nothing')",
         "redis.call('mget', KEYS[1], KEYS[2], 'nothing')", "redis.call('echo', ARGV[1])",
         "redis.call('hmget', KEYS[1], 'f1', 'f2')", "redis.call('zcard', KEYS[2])",
         "redis.call('ping')"]
WRITES = ["redis.call('set', KEYS[1], ARGV[1])", "redis.call('append', KEYS[1], ARGV[1])",
          "redis.call('incr', KEYS[1])", "redis.call('del', KEYS[2])",
          "redis.call('rpush', KEYS[1], ARGV[1], 1, 2)", "redis.call('lpop', KEYS[1])",
          "redis.call('sadd', KEYS[1], 1, 2, 3)", "redis.call('hset', KEYS[1], 'f1', ARGV[1])",
          "redis.call('zadd', KEYS[1], 3, 'm1')", "redis.call('rename', KEYS[1], KEYS[2])",
          "redis.call('copy', KEYS[1], KEYS[2], 'replace')", "redis.call('persist', KEYS[1])",
          "redis.call('setrange', KEYS[1], 2, 'xy')", "redis.call('mset', KEYS[1], 1, KEYS[2], 2)",
          "redis.call('getset', KEYS[1], ARGV[1])"]
WRONG = ["redis.call('nosuch')", "redis.call('get')", "redis.call('get', {})", "redis.call()",
         "redis.call('multi')", "redis.call('subscribe', 'c')", "error('mine')",
         "error({err = 'MINE own'})", "nothing()", "(nil).field", "unknown",
         "redis.call('get', nil)",
         "redis.call('set', 'k')", "redis.call('lpush', KEYS[1])", "1 + {}", "assert(false, 'no')",
         "setmetatable(_G, {})", "rawset(redis, 'x', 1)", "redis.setresp(5)",
         "redis.call('config', 'nosub')", "redis.log('x')", "cjson.decode('{')",
         "cmsgpack.unpack('\\145')", "struct.unpack('i', 'x')", "string.rep()"]
VALUES = ["1", "-1", "3.99", "'text'", "true", "false", "nil", "KEYS", "ARGV", "#ARGV",
          "{1, 2, {3, 'x'}}", "{ok = 'FINE'}", "{err = 'BAD one'}", "{1, nil, 3}",
          "redis.status_reply('S')", "redis.error_reply('E rr')", "redis.error_reply('ALONE')",
          "redis.sha1hex(ARGV[1] or '')", "{double = 1.5}", "{map = {a = 1}}", "{set = {a = true}}",
          "{big_number = '99'}", "{verbatim_string = {string = 'v', format = 'txt'}}",
          "cjson.encode({1, 'a', {b = 2}})", "cjson.decode('[1,2,[3]]')",
          "cmsgpack.pack({1, 'a', {b = 2}})", "cmsgpack.unpack(cmsgpack.pack({1, {2}}))",
          "struct.pack('>hI3s', 1, 2, 'x')", "{struct.unpack('>h', 'ab')}", "bit.bxor(5, 3)",
          "bit.tohex(-1)", "select('#', unpack({1, 2, 3}))", "type(_G)", "tostring(nil)",
          "pcall(error)", "loadstring('return 5')()", "string.format('%5.1f|%s', 2, 'x')",
          "math.floor(2.5)", "tostring(1e15)", "#redis.call('keys', 'nosuch*')"]


def call(rng, writes=True):
    text = rng.choice(READS if not writes or rng.random() < 0.45 else WRITES)
    return text.replace("redis.call", "redis.pcall") if rng.random() < 0.2 else text


def result(rng, writes=True):
    roll = rng.random()
    if roll < 0.5:
        return call(rng, writes)
    if roll < 0.62:
        return rng.choice(WRONG)
    if roll < 0.72:
        return "{%s, %s}" % (call(rng, writes), rng.choice(VALUES))
    if roll < 0.78:
        return "{tostring(pcall(function() return %s end)), 1}" % rng.choice(WRONG)
    return rng.choice(VALUES)


def body(rng, writes=True):
    lines = ["local a%d = %s" % (i, call(rng, writes)) for i in range(rng.choice((0, 0, 1, 2, 4)))]
    if rng.random() < 0.12:
        lines.insert(rng.randint(0, len(lines)), "redis.setresp(3)")
    if rng.random() < 0.1:
        lines.append("redis.call('select', 2) %s" % call(rng, writes))
    if rng.random() < 0.1:
        lines.append("for i = 1, 3 do %s end" % call(rng, writes))
    lines.append("return " + result(rng, writes))
    return rng.choice(("\n", " ")).join(lines)


def script(rng):
    head = ""
    if rng.random() < 0.1:
        head = "#!lua%s\n" % rng.choice(("", " flags=no-writes", " flags=allow-oom",
                                         " flags=allow-stale,no-writes"))
    return (head + body(rng)).encode()


def read_script(rng):
    return body(rng, writes=False).encode()


def known_script(rng):
    """One of a few, so that EVALSHA meets some that are there."""
    return b"return {%d, %s}" % (rng.randint(0, 5), READS[rng.randint(0, 3)].encode())


def sha(rng):
    if rng.random() < 0.1:
        return rng.choice((b"f" * 40, b"", b"f" * 39))
    digest = hashlib.sha1(known_script(rng)).hexdigest().encode()
    return digest.upper() if rng.random() < 0.1 else digest


def odd_script(rng):
    return rng.choice((b"return", b"return +", b"", b"if", b"\x1bLua", b"#!lua", b"#!lua what\nx",
                       b"#!lua flags=x\nreturn 1", b"#!python\nreturn 1", b"#!\nreturn 1",
                       b"return 1 -- \xff", b"x = 1", b"return 'a\x00b'", b"goto x"))


def call_keys(rng):
    """numkeys, keys, arguments."""
    count = rng.choice((0, 1, 2, 2, 2))
    keys = [rng.choice(words.ALL_KEYS) for _ in range(count)]
    return [b"%d" % count] + keys + [words.value(rng) for _ in range(rng.choice((0, 1, 1, 2)))]


def library(rng):
    name = rng.choice(LIBRARIES)
    number = name[-1:].decode()
    code = body(rng).replace("KEYS", "keys").replace("ARGV", "args")
    if rng.random() < 0.5:
        code = "redis.register_function('f%s', function(keys, args) %s end)" % (number, code)
    else:
        code = ("redis.register_function{function_name = 'f%s', callback = function(keys, args) "
                "%s end, flags = {%s}, description = 'd'}") % (
                    number, code, rng.choice(("", "'no-writes'", "'allow-oom'", "'what'")))
    return b"#!lua name=%s\n%s" % (name, code.encode())


def odd_library(rng):
    return rng.choice((b"", b"return 1", b"#!lua\nx", b"#!lua name=a-b\nx", b"#!lua name=x",
                       b"#!lua name=x name=y\nx", b"#!lua foo=x\nx", b"#!lua name=x\nreturn 1",
                       b"#!lua name=x\nreturn +", b"#!lua name=x\nerror('e')",
                       b"#!lua name=x\nredis.call('get', 'x')", b"#!lua name=x\ny = 1",
                       b"#!lua name=x\nredis.register_function('a')",
                       b"#!lua name=x\nredis.register_function('a-', function() end)",
                       b"#!lua name=x\nredis.register_function{callback = function() end}",
                       b"#!lua name=x\nredis.register_function('f1', function() end)",
                       b"#!other name=x\nx"))


def function_name(rng):
    name = b"%s%d" % (rng.choice((b"f", b"f", b"F")), rng.randint(0, 3))
    return name if rng.random() < 0.95 else b"nosuch"


words.WORDS.update({
    "script": script,
    "roscript": read_script,
    "oddscript": odd_script,
    "knownscript": known_script,
    "sha": sha,
    "callkeys": call_keys,
    "library": library,
    "oddlibrary": odd_library,
    "libraryname": lambda rng: rng.choice(LIBRARIES) if rng.random() < 0.9 else b"nosuch",
    "functionname": function_name,
})
