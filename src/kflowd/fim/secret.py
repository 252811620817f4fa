# SPDX-License-Identifier: Apache-2.0
"""The key: 32 random bytes in a file that only its owner can read."""

import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from kflowd.errors import FimError

KEY_BYTES = 32
_PROOF = b"kflowd fim"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class Secret:
    """What binds findings and states to this host.

    Args:
        key: The bytes of the file.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, *parts: bytes) -> bytes:
        """Return the keyed digest (HMAC-SHA-256) of some texts, which are told apart."""
        joined = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
        return hmac.digest(self._key, joined, "sha256")

    def seal(self, *parts: bytes) -> bytes:
        """Return another keyed digest (BLAKE2b), for what there are very many of."""
        joined = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
        return hashlib.blake2b(joined, key=self._key, digest_size=16).digest()

    @property
    def proof(self) -> bytes:
        """What says which key it is, and not what it is."""
        return self.digest(_PROOF)


def load(path: Path) -> Secret:
    """Return the key of a file.

    Raises:
        FimError: It is not there, others may read it, or it is no key.
    """
    try:
        number = os.open(path, _FLAGS)
    except FileNotFoundError:
        hint = "kflowd fim init makes one, with a new state"
        raise FimError(f"reading {path}: there is no key", hint) from None
    except OSError as error:
        raise FimError(f"reading {path}: {error.strerror}") from None
    try:
        cause = distrust(os.fstat(number))
        data = b"" if cause else os.read(number, KEY_BYTES + 1)
    except OSError as error:
        raise FimError(f"reading {path}: {error.strerror}") from None
    finally:
        os.close(number)
    if cause:
        raise FimError(f"reading {path}: {cause}")
    if len(data) != KEY_BYTES:
        raise FimError(f"reading {path}: it is no key of {KEY_BYTES} bytes")
    return Secret(data)


def make(path: Path) -> Secret:
    """Return the key of a file, which is made if it is not there.

    Raises:
        FimError: As of `load`, or it cannot be made.
    """
    if not path.exists() and not path.is_symlink():
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(temporary, secrets.token_bytes(KEY_BYTES))
            # the whole key or none has the name, and none that is there is lost
            with suppress(FileExistsError):
                os.link(temporary, path)
            sync_folder(path.parent)
        except OSError as error:
            raise FimError(f"making {path}: {error.strerror}") from None
        finally:
            temporary.unlink(missing_ok=True)
    return load(path)


def distrust(status: os.stat_result) -> str:
    """Return why a file is not only ours, "" if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if status.st_uid != os.geteuid():
        return f"user {status.st_uid} owns it"
    if status.st_mode & _OTHERS:
        return f"its mode is {stat.S_IMODE(status.st_mode):04o}, and 0600 is wanted"
    return ""


def sync_folder(path: Path) -> None:
    """Have the names of a folder on the disk.

    Raises:
        OSError: As fsync(2).
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    number = os.open(path, flags, 0o600)
    try:
        os.write(number, data)
        os.fsync(number)
    finally:
        os.close(number)
