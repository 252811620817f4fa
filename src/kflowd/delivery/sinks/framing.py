# SPDX-License-Identifier: Apache-2.0
"""Texts in a stream of bytes: each with what separates it from the next one."""

from collections.abc import Sequence

RECORD = b"\n\x1e\n"
NEWLINE = b"\n"


def framed(texts: Sequence[bytes], separator: bytes) -> bytes:
    """Return texts, each with a separator behind it."""
    return b"".join([piece for text in texts for piece in (text, separator)])


def taken(texts: Sequence[bytes], separator: bytes, written: int) -> tuple[int, int]:
    """Return how many texts are written whole, and how many bytes of the next one are.

    Args:
        texts: As of `framed`.
        separator: As of `framed`.
        written: Bytes of what `framed` returns.
    """
    whole = 0
    for text in texts:
        size = len(text) + len(separator)
        if written < size:
            break
        written -= size
        whole += 1
    return whole, written
