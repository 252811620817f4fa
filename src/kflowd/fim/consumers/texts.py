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
# A hash of crypt(5), wherever it stands, and the 13 letters of the oldest where they are a field.
HASH = re.compile(rb"\$[A-Za-z0-9][A-Za-z0-9,=-]{0,31}\$[^\s:]{8,}|_[./0-9A-Za-z]{19}(?![^:\s])")
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
