# SPDX-License-Identifier: Apache-2.0
"""What consumers keep of contents, and what they say of two of them.

Of accounts, keys and rules the entries are kept, which hold no secret; of files that are compared
line by line the content, but for those that hold secrets.
"""

import zlib
from collections.abc import Callable, Mapping

import msgspec

from kflowd.fim.consumers import access, authorized_keys, compare, decode, encode, sudoers, users
from kflowd.fim.consumers.comparison import Value
from kflowd.fim.consumers.diff import diff
from kflowd.fim.consumers.entries import Entries, Finding, Malformed
from kflowd.fim.consumers.sensitive import private_key, secret_path
from kflowd.fim.consumers.texts import MAX_CONTENT, fingerprint
from kflowd.fim.files import opened
from kflowd.fim.telling import Told, shown
from kflowd.settings.fim import FimRule

# the files that say together what accounts there are, in the order of `users.accounts`
ACCOUNTS = (b"passwd", b"shadow", b"group", b"gshadow")
MOST_BYTES = 16 << 20
# of keys and rules, which their owner writes; what has more lines is not told apart
MOST_LINES = 20_000
# of entries in one finding
MOST_TOLD = 256 << 10
# of these kinds a consumer knows better
_KNOWN_BETTER = ("modified", "replaced")
# what is the same content under another name, or none
_OF_NAMES = ("linked", "attributes")
# of these there is one content
_ONE = ("created", "deleted")
_NO_ENTRIES = "too large, or not known by this name: there are no entries to compare"
_FINDINGS: Mapping[str, Finding] = {"access": "access_rule", "sudoers": "sudo_rule"}


class Contents:
    """Reads contents by the consumer of their rule.

    Args:
        key: Of fingerprints.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        # folders whose accounts were told of: the other files of them say the same
        self._told: dict[bytes, bytes] = {}

    def keep(self, rule: FimRule, path: bytes, data: bytes) -> bytes | None:
        """Return what is kept of a content, None: nothing is."""
        if rule.consumer == "generic":
            return None
        if rule.consumer == "diff":
            secret = secret_path(shown(path)) or private_key(data)
            return None if secret else zlib.compress(data, 1)
        return encode(self._entries(rule, path, data))

    def told(
        self, rule: FimRule, path: bytes, before: bytes | None, after: bytes | None, finding: str
    ) -> Told:
        """Return what is said of two contents.

        Args:
            rule: Of the path.
            path: Of the file.
            before: As `keep` has returned it, None: there is none.
            after: The same of now.
            finding: What the states say.
        """
        if rule.consumer == "generic" or finding in _OF_NAMES:
            return Told()
        if rule.consumer == "diff":
            return _diff(path, before, after, finding)
        missing = (before, after).count(None)
        if missing > (finding in _ONE):
            # else all of it would seem to have come or gone
            return Told(note=_NO_ENTRIES if missing == 1 else None)
        return self._compared(rule, path, before, after, finding)

    def _compared(
        self, rule: FimRule, path: bytes, before: bytes | None, after: bytes | None, finding: str
    ) -> Told:
        kind = _kind(rule, path)
        folder, _, name = path.rpartition(b"/")
        if kind == "account" and self._told.setdefault(folder, path) != path:
            return Told(note=f"entries: those of {shown(self._told[folder])}")
        found = compare(kind, _decoded(before), _decoded(after))
        note = f"passed over: {', '.join(found.passed_over)}" if found.passed_over else None
        added, removed = _most(found.added), _most(found.removed)
        if missing := len(found.added) - len(added) + len(found.removed) - len(removed):
            note = f"truncated: {missing} further entries are missing"
        if not found:
            if kind == "account" and name in ACCOUNTS:
                del self._told[folder]
            return Told(note=note)
        told = kind if finding in _KNOWN_BETTER else ""
        return Told(told, added, removed, note=note)

    def _entries(self, rule: FimRule, path: bytes, data: bytes) -> Entries:
        folder, _, name = path.rpartition(b"/")
        if rule.consumer != "users" or name not in ACCOUNTS:
            return self._lines(_kind(rule, path), data)
        files = [data if it == name else _beside(folder + b"/" + it) for it in ACCOUNTS]
        passwd, shadow, group, gshadow = files
        return users.accounts(passwd, shadow, group, gshadow, self._key)

    def _lines(self, kind: Finding, data: bytes) -> Entries:
        read = _READERS[kind]
        lines = data.split(b"\n", MOST_LINES)
        if len(lines) <= MOST_LINES:
            return read(data, self._key)
        rest = Malformed(
            kind,
            f"more than {MOST_LINES} lines: the rest is one entry",
            hidden=fingerprint(self._key, lines.pop()),
        )
        return (*read(b"\n".join(lines), self._key), rest)


_READERS: Mapping[Finding, Callable[[bytes, bytes], Entries]] = {
    "access_rule": access.rules,
    "sudo_rule": sudoers.rules,
    "key": authorized_keys.keys,
}


def _most(values: list[Value]) -> tuple[Value, ...]:
    """Return the first of some entries, as many as a finding holds."""
    left = MOST_TOLD
    for at, value in enumerate(values):
        left -= len(msgspec.json.encode(value))
        if left < 0:
            return tuple(values[:at])
    return tuple(values)


def _kind(rule: FimRule, path: bytes) -> Finding:
    if rule.consumer == "users":
        return "account" if path.rpartition(b"/")[2] in ACCOUNTS else "key"
    return _FINDINGS[rule.consumer]


def _decoded(data: bytes | None) -> Entries:
    if data is None:
        return ()
    try:
        return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()  # of another version: all of it is new


def _diff(path: bytes, before: bytes | None, after: bytes | None, finding: str) -> Told:
    kept = sum(it is not None for it in (before, after))
    if not kept or (kept == 1 and finding not in _ONE):
        return Told(note="secret or too large: the content is not kept")
    try:
        old, new = (b"" if it is None else _unpacked(it) for it in (before, after))
    except zlib.error:
        return Told(note="the content that was kept is damaged")
    found = diff(old, new, shown(path))
    return Told(diff=found.text, note=found.note)


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(data, MOST_BYTES)
    if not unpacking.eof:
        raise zlib.error("it is cut, or larger than what is kept")
    return found


def _beside(path: bytes) -> bytes | None:
    """Return the content of a file that says more of accounts, None: there is none."""
    try:
        with opened(path, follow=False) as file:
            return file.read(MAX_CONTENT)
    except OSError:
        return None
