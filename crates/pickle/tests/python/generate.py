"""Writes the pickles that tests/protocols.rs reads, and what is in them: `python generate.py` (CPython 3.8 or newer).

`plain-N.pkl` and `plain.txt` are one object of everything that protocol N writes without calls, once as a pickle and
once as text; `called-N.pkl` is an object for which Python calls classes and functions.
"""

import argparse
import collections
import pickle
import struct
from pathlib import Path

HERE = Path(__file__).parent

shared = ["one", "list"]
PLAIN = {
    "none": None,
    "truth": (True, False),
    "integers": [0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63 - 1, -(2**63)],
    "beyond 64 bits": [2**63, -(2**63) - 1, 0x1950A86A20F9469CFC6C, -(2**100)],
    "floats": [0.0, -0.0, 1.5, -2.25, 1e300, 5e-324, float("inf"), float("-inf"), 0.1],
    "texts": ["", "a", "Grüße", "日本語", "𝄞", "two\nlines\r\x1a\0", "back\\slash \\u0041", "quote ' \"", "x" * 300],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "containers": [[], {}, [[]], [{}], {"a": {"b": []}}, {1: 2, (3, 4): 5}],
    "shared": [shared, shared],
    "many": list(range(1100)),
    "many keys": {str(i): i for i in range(1100)},
}


class Scheduler:
    def __init__(self):
        self.last_epoch = 3


class History(list):
    pass


def called():
    ordered = collections.OrderedDict([("a", 1), ("b", 2)])
    return {
        "bytes": bytes(range(256)),
        "no bytes": b"",
        "bytearray": bytearray(b"\x00\xffab"),
        "no bytearray": bytearray(),
        "ordered": ordered,
        "no items": collections.OrderedDict(),
        "default": collections.defaultdict(list, {"a": [1]}),
        "counter": collections.Counter({30: 1, 60: 1}),
        "namespace": argparse.Namespace(lr=0.1, arch="resnet20"),
        "scheduler": Scheduler(),
        "history": History([1, 2, 3]),
        "class": Scheduler,
        "function": len,
        "set": {7},
        "frozen": frozenset([7]),
        "complex": 1 + 2j,
        "range": range(3),
    }


def show(value):
    if isinstance(value, float):
        return "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, (tuple, list)):
        inner = ",".join(map(show, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{show(k)}:{show(v)}" for k, v in value.items()) + "}"
    return str(value)


def main():
    (HERE / "plain.txt").write_bytes(show(PLAIN).encode())
    for protocol in range(6):
        (HERE / f"plain-{protocol}.pkl").write_bytes(pickle.dumps(PLAIN, protocol))
        (HERE / f"called-{protocol}.pkl").write_bytes(pickle.dumps(called(), protocol))


if __name__ == "__main__":
    main()
