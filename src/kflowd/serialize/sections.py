# SPDX-License-Identifier: Apache-2.0
"""The order in which keys are explained: one table for docs/fields.md and the legend."""

from collections.abc import Mapping
from typing import NamedTuple

from kflowd.serialize.blocks import (
    file,
    health,
    info,
    integrity,
    lifetime,
    messages,
    process,
    socket,
)
from kflowd.serialize.keys import Block, keys_of
from kflowd.serialize.record import BEYOND_CONTRACT


class Words(NamedTuple):
    """The words that stand in a value.

    Attributes:
        title: Of the table.
        head: What each of them is.
        meanings: What it means, by word.
        key: Whose value it is.
    """

    title: str
    head: str
    meanings: Mapping[str, str]
    key: str


SECTIONS: tuple[tuple[str, tuple[type[Block], ...]], ...] = (
    ("In every record", (info.Stamp, info.Host, info.Uptime, info.Moment)),
    (
        "The process, in file, socket and process records",
        (process.ProcessBlock, process.ProcessAge, process.ProcessDetails),
    ),
    (
        "File records",
        (file.FileBlock, file.InodeBlock, file.FileDigests, file.FileNotes),
    ),
    (
        "TCP and UDP records",
        (
            *(socket.SocketBlock, socket.SocketTx, socket.SocketRx, socket.SocketRoundTrip),
            *(socket.SocketAge, socket.App, socket.AppTx, socket.AppRx, socket.SocketExtra),
        ),
    ),
    (
        "UNIX socket records",
        (
            *(socket.UnixBlock, socket.SocketAge),
            *(socket.App, socket.AppTx, socket.AppRx, socket.UnixExtra),
        ),
    ),
    ("Process records", (lifetime.ProcessLifetime,)),
    ("Health records", (health.HealthKernel, health.HealthUser, health.HealthDelivery)),
    ("Integrity records", (integrity.IntegrityBlock,)),
)
WORDS: tuple[Words, ...] = (
    Words("The events in FileEvents", "Event", dict(file.FILE_EVENTS), "FileEvents"),
    Words("The words of FileNotes", "Word", file.FILE_NOTES, "FileNotes"),
    Words("The words of SockNotes", "Word", socket.SOCK_NOTES, "SockNotes"),
    *(
        Words(f"A message of AppTx{key} and AppRx{key}", "Member", members, f"AppTx{key}")
        for key, members in (
            ("Dns", messages.DNS_MEMBERS),
            ("Http", messages.HTTP_MEMBERS),
            ("Syslog", messages.SYSLOG_MEMBERS),
            ("Tls", messages.TLS_MEMBERS),
        )
    ),
    Words("The words of _Notes", "Word", messages.MESSAGE_NOTES, "App"),
    Words("The events in ProcEvents", "Event", lifetime.PROCESS_EVENTS, "ProcEvents"),
    Words("The words of ProcNotes", "Word", process.PROC_NOTES | lifetime.LIFE_NOTES, "ProcNotes"),
    Words("The words of FimFinding", "Word", integrity.FINDINGS, "FimFinding"),
    Words("The words of FimChanged", "Word", integrity.CHANGED, "FimChanged"),
    Words("A state in FimBefore and FimAfter", "Member", integrity.STATE, "FimBefore"),
    Words("An entry of HealthOutputs", "Key", health.OUTPUT, "HealthOutputs"),
)

EXTRA = {key.name for block in BEYOND_CONTRACT for key in keys_of(block)} | {
    key.name for _, blocks in SECTIONS for block in blocks for key in keys_of(block) if key.extra
}
