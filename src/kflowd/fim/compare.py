# SPDX-License-Identifier: Apache-2.0
"""Two states of a name become one finding. Pure."""

from typing import Any

import msgspec

from kflowd.delivery.formats.documents import date
from kflowd.fim.state import State, identity

# Exit codes of `kflowd fim check` are sums of these, as AIDE's are.
NEW, REMOVED, CHANGED = 1, 2, 4
_BITS = {"created": NEW, "linked": NEW, "deleted": REMOVED}
# What changes when something happens to what is in a directory: that has findings of its own.
_OF_ENTRIES = ("size", "links", "mtime")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a name.

    Attributes:
        finding: FimFinding.
        path: The name, the new one of two.
        old_path: The one before, or another name of the same inode; None: there is none.
        changed: FimChanged, sorted.
        before: The accepted state, None: there was none.
        after: The state by now, None: it is gone.
    """

    finding: str
    path: bytes
    old_path: bytes | None = None
    changed: tuple[str, ...] = ()
    before: State | None = None
    after: State | None = None

    @property
    def bit(self) -> int:
        """What it adds to the exit code of a check."""
        return _BITS.get(self.finding, CHANGED)


def changes(before: State, after: State) -> tuple[str, ...]:
    """Return what differs between two states, as sorted words of FimChanged."""
    found = set(_plain(before, after))
    if before.type == after.type == "directory":
        found.difference_update(_OF_ENTRIES)
    if before.type == after.type == "symlink":
        found.discard("size")  # that of its target
    if _content_differs(before, after):
        found.add("content")
    if not same_inode(before, after):
        found.add("inode")
    for name in before.xattrs.keys() | after.xattrs.keys():
        if before.xattrs.get(name) != after.xattrs.get(name):
            found.add(f"xattr:{name}")
    return tuple(sorted(found))


def _plain(before: State, after: State) -> list[str]:
    pairs = {
        "type": ((before.type, before.special), (after.type, after.special)),
        "size": (before.size, after.size),
        "mode": (before.mode, after.mode),
        "uid": (before.uid, after.uid),
        "gid": (before.gid, after.gid),
        "links": (before.links, after.links),
        "mtime": (before.mtime_ns, after.mtime_ns),
        "target": (before.target, after.target),
        "acl": (before.acl, after.acl),
        "capabilities": (before.capabilities, after.capabilities),
        "label": (before.label, after.label),
        "flags": (before.flags or (), after.flags or ()),
    }
    return [word for word, (one, other) in pairs.items() if one != other]


def _content_differs(before: State, after: State) -> bool:
    if before.type != "regular" or after.type != "regular":
        return False
    if before.sampled != after.sampled:
        # max_size is another: what can be said is what the size says
        return before.size != after.size
    return before.sha256 != after.sha256


def same_inode(before: State, after: State) -> bool:
    """Say whether two states are those of one inode."""
    return identity(before) == identity(after)


def found_in_place(path: bytes, before: State, after: State) -> Finding | None:
    """Return the finding of a name that is still there, None: nothing has changed."""
    changed = changes(before, after)
    if not changed:
        return None
    if "inode" in changed or "type" in changed:
        kind = "replaced"
    elif "content" in changed:
        kind = "modified"
    elif changed == ("links",) and after.links > before.links:
        kind = "linked"
    else:
        kind = "attributes"
    return Finding(finding=kind, path=path, changed=changed, before=before, after=after)


def created(path: bytes, after: State) -> Finding:
    """Return the finding of a name that was not there."""
    return Finding(finding="created", path=path, after=after)


def deleted(path: bytes, before: State) -> Finding:
    """Return the finding of a name that is gone."""
    return Finding(finding="deleted", path=path, before=before)


def renamed(old_path: bytes, before: State, path: bytes, after: State) -> Finding:
    """Return the finding of an inode that has another name."""
    changed = changes(before, after)
    return Finding(
        finding="renamed", path=path, old_path=old_path, changed=changed, before=before, after=after
    )


def linked(path: bytes, after: State, old_path: bytes) -> Finding:
    """Return the finding of one more name of an inode that has its old one, too."""
    return Finding(finding="linked", path=path, old_path=old_path, after=after)


def is_certain(before: State, after: State) -> bool:
    """Say whether one inode is meant for sure: its number may be that of a later one."""
    if before.birth_ns is not None or before.generation is not None:
        return before.type == after.type
    return changes(before, after) == ()


def is_appended(before: State, after: State) -> bool:
    """Say whether a file begins with all that it was, and is as long or longer."""
    return (
        before.type == after.type == "regular"
        and after.size >= before.size
        and before.sha256 is not None
        and after.prefix_size == before.size
        and after.prefix_sha256 == before.sha256
    )


def described(state: State) -> dict[str, Any]:
    """Return a state as FimBefore and FimAfter have it; what does not apply is not there."""
    device = state.device
    shown: dict[str, Any] = {
        "Type": state.type,
        "Size": state.size,
        "Mode": f"{state.mode:04o}",
        "UID": state.uid,
        "GID": state.gid,
        "User": state.user or None,
        "Group": state.group or None,
        "Device": f"{_major(device)}:{_minor(device)}",
        "Inode": state.inode,
        "Links": state.links,
        "ModificationTime": date(state.mtime_ns),
        "Target": _text(state.target),
        "SampledSHA256" if state.sampled else "SHA256": state.sha256 and state.sha256.hex(),
        "Flags": list(state.flags or ()) or None,
        "Capabilities": state.capabilities or None,
        "ACL": list(state.acl) or None,
        "Xattrs": _xattrs(state) or None,
        "Note": state.note or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _xattrs(state: State) -> dict[str, str]:
    label = {"security.selinux": state.label} if state.label else {}
    return dict(sorted((state.xattrs | label).items()))


def _text(target: bytes | None) -> str | None:
    return None if target is None else target.decode("utf-8", "replace")


def _major(device: int) -> int:
    return (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF


def _minor(device: int) -> int:
    return device & 0xFF | (device >> 12) & ~0xFF & 0xFFFFFFFF
