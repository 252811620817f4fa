# SPDX-License-Identifier: Apache-2.0
"""Names of users and groups, from the host's own files: no directory service can stop a scan."""

from collections.abc import Mapping

from kflowd.enrich.users import parse_ids, read_text

PASSWD, GROUP = "/etc/passwd", "/etc/group"


class Names:
    """The names of numbers, as they are when a scan begins.

    Args:
        found: Name by number, as the host has them.
    """

    def __init__(self, found: Mapping[int, str]) -> None:
        self._names = {number: _text(name) for number, name in found.items()}

    def __call__(self, number: int) -> str:
        """Return the name of a number, "" if it has none."""
        return self._names.get(number, "")


def users() -> Names:
    """Return the users of this host."""
    return Names(parse_ids(read_text(PASSWD)))


def groups() -> Names:
    """Return the groups of this host."""
    return Names(parse_ids(read_text(GROUP)))


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
