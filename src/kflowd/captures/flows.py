# SPDX-License-Identifier: Apache-2.0
"""Frames become the payload of flows, and flows become sockets, seen from who began. Pure.

A flow of TCP begins with a SYN, or with the first packet of its two ends. It ends when another one
begins between them, when nothing came for long, or with the capture. Time is that of the frames.
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from kflowd.captures.links import KNOWN, packet_of
from kflowd.captures.network import Network, Packet
from kflowd.captures.reader import Frame
from kflowd.captures.sides import Side
from kflowd.captures.transport import Segment, segment_of
from kflowd.constants import IPPROTO_TCP, IPPROTO_UDP, SECOND_NS, UNSET_ID
from kflowd.model import Flow, Payload, Process, Role, SocketAggregate, SocketFlag, TcpInfo
from kflowd.model import Segment as Flag
from kflowd.protocols import Direction

# As long as kflowd itself takes a silent socket for one that may go on, and a closed one for gone.
IDLE_NS = 60 * SECOND_NS
IDLE_OPEN_NS = 3600 * SECOND_NS
# Beyond this the flow that was silent longest ends: some 2 kB each.
MAX_FLOWS = 1 << 16
ACK = 16
KEY_BYTES = 32
NOBODY = Process(
    *(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), login_uid=UNSET_ID, session_id=UNSET_ID,
    mnt_ns=0, net_ns=0, flags=0, comm="",
)  # fmt: skip
NO_INFO = TcpInfo(*(0,) * len(TcpInfo.__struct_fields__))
ESTABLISHED, SYN_SENT, FIN_WAIT1, CLOSE, CLOSE_WAIT = 1, 2, 4, 7, 8

Value = Payload | SocketAggregate


class FlowStats(msgspec.Struct):
    """What became of frames.

    Attributes:
        frames: All of them.
        other: Those that carry no TCP or UDP, or headers that make no sense.
        unknown_links: Those of links that cannot be read.
        fragments_lost: Packets of which not all fragments came.
        flows: Flows seen.
        ended_early: Flows that ended because there were too many.
    """

    frames: int = 0
    other: int = 0
    unknown_links: int = 0
    fragments_lost: int = 0
    flows: int = 0
    ended_early: int = 0


class _End(NamedTuple):
    """An end of a flow: where."""

    address: bytes
    port: int


class _Flow:
    """One flow; `sides` are what the initiator sent, and what it got."""

    def __init__(self, number: int, protocol: int, family: int, ends: tuple[_End, _End]) -> None:
        self.key = number.to_bytes(KEY_BYTES, "little")
        self.number = number
        self.protocol = protocol
        self.family = family
        self.client, self.server = ends
        self.first_ns = self.last_ns = 0
        self.sides = Side(), Side()
        self.reset = False

    @property
    def ended(self) -> bool:
        """No more is to come."""
        return self.reset or (self.sides[0].ended and self.sides[1].ended)

    @property
    def idle_ns(self) -> int:
        """After how long of silence it ends."""
        return IDLE_OPEN_NS if self.protocol == IPPROTO_TCP and not self.ended else IDLE_NS

    @property
    def state(self) -> int:
        """State of the initiator's socket, as far as packets tell."""
        sent, received = self.sides
        if self.protocol == IPPROTO_UDP:
            return ESTABLISHED
        if self.ended:
            return CLOSE
        if sent.ended or received.ended:
            return FIN_WAIT1 if sent.ended else CLOSE_WAIT
        return SYN_SENT if sent.isn is not None and not received.packets else ESTABLISHED


class Flows:
    """Puts frames together.

    Args:
        ports: (protocol, port) of servers, where no packet says which end has begun.
        max_flows: That are followed at once.
    """

    def __init__(self, ports: Collection[tuple[int, int]], max_flows: int = MAX_FLOWS) -> None:
        self.stats = FlowStats()
        self._ports = frozenset(ports)
        self._max = max_flows
        self._network = Network()
        # by both ends, the one that was silent longest first
        self._flows: dict[tuple[int, _End, _End], _Flow] = {}
        self._now_ns = 0
        self._swept_ns = 0

    def add(self, frame: Frame) -> list[Value]:
        """Return payload of a frame, behind the flows that are known to have ended by it."""
        self.stats.frames += 1
        if frame.link not in KNOWN:
            self.stats.unknown_links += 1
            return []
        found = packet_of(frame.link, frame.data, frame.size)
        packet = found and self._network.add(frame.ts_ns, found.data, found.size)
        segment = packet and segment_of(packet)
        if not packet or not segment:
            # a fragment of a packet that is not whole yet is none of them
            self.stats.other += 1
            return []
        return [*self._sweep(frame.ts_ns), *self._add(frame.ts_ns, packet, segment)]

    def close(self) -> list[SocketAggregate]:
        """Return all flows that have not ended, in the order of their first packets."""
        self._network.close()
        self.stats.fragments_lost = self._network.fragments_lost
        left = sorted(self._flows.values(), key=lambda it: it.number)
        self._flows.clear()
        return [_socket(flow) for flow in left]

    def _add(self, ts_ns: int, packet: Packet, segment: Segment) -> list[Value]:
        ends = _End(packet.source, segment.source_port), _End(packet.target, segment.target_port)
        values: list[Value] = []
        low, high = sorted(ends)
        name = packet.protocol, low, high
        flow = self._flows.pop(name, None)
        if flow is not None and _begins_anew(flow, ends[0], segment, packet.protocol):
            values.append(_socket(flow))
            flow = None
        if flow is None:
            flow = self._new(ts_ns, packet, segment, ends)
        self._flows[name] = flow
        direction = Direction.TX if ends[0] == flow.client else Direction.RX
        flow.last_ns = max(flow.last_ns, ts_ns)
        tcp = packet.protocol == IPPROTO_TCP
        flow.sides[direction].add(ts_ns, packet, segment, tcp=tcp)
        flow.reset = flow.reset or bool(tcp and segment.flags & Flag.RST)
        if len(self._flows) > self._max:
            self.stats.ended_early += 1
            values.append(_socket(self._flows.pop(next(iter(self._flows)))))
        values.append(_payload(ts_ns, flow, direction, segment))
        return values

    def _new(self, ts_ns: int, packet: Packet, segment: Segment, ends: tuple[_End, _End]) -> _Flow:
        self.stats.flows += 1
        if not self._began(packet.protocol, segment):
            ends = ends[1], ends[0]
        flow = _Flow(self.stats.flows, packet.protocol, packet.family, ends)
        flow.first_ns = flow.last_ns = ts_ns
        return flow

    def _began(self, protocol: int, segment: Segment) -> bool:
        """Say whether who sent the first packet has begun the flow."""
        if protocol == IPPROTO_TCP and segment.flags & Flag.SYN:
            return not segment.flags & ACK
        source, target = segment.source_port, segment.target_port
        served = (protocol, source) in self._ports, (protocol, target) in self._ports
        if served[0] != served[1]:
            return served[1]
        # of a connection in its midst the server has the lower port, mostly
        return protocol == IPPROTO_UDP or source >= target

    def _sweep(self, ts_ns: int) -> list[SocketAggregate]:
        """Return flows that were silent for long, once a second."""
        self._now_ns = max(self._now_ns, ts_ns)
        if self._now_ns - self._swept_ns < SECOND_NS:
            return []
        self._swept_ns = self._now_ns
        gone = [name for name, it in self._flows.items() if self._now_ns - it.last_ns > it.idle_ns]
        return [_socket(self._flows.pop(name)) for name in gone]


def _begins_anew(flow: _Flow, source: _End, segment: Segment, protocol: int) -> bool:
    """Say whether a packet is the first of another connection between the same ends."""
    if protocol != IPPROTO_TCP or not segment.flags & Flag.SYN or segment.flags & ACK:
        return False
    ours = flow.sides[source != flow.client]
    if flow.sides[0].ended and flow.sides[1].ended:
        return True
    # a SYN that is sent again has its number, also when it was refused; one of both ends at once
    # is of one connection
    return segment.seq != ours.isn and (flow.reset or ours.packets > 0)


def _payload(ts_ns: int, flow: _Flow, direction: Direction, segment: Segment) -> Payload:
    return Payload(
        ts_ns=ts_ns,
        key=flow.key,
        uid=0,
        direction=direction,
        protocol=flow.protocol,
        local_port=flow.client.port,
        remote_port=flow.server.port,
        flags=segment.flags & (Flag.FIN | Flag.SYN | Flag.RST),
        seq=segment.seq,
        size=segment.size,
        data=segment.data[: segment.size],
    )


def _socket(flow: _Flow) -> SocketAggregate:
    """Return a flow as a socket that has ended."""
    sent, received = flow.sides
    flags = SocketFlag.FINAL | SocketFlag.NO_OWNER | SocketFlag.NO_TCP_INFO | SocketFlag.FRAGS
    known = sent.isn is not None and received.isn is not None
    return SocketAggregate(
        ts_ns=flow.last_ns,
        key=flow.key,
        cookie=flow.number,
        process=NOBODY,
        first_ns=flow.first_ns,
        last_ns=flow.last_ns,
        flow=Flow(
            local_addr=flow.client.address,
            remote_addr=flow.server.address,
            local_port=flow.client.port,
            remote_port=flow.server.port,
            family=flow.family,
            protocol=flow.protocol,
            net_ns=0,
        ),
        flags=flags,
        role=Role.CLIENT,
        state=flow.state,
        drops=0,
        queued=0,
        tx=sent.counted(),
        rx=received.counted(),
        tcp=NO_INFO,
        isn_local=(sent.isn or 0) if known else 0,
        isn_remote=(received.isn or 0) if known else 0,
    )
