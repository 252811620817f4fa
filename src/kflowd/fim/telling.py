# SPDX-License-Identifier: Apache-2.0
"""Findings as records. Pure."""

from typing import Any, NamedTuple

import msgspec

from kflowd.errors import FimError
from kflowd.fim.compare import Finding, described
from kflowd.fim.numbering import Stored
from kflowd.fim.rules import decoded
from kflowd.fim.state import path_of
from kflowd.serialize.blocks.info import Host, Moment, Stamp, Uptime
from kflowd.serialize.blocks.integrity import STATE, IntegrityBlock
from kflowd.serialize.record import IntegrityRecord
from kflowd.settings.fim import FimRule

SCHEDULED = "scheduled"
_encoder = msgspec.json.Encoder(order="sorted")


class Told(NamedTuple):
    """What a consumer says of two contents.

    Attributes:
        finding: In place of `modified`; "" as it is.
        added: FimAdded.
        removed: FimRemoved.
        diff: FimDiff.
        note: FimDiffNote.
    """

    finding: str = ""
    added: tuple[dict[str, Any], ...] = ()
    removed: tuple[dict[str, Any], ...] = ()
    diff: str | None = None
    note: str | None = None


NOTHING = Told()


def shown(path: bytes) -> str:
    """Return a path as JSON has it: U+FFFD stands for what is no UTF-8."""
    return path.decode("utf-8", "replace")


def document_of(finding: Finding, rule: FimRule, told: Told = NOTHING) -> bytes:
    """Return all fields of a finding but number and chain, as canonical JSON."""
    fields: dict[str, Any] = {
        "FimFinding": told.finding or finding.finding,
        "FimSeverity": rule.severity,
        "FimRule": rule.name,
        "FimConsumer": rule.consumer,
        "FimTags": [tag.text for tag in rule.tags],
        "FimSource": SCHEDULED,
        "FimPath": shown(finding.path),
        "FimOldPath": None if finding.old_path is None else shown(finding.old_path),
        "FimChanged": list(finding.changed),
        "FimBefore": finding.before and described(finding.before),
        "FimAfter": finding.after and described(finding.after),
        "FimAdded": list(told.added),
        "FimRemoved": list(told.removed),
        "FimDiff": told.diff,
        "FimDiffNote": told.note,
    }
    return _encoder.encode({key: it for key, it in fields.items() if it not in (None, [], "")})


def block_of(stored: Stored) -> IntegrityBlock:
    """Return the fields of a finding.

    Raises:
        FimError: It is damaged.
    """
    try:
        fields = msgspec.json.decode(stored.document)
        for key in ("FimBefore", "FimAfter"):
            if key in fields:
                fields[key] = {name: fields[key][name] for name in STATE if name in fields[key]}
        # whatever bytes they have: each form writes them in its own way
        fields["FimPath"] = decoded(path_of(stored.key))
        if stored.old_key is not None:
            fields["FimOldPath"] = decoded(path_of(stored.old_key))
        fields |= {"FimSequence": stored.sequence, "FimChain": stored.chain}
        return msgspec.convert(fields, IntegrityBlock)
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, AttributeError):
        raise FimError(f"reading finding {stored.sequence}: it is damaged") from None


class Records:
    """Makes records of findings, and numbers them in the order of the calls.

    Args:
        host: That they are of.
        begun_ns: When this run of kflowd began.
        strict: Leave out what goes beyond the contract.
    """

    def __init__(self, host: Host, begun_ns: int, *, strict: bool = False) -> None:
        self._host = host
        self._begun_ns = begun_ns
        self._strict = strict
        self._number = 0

    def __call__(self, stored: Stored) -> IntegrityRecord:
        """Return the record of a finding."""
        self._number += 1
        return IntegrityRecord(
            stamp=Stamp(
                InfoSequenceNumber=self._number,
                InfoTimestamp=stored.time_ns,
                InfoMonitor=IntegrityRecord.MONITOR,
            ),
            host=self._host,
            # what an earlier run has found was ahead of this one
            uptime=Uptime(InfoUptime=max(0, stored.time_ns - self._begun_ns)),
            moment=None if self._strict else Moment(InfoTime=stored.time_ns),
            integrity=block_of(stored),
        )
