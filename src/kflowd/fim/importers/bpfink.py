# SPDX-License-Identifier: Apache-2.0
"""The TOML of bpfink."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from kflowd.fim.importers.imported import NOT_LIVE, FormatError, Imported, Rule, shown

# what has another place here, or none
ELSEWHERE = {
    "debug": "the log of kflowd is its standard error; -V tells more",
    "level": "findings are records, with the severity of their rule",
    "database": "the state is another one: `kflowd fim init` makes it",
    "keyfile": "digests are plain SHA-256; the key of `kflowd fim init` is for passwords",
    "bcc": "the programs of the kernel side are part of kflowd",
    "metricsconfig.graphitehost": "[metrics] graphite = HOST:PORT",
    "metricsconfig.graphitemode": "1 is without [metrics], 3 is with graphite there",
    "metricsconfig.namespace": "[metrics] prefix",
    "metricsconfig.collectioninterval": "[metrics] interval",
}
KEYS = "/root/.ssh/authorized_keys", "/home/*/.ssh/authorized_keys"
ROLE = "metricsconfig.hostrole"


def read(content: bytes) -> Imported:
    """Return what a file says.

    Raises:
        FormatError: It is no TOML.
    """
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"no TOML: {error}") from None
    imported = Imported(deepest=False)
    imported.setting(0, "format", "bpfink", "findings are records of kflowd")
    values: dict[str, Any] = dict(_flat(table, ""))
    imported.note(0, NOT_LIVE)
    root = values.pop("consumers.root", "")
    prefix = root.rstrip("/") if isinstance(root, str) else ""
    if prefix:
        imported.note(0, f"consumers.root {shown(prefix)}: put ahead of each path, as was intended")
    for each in _texts(imported, values, "consumers.excludes"):
        # it is looked for anywhere in the path
        imported.leave_out(0, f"re:{each}")
    _add_rules(imported, values, prefix)
    for key, value in values.items():
        _note(imported, key, value)
    return imported


def _flat(table: dict[str, Any], ahead: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys of all tables, in small letters: theirs have no regard to case."""
    for key, value in table.items():
        name = f"{ahead}{key.lower()}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _texts(imported: Imported, values: dict[str, Any], key: str) -> list[str]:
    """Return the texts of a key, which is done with; what else it has is told."""
    value = values.pop(key, [])
    each = value if isinstance(value, list) else [value]
    for wrong in each:
        if not isinstance(wrong, str):
            imported.note(0, f"{key}: {shown(repr(wrong))} is no text")
    return [it for it in each if isinstance(it, str) and it]


def _add_rules(imported: Imported, values: dict[str, Any], prefix: str) -> None:
    def paths(key: str) -> tuple[str, ...]:
        return tuple(f"{prefix}{_tidy(it)}" for it in _texts(imported, values, key))

    users = (*paths("consumers.users.passwd"), *paths("consumers.users.shadow"))
    if users:
        imported.add(0, Rule(users, "users"))
        # it reads the homes in passwd
        keys = tuple(f"{prefix}{it}" for it in KEYS)
        imported.add(0, Rule(keys, "users"))
        imported.note(0, f"keys of accounts: those of {' and '.join(keys)}; name other homes")
    if access := paths("consumers.access"):
        imported.add(0, Rule(access, "access"))
    # a path of both is of the first: lines go ahead of digests
    if lines := paths("consumers.genericdiff"):
        imported.add(0, Rule(lines, "diff"))
    if digests := paths("consumers.generic"):
        imported.add(0, Rule(digests, "generic"))


def _tidy(path: str) -> str:
    return re.sub(r"/{2,}", "/", path)


def _note(imported: Imported, key: str, value: object) -> None:
    if key in ELSEWHERE:
        imported.note(0, f"{key}: {ELSEWHERE[key]}")
    elif key.startswith(ROLE):
        imported.note(0, f"{key}: names of metrics have no role; -T/--token names the host")
    else:
        imported.note(0, f"{shown(key)}: not known to bpfink either: {shown(repr(value))}")
