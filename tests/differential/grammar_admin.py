"""The grammar of ACL, LATENCY, MEMORY and LOLWUT, as far as every oracle says the same.

What rules mean is compared by rights.py.
"""

# (syntax, weight, comparison)
ROWS = [
    ("ACL (WHOAMI|USERS|WHOAMI junk|nonsense)", 0.5, "exact"),
    ("ACL (CAT|LIST|HELP|GENPASS|GENPASS 5|LOG)", 0.3, "type"),
    ("ACL (CAT junk|GENPASS 0|GENPASS 5000|GENPASS junk|GETUSER nobody|DELUSER nobody|"
     "DELUSER default|LOAD|SAVE|DRYRUN nobody get x|DRYRUN default nonsense x|"
     "DRYRUN default get)", 0.5, "exact"),
    ("ACL DRYRUN default (GET|SET|LPUSH|PING|CONFIG) value [value]", 0.5, "exact"),
    ("LATENCY (LATEST|HISTORY value|GRAPH value|RESET|RESET value|nonsense)", 0.4, "exact"),
    ("LATENCY HISTOGRAM nonsense", 0.2, "exact"),
    ("LATENCY (DOCTOR|HELP)", 0.1, "type"),
    ("MEMORY USAGE no-such-key [SAMPLES count]", 0.8, "exact"),
    ("MEMORY (STATS|DOCTOR|MALLOC-STATS|HELP)", 0.1, "type"),
    ("MEMORY (nonsense|USAGE)", 0.2, "exact"),
    ("LOLWUT [VERSION (5|6|7|junk)]", 0.1, "type"),
]

CONTAINERS = {b"ACL", b"LATENCY", b"MEMORY"}
NO_MUTATION = {b"ACL", b"LATENCY", b"LOLWUT", b"MEMORY"}
