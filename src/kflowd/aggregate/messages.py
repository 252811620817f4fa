# SPDX-License-Identifier: Apache-2.0
"""What was said over sockets, from their packets to their records. Pure; time is that of the ring.

Memory is bounded as a whole. Beyond that the user whose sockets take most of it loses what is said
over the one that was silent longest, and never a user who takes less.
"""

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush

import msgspec

from kflowd.aggregate.names import RemoteNames
from kflowd.aggregate.script_talk import ScriptTalk
from kflowd.aggregate.talk import Talk
from kflowd.constants import IPPROTO_TCP, SECOND_NS
from kflowd.faults import Faults
from kflowd.model import Messages, Payload, Segment, SocketAggregate, SocketFlag
from kflowd.protocols import DNS, Application, Deferred, Direction, Message

# An active connection has a record each half hour. One that was silent for longer than two of them
# is taken up again as one whose beginning is not known.
FORGET_NS = 3600 * SECOND_NS
# Two sweeps after the last record of a connection nothing of it is in the ring any more.
TICKS_AFTER_END = 2
MAX_ENDED = 1 << 16
# Room is made for many, so that the search for who takes most is rare.
SHARE_FREED = 8


class Bounds(msgspec.Struct, frozen=True):
    """What the messages of sockets may take.

    Attributes:
        shown: Messages of a record; more are counted.
        socket_bytes: Of one socket: two messages and two holes of 64 KiB, and as much to be told.
        sockets: Those that have something to tell, or a conversation that goes on.
        total_bytes: Of all.
    """

    shown: int = 4
    socket_bytes: int = 1 << 19
    sockets: int = 32768
    total_bytes: int = 64 << 20


class MessageStats(msgspec.Struct):
    """What was not told, and why.

    Attributes:
        evicted: Sockets that were given up because their user took most.
        too_large: Sockets that took too much alone.
        failed: Sockets whose decoder met an error of its own.
        forgotten: Sockets that were silent for long.
        late: Packets of connections whose last record had come.
        lost: Messages that these had to tell.
    """

    evicted: int = 0
    too_large: int = 0
    failed: int = 0
    forgotten: int = 0
    late: int = 0
    lost: int = 0


class _User:
    """Sockets of one user, the one that was silent longest first, and what they take."""

    __slots__ = ("held", "talks")

    def __init__(self) -> None:
        self.held = 0
        self.talks: dict[bytes, Talk] = {}


class SocketMessages:
    """Decodes what goes over sockets, until their records ask for it.

    Args:
        applications: Which application talks on a (protocol, port).
        bounds: What it may take.
        faults: Keeps the first error of a decoder, and counts them.
        names: Is told what DNS says; None: nobody.
        redact: Takes secrets out of a message that a record is to have, in place.
    """

    def __init__(
        self,
        applications: Mapping[tuple[int, int], Application],
        bounds: Bounds | None = None,
        faults: Faults | None = None,
        names: RemoteNames | None = None,
        redact: Callable[[Message], None] | None = None,
    ) -> None:
        self._redact = redact
        self.names = names
        self.stats = MessageStats()
        self.held = 0
        self._applications = dict(applications)
        self._bounds = bounds or Bounds()
        self._faults = faults or Faults()
        self._talks: dict[bytes, Talk] = {}  # the one that was silent longest first
        self._users: dict[int, _User] = {}
        self._ended: dict[bytes, int] = {}

    def add(self, packet: Payload) -> None:
        """Take the payload of a packet."""
        talk = self._talks.get(packet.key)
        if talk is None:
            talk = self._new(packet)
            if talk is None:
                return
        self._used(packet.key, talk, packet.ts_ns)
        before = talk.held
        try:
            tcp = packet.protocol == IPPROTO_TCP
            complete = talk.segment(packet) if tcp else talk.datagram(packet)
            if complete and self.names is not None and talk.application.key == DNS.key:
                self.names.hear(packet, complete)
        except Exception as error:  # noqa: BLE001 - a decoder's own: it costs this socket's messages
            self._failed(talk, error)
        if talk.held > self._bounds.socket_bytes:
            self.stats.too_large += 1
            talk.give_up()
        self._account(talk, talk.held - before)
        self._bound()

    def take(self, aggregate: SocketAggregate) -> Messages | None:
        """Return what was said over a socket since its last record; None: nothing.

        The last record of a connection, and each of a UDP peer, ends what is said. A connection
        that only was silent goes on.
        """
        said = self._said(aggregate)
        if said is not None and self._redact is not None:
            for message in said.messages:
                self._redact(message)
        return said

    def _said(self, aggregate: SocketAggregate) -> Messages | None:
        if aggregate.flags & SocketFlag.FOLDED:
            return None
        tcp = aggregate.flow.protocol == IPPROTO_TCP
        ended = not tcp or bool(aggregate.flags & SocketFlag.FINAL)
        if tcp and ended and len(self._ended) < MAX_ENDED:
            self._ended[aggregate.key] = TICKS_AFTER_END
        talk = self._talks.get(aggregate.key)
        if talk is None:
            return None
        before = talk.held
        if ended:
            self._drop(aggregate.key, talk)
            try:
                talk.finish(aggregate.ts_ns)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(talk, error)
            return talk.said(self._bounds.shown)
        said = talk.said(self._bounds.shown)
        self._account(talk, talk.held - before)
        self._used(aggregate.key, talk, aggregate.ts_ns)
        return said

    def tick(self, ts_ns: int) -> None:
        """Forget what no record will ask for."""
        if self.names is not None:
            self.names.tick(ts_ns)
        if self._ended:
            self._ended = {key: left - 1 for key, left in self._ended.items() if left > 1}
        while self._talks:
            key, talk = next(iter(self._talks.items()))
            if talk.last_ns > ts_ns - FORGET_NS:
                return
            self.stats.forgotten += 1
            self._lose(key, talk)

    def _new(self, packet: Payload) -> Talk | None:
        """Return the talk that a packet begins; None: it is of none."""
        begins = packet.flags & Segment.SYN
        # a datagram may be empty, and is one all the same
        if not packet.size and not begins and packet.protocol == IPPROTO_TCP:
            return None
        if packet.key in self._ended:
            if not begins:
                self.stats.late += 1
                return None
            del self._ended[packet.key]
        application = self._application(packet)
        if application is None:
            return None
        talk = _talk(application, packet.uid, self._bounds.shown)
        self._talks[packet.key] = talk
        user = self._users.setdefault(packet.uid, _User())
        user.talks[packet.key] = talk
        self._account(talk, talk.held)
        return talk

    def _application(self, packet: Payload) -> Application | None:
        """Return who talks: the server's port says it, which is the lower one if none is known."""
        local, remote = packet.local_port, packet.remote_port
        ports = (local, remote) if local <= remote else (remote, local)
        if packet.flags & Segment.SYN:
            ours = packet.direction == Direction.TX
            ports = (remote, local) if ours else (local, remote)
        for port in ports:
            application = self._applications.get((packet.protocol, port))
            if application is not None:
                return application
        return None

    def _used(self, key: bytes, talk: Talk, ts_ns: int) -> None:
        """Note that a socket is not silent."""
        talk.last_ns = max(ts_ns, talk.last_ns)
        for talks in (self._talks, self._users[talk.uid].talks):
            del talks[key]
            talks[key] = talk

    def _failed(self, talk: Talk, error: Exception) -> None:
        self.stats.failed += 1
        self._faults.name(error)
        talk.give_up()

    def _account(self, talk: Talk, growth: int) -> None:
        self.held += growth
        self._users[talk.uid].held += growth

    def _drop(self, key: bytes, talk: Talk) -> None:
        self._account(talk, -talk.held)
        del self._talks[key]
        user = self._users[talk.uid]
        del user.talks[key]
        if not user.talks:
            del self._users[talk.uid]

    def _lose(self, key: bytes, talk: Talk) -> None:
        self.stats.lost += talk.messages
        self._drop(key, talk)

    def _bound(self) -> None:
        bounds = self._bounds
        if self.held > bounds.total_bytes:
            self._shrink(lambda user: user.held, bounds.total_bytes)
        if len(self._talks) > bounds.sockets:
            self._shrink(lambda user: len(user.talks), bounds.sockets)

    def _shrink(self, measure: Callable[[_User], int], bound: int) -> None:
        """Give up sockets of those users who take most, until an eighth is free."""
        users = self._users
        heap = [(-measure(user), uid) for uid, user in users.items()]
        heapify(heap)
        excess = sum(-taken for taken, _ in heap) - (bound - bound // SHARE_FREED)
        while excess > 0 and heap:
            _, uid = heappop(heap)
            user = users[uid]
            before = measure(user)
            key, talk = next(iter(user.talks.items()))
            self.stats.evicted += 1
            self._lose(key, talk)
            excess -= before - measure(user)
            if user.talks:
                heappush(heap, (-measure(user), uid))


def _talk(application: Application, uid: int, shown: int) -> Talk:
    if isinstance(application, Deferred):
        return ScriptTalk(application, uid, shown)
    return Talk(application, uid, shown)
