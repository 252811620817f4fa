# SPDX-License-Identifier: Apache-2.0
"""A file of which only the content's digest is known."""

import hashlib
from collections.abc import Iterable


def digest(pieces: Iterable[bytes]) -> str:
    """Return the SHA-256 of a content, in hex.

    It is no keyed one and has no nonce: the same content has the same digest, here and in the
    manifest of a package.

    Args:
        pieces: The content in its order, of any sizes.
    """
    made = hashlib.sha256()
    for each in pieces:
        made.update(each)
    return made.hexdigest()
