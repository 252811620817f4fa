# SPDX-License-Identifier: Apache-2.0
"""Rules of --include and --exclude that programs can decide: struct kf_filter.

A program hides only what user space would hide as well, so each value that it cannot decide is left
out, and with it all --include of that key: what one of several alternatives may let pass is shown.
"""

import ipaddress
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading.parameters import NO_LOOP, build_variant
from kflowd.settings import TraceSettings
from kflowd.settings.rules import Rule, is_glob, port_range

CONSTANT = "kf_filter"
WORD = 8
TYPE_BYTES = 15  # of the name of a file system, and a NUL
# what file systems of user space are called before a dot: fuse.sshfs
FUSE = ("fuse", "fuseblk")
# Programs know the number of a group alone; which ones are hidden user space tells them.
GROUPS = ("cgroup", "container")
GROUP = "group"
# What programs decide is of files; the rest of these keys user space does.
OTHERS = dict.fromkeys(("exe", "user"), " for files, in user space for the rest") | dict.fromkeys(
    GROUPS, " for files of groups that were hidden once, in user space for the rest"
)
PATTERNS = "programs know no patterns, no names without a number, and no more than 16 values"
KNOWN = ("path", "exe", "user", "fstype", "port", "net", *GROUPS)
_SOCKETS = ("port", "net")
ADDRESS = 2 * WORD
_PATHS = {"path": "KF_RULE_PATH", "exe": "KF_RULE_EXE"}


class Value(NamedTuple):
    """A value of a rule.

    Attributes:
        key: Of its rule; "group" of control groups and containers, whose values stay here.
        how: KF_RULE_*.
        text: Components as a path travels, the name of a file system, or address and mask of a
            network, 16 bytes each, IPv4 in the first four.
        number: Of a user, or the first port.
        last: The last port.
    """

    key: str
    how: int
    text: bytes = b""
    number: int = 0
    last: int = 0


class Decided(NamedTuple):
    """What programs decide.

    Attributes:
        values: For them.
        keys: Rules that they decide in full, as (--include or --exclude, key).
    """

    values: tuple[Value, ...]
    keys: frozenset[tuple[str, str]]


def decided(
    trace: TraceSettings, user_ids: Mapping[str, int], features: Mapping[str, Feature]
) -> Decided:
    """Return what programs can decide of the rules of a run.

    Args:
        trace: Of the run.
        user_ids: Numbers of the users that rules name.
        features: What the kernel allows.
    """
    values: list[Value] = []
    keys: set[tuple[str, str]] = set()
    if _undecided(trace, features):
        return Decided((), frozenset())
    room = dict.fromkeys(("text", "user", "fstype", *_SOCKETS), most())
    for option, rules in (("include", trace.include), ("exclude", trace.exclude)):
        for key, of_key in _by_key(rules).items():
            if key in GROUPS:
                values.append(Value(GROUP, 0))
                keys.add((option, key))
                continue
            made = [_value(key, option, each, user_ids) for each in of_key]
            found = [each for each in made if each is not None]
            kind = "text" if key in _PATHS else key
            if kind not in room:
                continue
            if option == "include" and len(found) < len(made):
                continue
            if len(found) > room[kind]:
                if option == "include":
                    continue
                found = found[: room[kind]]
            room[kind] -= len(found)
            values += found
            if len(found) == len(of_key):
                keys.add((option, key))
    return Decided(tuple(values), frozenset(keys))


def described(
    trace: TraceSettings, user_ids: Mapping[str, int], features: Mapping[str, Feature]
) -> tuple[str, ...]:
    """Return a line for each rule: what it hides, and where that is decided.

    Args:
        trace: Of the run.
        user_ids: Numbers of the users that rules name.
        features: What the kernel allows.
    """
    keys = decided(trace, user_ids, features).keys
    undecided = _undecided(trace, features)
    lines = []
    for option, rules in (("include", trace.include), ("exclude", trace.exclude)):
        for rule in rules:
            where = "in user space"
            if (option, rule.key) in keys:
                more = OTHERS.get(rule.key, "")
                where = f"in the kernel{more}"
            elif rule.key in KNOWN:
                where += f": {undecided or PATTERNS}"
            what = "hidden is what does not match" if option == "include" else "hidden is"
            lines.append(f"{what} {rule}: {where}")
    return tuple(lines)


def _undecided(trace: TraceSettings, features: Mapping[str, Feature]) -> str:
    """Return why programs decide nothing at all, "" if they do."""
    if "process" in trace.monitor:
        return "records of processes count what is hidden, too"
    # the stack of a chain of calls is used up there (544 bytes of 512, seen on 5.10)
    old = build_variant(features) == NO_LOOP
    return "programs of this kernel have no room for it" if old else ""


def constants(values: Iterable[Value]) -> dict[str, int]:
    """Return the constants of the objects by name."""
    values = tuple(values)
    keys = {"socket" if value.key in _SOCKETS else value.key for value in values}
    kinds = ("path", "exe", "user", "fstype", GROUP, "socket")
    return {CONSTANT: int.from_bytes(packed(values), sys.byteorder)} | {
        f"kf_filters_{kind}": int(kind in keys) for kind in kinds
    }


def of_sockets(values: Iterable[Value]) -> bytes:
    """Return a struct kf_filter if there are rules on sockets, else nothing."""
    values = tuple(values)
    return packed(values) if any(value.key in _SOCKETS for value in values) else b""


def packed(values: Iterable[Value]) -> bytes:
    """Return a struct kf_filter."""
    it = ffi.new("struct kf_filter *")
    places = dict.fromkeys(("text", "user", "fstype", *_SOCKETS), 0)
    for value in values:
        kind = "text" if value.key in _PATHS else value.key
        if kind in places:
            _FILL[kind](it, places[kind], value)
            places[kind] += 1
    return bytes(ffi.buffer(it))


def most() -> int:
    """Return how many values of a kind programs take."""
    return int(lib.KF_FILTER_MOST)


def _fill(it: Any, place: int, value: Value) -> None:  # noqa: ANN401 - cffi has no types
    size = len(value.text)
    begin = place * int(lib.KF_PATTERN_WORDS) * WORD
    ffi.buffer(it.text)[begin : begin + size] = value.text
    ffi.buffer(it.mask)[begin : begin + size] = b"\xff" * size
    it.lengths[place], it.patterns_how[place] = size, value.how


def _fill_user(it: Any, place: int, value: Value) -> None:  # noqa: ANN401 - cffi has no types
    it.users[place], it.users_how[place] = value.number, value.how


def _fill_fstype(it: Any, place: int, value: Value) -> None:  # noqa: ANN401 - cffi has no types
    _fill_words(it.fstypes, place, value.text)
    it.fstypes_how[place] = value.how


def _fill_port(it: Any, place: int, value: Value) -> None:  # noqa: ANN401 - cffi has no types
    it.ports_low[place], it.ports_high[place] = value.number, value.last
    it.ports_how[place] = value.how


def _fill_net(it: Any, place: int, value: Value) -> None:  # noqa: ANN401 - cffi has no types
    _fill_words(it.nets, place, value.text[:ADDRESS])
    _fill_words(it.net_masks, place, value.text[ADDRESS:])
    it.nets_how[place] = value.how


def _fill_words(words: Any, place: int, text: bytes) -> None:  # noqa: ANN401 - cffi has no types
    """Put a text, filled up with NULs, into two words."""
    ffi.buffer(words)[2 * WORD * place : 2 * WORD * (place + 1)] = text.ljust(2 * WORD, b"\0")


_FILL = {
    "text": _fill,
    "user": _fill_user,
    "fstype": _fill_fstype,
    "port": _fill_port,
    "net": _fill_net,
}


def _by_key(rules: Iterable[Rule]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(rule.key, []).extend(rule.values)
    return found


def _value(key: str, option: str, text: str, user_ids: Mapping[str, int]) -> Value | None:
    """Return a value for programs, None if they cannot decide it."""
    how = int(lib.KF_RULE_INCLUDE if option == "include" else lib.KF_RULE_EXCLUDE)
    if key in _PATHS:
        return _pattern(key, how | int(getattr(lib, _PATHS[key])), text)
    if key == "user":
        number = int(text) if text.isdigit() else user_ids.get(text)
        return None if number is None else Value(key, how, number=number)
    if key == "fstype":
        return _fstype(option, how, text)
    return _of_socket(key, how, text)


def _of_socket(key: str, how: int, text: str) -> Value | None:
    if key == "port":
        first, last = port_range(text)
        return Value(key, how, number=first, last=last)
    if key != "net":
        return None
    net = ipaddress.ip_network(text)
    how |= int(lib.KF_RULE_IPV4 if isinstance(net, ipaddress.IPv4Network) else lib.KF_RULE_IPV6)
    ends = (net.network_address.packed, net.netmask.packed)
    return Value(key, how, b"".join(each.ljust(ADDRESS, b"\0") for each in ends))


def _pattern(key: str, how: int, text: str) -> Value | None:
    if is_glob(text):
        return None
    names = [name for name in text.split("/") if name]
    if "/" not in text:
        how |= int(lib.KF_RULE_NAME)
    elif "/" + "/".join(names) != (text.rstrip("/") or "/"):
        return None  # not in the form that paths have: it matches none
    packed = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in reversed(names))
    fits = len(packed) <= int(lib.KF_PATTERN_WORDS) * WORD and "\ufffd" not in text
    return Value(key, how, packed) if fits else None


def _fstype(option: str, how: int, text: str) -> Value | None:
    # the kernel has one type for all of them, and the rest of the name elsewhere
    base, dot, _ = text.partition(".")
    if base in FUSE and dot and option == "exclude":
        return None
    name = (base if base in FUSE else text).encode()
    return Value("fstype", how, name) if len(name) <= TYPE_BYTES else None
