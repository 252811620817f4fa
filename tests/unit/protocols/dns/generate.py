# SPDX-License-Identifier: Apache-2.0
"""Random parts of DNS messages, for hypothesis; right more often than not."""

import struct

from hypothesis import strategies as st

from tests.unit.protocols.dns import make

LABELS = st.one_of(
    st.sampled_from([b"www", b"example", b"com", b"_tcp", b"A", b"\xc3\xa4", b"a.b", b'"\\$@;() ']),
    st.binary(min_size=1, max_size=63),
)
BYTE = st.integers(0, 255)
SHORT = st.integers(0, 65535) | st.sampled_from([0, 1, 255, 256, 65535])
LONG = st.integers(0, 0xFFFFFFFF)


def _name(labels: list[bytes]) -> bytes:
    wire = b"".join(bytes([len(it)]) + it for it in labels)
    return wire + b"\0" if len(wire) < 255 else b"\0"


def _packed(form: str, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    return numbers.map(lambda it: struct.pack(form, it))


def _counted(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return data.map(lambda it: bytes([len(it)]) + it)


def _windows(groups: dict[int, bytes]) -> bytes:
    return b"".join(bytes([at, len(groups[at])]) + groups[at] for at in sorted(groups))


def _parameters(of: dict[int, bytes]) -> bytes:
    return b"".join(struct.pack(">HH", key, len(of[key])) + of[key] for key in sorted(of))


# now and then a pointer to the question's name
NAMES = st.lists(LABELS, max_size=6).map(_name) | st.just(make.pointer(12))
STRING = _counted(st.binary(max_size=40))
REST = st.binary(max_size=80)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\2h2\2h3", b"\3h,2", b"\1\\", b"\1\xbb", bytes(4), bytes(16), b"\0\1\0\3"]),
)
PARTS: dict[str, st.SearchStrategy[bytes]] = {
    "1": _packed(">B", BYTE),
    "2": _packed(">H", SHORT),
    "4": _packed(">I", LONG),
    "name": NAMES,
    "string": STRING,
    "strings": st.lists(STRING, min_size=1, max_size=4).map(b"".join),
    "word": _counted(st.from_regex(rb"[a-zA-Z0-9]{1,20}", fullmatch=True)),
    "rest": REST,
    "some": st.binary(min_size=1, max_size=80),
    "hash": _counted(st.binary(min_size=1, max_size=40)),
    "types": st.dictionaries(BYTE, st.binary(min_size=1, max_size=32), max_size=3).map(_windows),
    "parameters": st.dictionaries(st.integers(0, 12) | SHORT, VALUES, max_size=5).map(_parameters),
    "a": st.binary(min_size=4, max_size=4),
    "aaaa": st.binary(min_size=16, max_size=16) | st.binary(min_size=4, max_size=4).map(
        lambda it: bytes(10) + b"\xff\xff" + it
    ) | st.binary(min_size=4, max_size=4).map(lambda it: bytes(12) + it),
}  # fmt: skip

# the fields of each type, as its RFC has them
FORMS = {
    1: "a", 2: "name", 5: "name", 6: "name name 4 4 4 4 4", 12: "name", 13: "string string",
    15: "2 name", 16: "strings", 17: "name name", 18: "2 name", 19: "string",
    20: "string string", 21: "2 name", 23: "name", 24: "2 1 1 4 4 4 2 name rest", 25: "2 1 1 rest",
    26: "2 name name", 28: "aaaa",
    33: "2 2 2 name", 35: "2 2 string string string name", 36: "2 name", 39: "name",
    43: "2 1 1 some", 44: "1 1 some", 46: "2 1 1 4 4 4 2 name rest", 47: "name types",
    48: "2 1 1 rest", 49: "some", 50: "1 1 2 string hash types", 51: "1 1 2 string",
    52: "1 1 1 some", 53: "1 1 1 some", 56: "strings", 59: "2 1 1 some", 60: "2 1 1 rest",
    61: "some", 62: "4 2 types", 63: "4 1 1 some", 64: "2 name parameters",
    65: "2 name parameters", 66: "2 1 2 name", 67: "some", 68: "some", 99: "strings",
    107: "2 name", 256: "2 2 some", 257: "1 word rest",
    258: "strings", 261: "strings", 262: "strings", 32769: "2 1 1 some",
    # of which the data are no text of ours, or that nobody knows
    10: "rest", 4242: "rest",
}  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> tuple[int, bytes]:
    """Return type and data of a record."""
    kind = draw(st.sampled_from(sorted(FORMS)))
    return kind, b"".join(draw(PARTS[word]) for word in FORMS[kind].split())
