# SPDX-License-Identifier: Apache-2.0
"""Keys of every record: number, time, host."""

from typing import Annotated

from msgspec import UNSET, UnsetType

from kflowd.serialize.keys import Block, ConstantBlock, Duration, Instant, Says, Time


class Stamp(Block, frozen=True, kw_only=True, gc=False):
    """Which record it is."""

    InfoSequenceNumber: Annotated[int, Says("number of the record in this run, from 1")]
    InfoTimestamp: Annotated[Time, Says("when the event happened that ended the record, UTC")]
    InfoMonitor: Annotated[str, Says("filesystem, socket, process, health or integrity")]


class Host(ConstantBlock, frozen=True, kw_only=True, gc=False):
    """Where it comes from."""

    InfoHostName: Annotated[str, Says("name of the host at that moment")]
    InfoHostIP: Annotated[
        str, Says("address on its way out at that moment: IPv4, else IPv6, else 0.0.0.0")
    ]
    InfoHostToken: Annotated[str | UnsetType, Says("what --token says", "--token")] = UNSET
    InfoSystem: Annotated[str, Says("operating system")]
    InfoKernel: Annotated[str, Says("release of the kernel")]
    InfoVersion: Annotated[str, Says("kflowd-v and the version of kflowd")]


class Uptime(Block, frozen=True, kw_only=True, gc=False):
    """How long kflowd had run."""

    InfoUptime: Annotated[Duration, Says("time from the start of kflowd to InfoTimestamp")]


class Moment(Block, frozen=True, kw_only=True, gc=False):
    """What goes beyond the contract."""

    InfoTime: Annotated[Instant, Says("InfoTimestamp in the form of RFC 3339")]
