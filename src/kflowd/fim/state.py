# SPDX-License-Identifier: Apache-2.0
"""The state of a name: what was found of it at one moment. Pure."""

from typing import Literal

import msgspec

from kflowd.errors import FimError

FileType = Literal["regular", "directory", "symlink", "fifo", "socket", "character", "block"]
# why a state has no digest, or one that may not hold
UNSTABLE = "unstable"
UNREADABLE = "unreadable"


class State(msgspec.Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """All that is known of a name. Times are nanoseconds since 1970.

    Attributes:
        type: Of the file.
        mode: Permissions with setuid, setgid and sticky bit.
        user: Name of the owner at that moment, "" if there was none.
        device: As stat(2) has it.
        generation: Of the inode, None: the file system does not tell.
        birth_ns: When the inode was made, None: the file system does not tell.
        special: What device a device file is.
        target: Of a symbolic link.
        flags: Inode flags as words, None: the file system has none.
        label: Of SELinux, "" if there is none.
        xattrs: SHA-256 of the values of all others, by name.
        sha256: Of the content, or of samples of it; None: no regular file, or unreadable.
        sampled: Whether it is of samples.
        prefix_size: So many bytes from the beginning have the digest prefix_sha256.
        note: "", UNSTABLE (it was being written), or UNREADABLE with the name of an error.
    """

    type: FileType
    size: int
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    device: int
    inode: int
    links: int
    mtime_ns: int
    ctime_ns: int
    generation: int | None = None
    birth_ns: int | None = None
    special: int = 0
    target: bytes | None = None
    flags: tuple[str, ...] | None = None
    capabilities: str = ""
    acl: tuple[str, ...] = ()
    label: str = ""
    xattrs: dict[str, str] = {}
    sha256: bytes | None = None
    sampled: bool = False
    prefix_size: int | None = None
    prefix_sha256: bytes | None = None
    note: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    """Return a state as bytes; equal states have equal bytes."""
    return _encoder.encode(state)


def state_of(data: bytes | None, path: bytes) -> State | None:
    """Return a state of `encode`, None of None.

    Raises:
        FimError: It is none, and whose.
    """
    if data is None:
        return None
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        name = path.decode("utf-8", "backslashreplace")
        raise FimError(f"reading the state of {name}: it is damaged") from None


def identity(state: State) -> bytes:
    """Return what tells an inode from all others, as long as its file system lives.

    The number of a device may be another after the next start, so it is left out where the time of
    birth says enough.
    """
    device = state.device if state.birth_ns is None else ""
    return f"{device}:{state.inode}:{state.generation}:{state.birth_ns}".encode()


def key_of(path: bytes) -> bytes:
    """Return what a name is found by: keys stand in the order of a walk."""
    return path.replace(b"/", b"\0")


def path_of(key: bytes) -> bytes:
    """Return the name of a key."""
    return key.replace(b"\0", b"/")
