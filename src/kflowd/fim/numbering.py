# SPDX-License-Identifier: Apache-2.0
"""Findings as they are kept: their number, and the chain that binds each to those before it."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from kflowd.fim.compare import Finding
from kflowd.fim.secret import Secret
from kflowd.fim.state import key_of, path_of


class Stored(NamedTuple):
    """A finding as it is kept.

    Attributes:
        sequence: FimSequence.
        run: That found it first.
        time_ns: When, since 1970.
        key: Of its name.
        old_key: Of FimOldPath.
        mark: What is the same if it is found again.
        bit: What it adds to the exit code of a check.
        document: All fields but number and chain, as canonical JSON.
        chain: FimChain.
        status: open, accepted, rejected, or undone: a later check did not find it.
    """

    sequence: int
    run: int
    time_ns: int
    key: bytes
    old_key: bytes | None
    mark: bytes
    bit: int
    document: bytes
    chain: str
    status: str


def mark_of(finding: Finding, document: bytes) -> bytes:
    """Return what is the same for a finding that is found again.

    Paths are there as bytes, too: of what is no UTF-8 the document has not all.
    """
    # none of the three can hold a NUL
    return hashlib.sha256(b"\0".join((finding.path, finding.old_path or b"", document))).digest()


def chained(secret: Secret, before: str, it: Stored) -> str:
    """Return the chain of a finding: a keyed digest over it and the chain of the one before."""
    paths = (path_of(it.key), b"" if it.old_key is None else path_of(it.old_key))
    return secret.digest(before.encode(), str(it.sequence).encode(), it.document, *paths).hex()


class Numbering:
    """Numbers new findings, and chains them.

    Args:
        secret: Key of the chain.
        run: That finds them.
        last: Number and chain of the last one that there is.
        now_ns: When they are found.
    """

    def __init__(self, secret: Secret, run: int, last: tuple[int, str], now_ns: int) -> None:
        self._secret = secret
        self._run = run
        self._sequence, self._chain = last
        self._now_ns = now_ns

    def __call__(self, finding: Finding, document: bytes) -> Stored:
        """Return the next finding."""
        self._sequence += 1
        old = finding.old_path
        made = Stored(
            sequence=self._sequence,
            run=self._run,
            time_ns=self._now_ns,
            key=key_of(finding.path),
            old_key=None if old is None else key_of(old),
            mark=mark_of(finding, document),
            bit=finding.bit,
            document=document,
            chain="",
            status="open",
        )
        self._chain = chained(self._secret, self._chain, made)
        return made._replace(chain=self._chain)


def broken_link(secret: Secret, before: str, findings: Sequence[Stored]) -> int | None:
    """Return the number of the first finding that is not what was written, None: all are.

    Args:
        secret: Key of the chain.
        before: Chain of the finding ahead of them.
        findings: In order.
    """
    for it in findings:
        if chained(secret, before, it) != it.chain:
            return it.sequence
        before = it.chain
    return None
