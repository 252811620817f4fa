# SPDX-License-Identifier: Apache-2.0
"""Rules of --include and --exclude as they are written: KEY=VALUE[,VALUE...], checked."""

import difflib
import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

FILE_EVENTS = (
    *("CREATE", "OPEN", "OPEN_EXEC", "ACCESS", "ATTRIB", "MODIFY", "CLOSE_WRITE"),
    *("CLOSE_NOWRITE", "MOVED_FROM", "MOVED_TO", "DELETE"),
)
PROCESS_EVENTS = ("EXEC", "FORK", "EXIT")
EVENTS = FILE_EVENTS + PROCESS_EVENTS
MAX_PORT = 65535
MAX_ID = (1 << 32) - 2
MAX_VALUES = 1024
# what separates values, unless a backslash stands before it
_COMMA = re.compile(r"(?<!\\),")
_GLOB = re.compile(r"[*?[]")


class Rule(NamedTuple):
    """What one --include or --exclude says.

    Attributes:
        key: One of KEYS.
        values: Alternatives, each as its check has left it.
    """

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Return how it is written."""
        return f"{self.key}={','.join(value.replace(',', chr(92) + ',') for value in self.values)}"


def is_glob(pattern: str) -> bool:
    """Say whether a pattern has wildcards: *, **, ?, [...]."""
    return _GLOB.search(pattern) is not None


def port_range(text: str) -> tuple[int, int]:
    """Return first and last port of "443" or "8000-8999".

    Raises:
        ValueError: It is neither.
    """
    first, dash, last = text.partition("-")
    bounds = [first, last] if dash else [first, first]
    if not all(each.isascii() and each.isdigit() and len(each) <= 5 for each in bounds):
        raise ValueError(text)
    low, high = (int(each) for each in bounds)
    if not low <= high <= MAX_PORT:
        raise ValueError(text)
    return low, high


def parse_rule(text: str) -> Rule:
    """Return a rule.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    key, equals, rest = text.partition("=")
    if not equals:
        raise ValueError("is not KEY=VALUE[,VALUE...]")
    if key not in _CHECKS:
        near = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"keys: {', '.join(KEYS)}"
        raise ValueError(f"has an unknown key; {hint}")
    values = [value.replace("\\,", ",") for value in _COMMA.split(rest)]
    if len(values) > MAX_VALUES:
        raise ValueError(f"has more than {MAX_VALUES} values")
    check, wanted = _CHECKS[key]
    checked = []
    for value in values:
        try:
            checked.append(check(value))
        except ValueError:
            raise ValueError(f"has {ascii(value)[:60]}, which is no {wanted}") from None
    return Rule(key, tuple(checked))


def _path(value: str) -> str:
    if not value or "\0" in value or ("/" in value and value[0] not in "/*?["):
        raise ValueError(value)
    return value


def _user(value: str) -> str:
    if not value or ":" in value or (value.isdigit() and int(value) > MAX_ID):
        raise ValueError(value)
    return value


def _event(value: str) -> str:
    if value.upper() not in EVENTS:
        raise ValueError(value)
    return value.upper()


def _word(value: str) -> str:
    if not value or not value.isprintable() or " " in value:
        raise ValueError(value)
    return value


def _port(value: str) -> str:
    port_range(value)
    return value


def _net(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


# key -> check of a value, and what a message calls it
_CHECKS: dict[str, tuple[Callable[[str], str], str]] = {
    "path": (_path, "path that begins with /, name, or pattern of either"),
    "exe": (_path, "path that begins with /, name, or pattern of either"),
    "user": (_user, "user's name or number"),
    "event": (_event, f"event; events: {', '.join(EVENTS)}"),
    "fstype": (_word, "type of a file system"),
    "cgroup": (_path, "path of a control group, name, or pattern of either"),
    "container": (_word, "id or beginning of one, runtime, *, or host"),
    "port": (_port, f"port from 0 to {MAX_PORT}, or FIRST-LAST"),
    "net": (_net, "address or network"),
}
KEYS = tuple(_CHECKS)
