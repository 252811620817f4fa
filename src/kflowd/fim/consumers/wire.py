# SPDX-License-Identifier: Apache-2.0
"""Public keys of SSH as RFC 4253 and OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f have them."""

import base64
import binascii
import hashlib

# What of a key follows its type, in strings.
FIELDS = {
    b"ssh-rsa": 2,
    b"ssh-dss": 4,
    b"ssh-ed25519": 1,
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"sk-ssh-ed25519@openssh.com": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
CERTIFICATE = b"-cert-v01@openssh.com"
# a key of 16384 bits has some 2 kB; a certificate with all its options some more
MAX_BLOB = 64 << 10


def plain_type(name: bytes) -> bytes:
    """Return the type of the key that a certificate has, of a key its own."""
    if not name.endswith(CERTIFICATE):
        return name
    base = name.removesuffix(CERTIFICATE)
    return base + b"@openssh.com" if base.startswith(b"sk-") else base


def is_type(name: bytes) -> bool:
    """Say whether a word is the type of a key or of a certificate."""
    return plain_type(name) in FIELDS


def fingerprint(name: bytes, text: bytes) -> str | None:
    """Return the fingerprint of a key as `ssh-keygen -l` has it, None if it is no key.

    Args:
        name: Type ahead of the key, which has to be that in it.
        text: The key in base64.
    """
    if len(text) > MAX_BLOB:
        return None
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    inner, at = _string(blob, 0)
    if inner != name:
        return None
    plain = plain_type(name)
    if plain != name:
        _, at = _string(blob, at)  # a nonce
    begin = at
    for _ in range(FIELDS[plain]):
        value, at = _string(blob, at)
        if not value:
            return None
    if plain == name and at != len(blob):
        return None
    hashed = hashlib.sha256(len(plain).to_bytes(4, "big") + plain + blob[begin:at]).digest()
    return f"SHA256:{base64.b64encode(hashed).decode().rstrip('=')}"


def _string(blob: bytes, at: int) -> tuple[bytes, int]:
    """Return a string and where it ends; an empty one where there is none."""
    length = int.from_bytes(blob[at : at + 4], "big")
    end = at + 4 + length
    if at + 4 > len(blob) or end > len(blob):
        return b"", len(blob)
    return blob[at + 4 : end], end
