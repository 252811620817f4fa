# SPDX-License-Identifier: Apache-2.0
"""MD5 and SHA-256 of executable files, of the very state that a record tells of.

Threads read the files (`digests.py`); what they find goes through the stream, so a replay has it at
the same record. A record waits for it a while (`waiting.py`), and says when it did not get it.
"""

import stat
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, Protocol, Self

import msgspec

from kflowd.enrich.asking import Asker
from kflowd.enrich.digests import Answer, Digests
from kflowd.enrich.opening import LOCAL, Asked, Key, Outcome, Question
from kflowd.enrich.shares import Shares
from kflowd.model import Enriched, EnrichedFile, FileEvent, FileFlag, facts_of

# States of files whose sums are known, each some 500 bytes. They count as those of the owner of
# the file: only who owns many can push others of the same owner out.
MAX_KNOWN = 8192
# A tenth to a sixth of one core at most; the largest library of a browser is below the limit.
RATE = 64 << 20
MAX_BYTES = 256 << 20
EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
UNKNOWN = ("", "")
# Ancestors that are asked for their mount namespace when the process is gone.
MAX_PIDS = 4
_NO_PATH = (
    FileFlag.PATH_UNKNOWN
    | FileFlag.PATH_TRUNCATED
    | FileFlag.PATH_UNREACHABLE
    | FileFlag.DEVICE_OF_MOUNT
)

CHANGED, LATE = "CHECKSUM_CHANGED", "CHECKSUM_LATE"
SKIPPED, UNREADABLE = "CHECKSUM_SKIPPED", "CHECKSUM_UNREADABLE"
NOTES = {
    Outcome.CHANGED: CHANGED,
    Outcome.SKIPPED: SKIPPED,
    Outcome.UNREADABLE: UNREADABLE,
    Outcome.BUSY: LATE,
}


class Limits(msgspec.Struct, frozen=True):
    """How much may be read: of one file, and in a second of all."""

    most: int = MAX_BYTES
    rate: int = RATE


class Reader(Protocol):
    """Answers questions; kflowd.enrich.digests.Digests is one."""

    def ask(self, question: Question, /) -> None:
        """Ask; returns at once."""

    def news(self) -> list[Answer]:
        """Return the answers since the last call."""


class ChecksumFacts(msgspec.Struct, frozen=True):
    """Answers: Key, way, Outcome, owner of the file, sums. Comes in the stream, as it is found."""

    checksums: list[tuple[int, int, int, int, int, int, int, int, str, str]] = []


class Checksums(Asker):
    """Knows sums of files by device, inode, size, mtime and ctime.

    Args:
        live: Whether files of this host are read, which `start` begins.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = ChecksumFacts
    DEAR: ClassVar[bool] = True

    def __init__(self, *, live: bool = False) -> None:
        super().__init__()
        self._live = live
        self._reader: Reader | None = None
        self._most = 0
        self._known: Shares[tuple[str, str]] = Shares(MAX_KNOWN)
        self._owners: dict[Asked, int] = {}

    @classmethod
    def live(cls) -> Self:
        """Return one that reads files of this host."""
        return cls(live=True)

    def start(self, limits: Limits, reader: Reader | None = None) -> None:
        """Begin; until then no file is asked for. `reader` stands for one of this host."""
        self._most = limits.most
        if self._live:
            self._reader = reader or Digests(limits.rate)

    def news(self) -> Mapping[str, Any]:
        """Return the answers since the last call."""
        if self._reader is None or not (answers := self._reader.news()):
            return {}
        owner = self._owners.pop
        return {
            "checksums": [
                (
                    *it.asked.key,
                    it.asked.way,
                    int(it.outcome),
                    owner(it.asked, 0),
                    it.md5,
                    it.sha256,
                )
                for it in answers
            ]
        }

    def learn(self, facts: bytes) -> None:
        """Know the sums that the stream tells of."""
        if b'"checksums"' not in facts:
            return
        for *state, way, outcome, owner, md5, sha256 in facts_of(ChecksumFacts, facts).checksums:
            key = Key(*state)
            if outcome == Outcome.DONE:
                self._known.put(key, owner, (md5, sha256))
            known = outcome if outcome in NOTES or outcome == Outcome.DONE else Outcome.UNREADABLE
            asked = Asked(key, way)
            self.learned(asked, Answer(asked, Outcome(known), md5, sha256))

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in the sums that are known; ask for others."""
        inode = value.aggregate.inode
        if not inode.mode & EXECUTE or not stat.S_ISREG(inode.mode):
            return
        if value.aggregate.flags & FileFlag.NO_INODE:
            return
        key = Key(inode.dev, inode.ino, inode.size, inode.mtime_ns, inode.ctime_ns)
        known = self._known.use(key)
        if known is not None:
            value.sums = known
            return
        value.sums = UNKNOWN
        fstype = value.device.rpartition(":")[2]
        if note := self._note(value, fstype):
            value.notes += (note,)
            return
        question = _question(value, key, fstype)
        asked = question.asked
        value.questions += (asked,)
        if self._reader is not None:
            self._owners[asked] = inode.uid
            self._reader.ask(question)

    def answer(self, value: Enriched, answer: Answer) -> None:
        """Fill in sums, or why there are none."""
        if not isinstance(value, EnrichedFile):  # only files ask for them
            return
        if answer.outcome == Outcome.DONE:
            value.sums = answer.md5, answer.sha256
        else:
            value.notes += (NOTES[answer.outcome],)

    def unanswered(self, value: Enriched, question: Hashable) -> None:
        """Note that the sums come too late for this record."""
        if isinstance(question, Asked) and isinstance(value, EnrichedFile):
            value.notes += (LATE,)

    def _note(self, value: EnrichedFile, fstype: str) -> str:
        """Return why a file is not asked for, "" if it is."""
        aggregate = value.aggregate
        if aggregate.inode.size > self._most or fstype not in LOCAL:
            return SKIPPED
        if aggregate.flags & _NO_PATH or not aggregate.path.startswith("/"):
            return SKIPPED
        gone = aggregate.counts[FileEvent.DELETE] or aggregate.flags & FileFlag.PATH_DELETED
        return CHANGED if gone else ""


def _question(value: EnrichedFile, key: Key, fstype: str) -> Question:
    aggregate, process = value.aggregate, value.aggregate.process
    # another one may have the number by now: its mount namespace tells
    ancestors = (pid for pid, _ in value.actor.ancestors)
    pids = tuple(dict.fromkeys((process.tgid, process.ppid, *ancestors)))[:MAX_PIDS]
    return Question(key, process.uid, aggregate.path, fstype, process.mnt_ns, pids)
