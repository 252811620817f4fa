# SPDX-License-Identifier: Apache-2.0
"""JA4: what a ClientHello offers, in 36 characters that tell programs apart.

As FoxIO has published it: https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from kflowd.protocols.tls import codes

VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    codes.SSL2: "s2",
}
HASH_DIGITS = 12
MOST = 99  # that two digits count


class Offer(msgspec.Struct, frozen=True):
    """What is offered, as it was sent.

    Attributes:
        version: The highest.
        ciphers, extensions, signatures: Numbers, in their order.
        alpn: The first protocol, b"" if there is none.
    """

    version: int
    ciphers: list[int]
    extensions: list[int]
    signatures: list[int]
    alpn: bytes


def fingerprint(offer: Offer) -> str:
    """Return the fingerprint of what is offered over TCP."""
    ciphers = [it for it in offer.ciphers if not codes.is_grease(it)]
    extensions = [it for it in offer.extensions if not codes.is_grease(it)]
    signatures = [it for it in offer.signatures if not codes.is_grease(it)]
    kept = [it for it in extensions if it not in (codes.SERVER_NAME, codes.ALPN)]
    named = "d" if codes.SERVER_NAME in extensions else "i"
    counts = f"{min(len(ciphers), MOST):02}{min(len(extensions), MOST):02}"
    head = f"t{VERSIONS.get(offer.version, '00')}{named}{counts}{_ends(offer.alpn)}"
    behind = f"_{_listed(signatures)}" if signatures else ""
    return f"{head}_{_hash(_listed(sorted(ciphers)))}_{_hash(_listed(sorted(kept)) + behind)}"


def _listed(numbers: Iterable[int]) -> str:
    return ",".join([f"{it:04x}" for it in numbers])


def _hash(text: str) -> str:
    if not text:
        return "0" * HASH_DIGITS
    return hashlib.sha256(text.encode(), usedforsecurity=False).hexdigest()[:HASH_DIGITS]


def _ends(alpn: bytes) -> str:
    """Return the first and last character of a protocol, or of its hexadecimal digits."""
    if not alpn:
        return "00"
    ends = alpn[:1] + alpn[-1:]
    if ends.isalnum():
        return ends.decode("ascii")
    return alpn.hex()[0] + alpn.hex()[-1]
