# SPDX-License-Identifier: Apache-2.0
"""Lines of files as text, and what of them may be shown."""

import hashlib
import hmac
import re
from collections.abc import Iterator

from kflowd.redact import redact_args

# Beyond it nothing of a file is read: a megabyte has some ten thousand accounts.
MAX_CONTENT = 4 << 20
MAX_SHOWN = 4096
FINGERPRINT_DIGITS = 16
# letters as hashes have them, and no path of small ones alone
_MIXED = rb"(?<![./0-9A-Za-z])(?!/)(?=[./0-9a-z]*[A-Z])(?=[./0-9A-Z]*[a-z])(?=[A-Za-z]*[./0-9])"


def _of(*counts: int) -> bytes:
    either = b"|".join(b"[./0-9A-Za-z]{%d}" % it for it in counts)
    return b"(?:" + either + b")(?![./0-9A-Za-z])"


HASH = re.compile(
    b"|".join(
        (
            # one of crypt(5), wherever it stands
            rb"\$[A-Za-z0-9][A-Za-z0-9,=-]{0,31}\$[^\s:]{8,}",
            # what is left of one that has lost its beginning, by its length: SHA-512, bcrypt,
            # SHA-256 and yescrypt, MD5
            rb"\$" + _of(86, 53, 43, 22),
            _MIXED + _of(86, 53, 43),
            # the oldest two, where they are a field
            rb"(?<![^:!*])" + _MIXED + _of(13) + rb"(?=[:\n]|\Z)",
            rb"_" + _of(19) + rb"(?![^:\s])",
        )
    )
)
HIDDEN = "***"


def shown(raw: bytes) -> str:
    """Return bytes as a text that JSON can hold; a byte that is no UTF-8 is written in hex."""
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(raw)} bytes)"


def fingerprint(key: bytes, raw: bytes) -> str:
    """Return what tells one secret from another, and nothing to whom lacks the key.

    Args:
        key: Of this host.
        raw: The secret.
    """
    return hmac.new(key, raw, hashlib.sha256).hexdigest()[:FINGERPRINT_DIGITS]


def hide(raw: bytes) -> bytes:
    """Return a text without the secrets that a rule knows, and without hashes of passwords."""
    plain = HASH.sub(HIDDEN.encode(), raw)
    # a NUL would part arguments, and the end of one is not the end of a text
    return redact_args(plain.replace(b"\0", b"\\x00"))


def visible(raw: bytes, key: bytes) -> tuple[str, str]:
    """Return a text without its secrets, and its keyed fingerprint if it has any."""
    without = hide(raw)
    same = without == raw.replace(b"\0", b"\\x00")
    long = len(raw) > MAX_SHOWN  # what is cut off counts, too
    return shown(without), "" if same and not long else fingerprint(key, raw)


def lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines of a file, of the part of it that is read, without their ends."""
    for line in content[:MAX_CONTENT].split(b"\n"):
        yield line.removesuffix(b"\r")


def number(raw: bytes, none: int = -1) -> int:
    """Return a decimal number of 32 bits, `none` if it is none."""
    if not raw.isdigit() or len(raw) > 10:
        return none
    value = int(raw)
    return value if value < 1 << 32 else none
