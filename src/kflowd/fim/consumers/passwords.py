# SPDX-License-Identifier: Apache-2.0
"""What may be told of the password field of passwd, shadow, group and gshadow; never the hash."""

import re

from kflowd.fim.consumers.entries import Password
from kflowd.fim.consumers.texts import fingerprint

# Prefixes of hashes, as crypt(5) of libxcrypt lists them.
ALGORITHMS = {
    b"1": "md5",
    b"2": "bcrypt",
    b"2a": "bcrypt",
    b"2b": "bcrypt",
    b"2x": "bcrypt",
    b"2y": "bcrypt",
    b"3": "nt",
    b"5": "sha256",
    b"6": "sha512",
    b"7": "scrypt",
    b"gy": "gost-yescrypt",
    b"md5": "sunmd5",
    b"sha1": "sha1",
    b"y": "yescrypt",
}
_PREFIX = re.compile(rb"\$([A-Za-z0-9]{1,8})(?:,[^$]{0,64})?\$")
_DES = re.compile(rb"[./0-9A-Za-z]{13}\Z")
_BSDI = re.compile(rb"_[./0-9A-Za-z]{19}\Z")


def algorithm(raw: bytes) -> str:
    """Return by which algorithm a hash was made, "" if it is no hash that crypt(5) knows."""
    if found := _PREFIX.match(raw):
        return ALGORITHMS.get(found[1], "unknown")
    if _DES.match(raw):
        return "des"
    return "bsdi-des" if _BSDI.match(raw) else ""


def password(raw: bytes, key: bytes, *, points: bool = False) -> Password:
    """Return what may be told of a field.

    Args:
        raw: The field.
        key: Of the keyed fingerprint.
        points: It is one of passwd or group, where "x" says that the shadow file has it.
    """
    if not raw:
        return Password("empty")
    if points and raw == b"x":
        return Password("shadow")
    bare = raw.lstrip(b"!")
    kind = algorithm(bare)
    if not kind:
        # "*", "!", "!!", "!*" and any other text: nothing that is typed has it for its hash
        return Password("locked", "", fingerprint(key, raw) if raw.strip(b"!*") else "")
    return Password("locked" if bare != raw else "set", kind, fingerprint(key, raw))
