# SPDX-License-Identifier: Apache-2.0
"""Connections that have been told of and go on, so that none is counted with each record."""

from collections import OrderedDict

from kflowd.top.records import Seen

# 16,384 connections of all processes: more than the agent follows at once by default. One that is
# passed over is counted again with its next record.
MOST = 16384


class Flows:
    """Says how many connections a record of a socket tells of for the first time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[int, None] = OrderedDict()

    def new(self, seen: Seen) -> int:
        """Return how many are new."""
        if folded := seen.SockPeersFolded or seen.SockSocketsFolded:
            return folded
        goes_on = "INTERIM" in seen.SockNotes
        if not seen.SockProtocol:  # a UNIX socket: nothing tells two of one address apart
            return not goes_on
        owner = (seen.InfoHostName, seen.ProcPID, seen.SockProtocol)
        local = (seen.SockLocalIP, seen.SockLocalPort)
        remote = (seen.SockRemoteIP, seen.SockRemotePort)
        key = hash((owner, local, remote))
        known = key in self._known
        if known:
            del self._known[key]
        if goes_on:
            self._known[key] = None
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return not known
