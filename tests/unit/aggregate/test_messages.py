# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.aggregate.messages import FORGET_NS, TICKS_AFTER_END, Bounds, SocketMessages
from kflowd.aggregate.names import RemoteNames
from kflowd.constants import IPPROTO_TCP, IPPROTO_UDP
from kflowd.faults import Faults
from kflowd.model import Payload, Segment, SocketAggregate, SocketFlag
from kflowd.protocols import DNS, Application, Direction, Message
from tests.unit.lines import Lines
from tests.unit.make import flow, payload, process, socket

SYN = Segment.SYN
LINES, OTHER = Lines(), Lines(stamped=False)
TABLE = {
    (IPPROTO_TCP, 80): LINES,
    (IPPROTO_TCP, 514): OTHER,
    (IPPROTO_TCP, 9000): OTHER,
    (IPPROTO_UDP, 53): LINES,
}
DATAGRAM: dict[str, Any] = {"protocol": IPPROTO_UDP, "remote_port": 53}


def stage(**bounds: int) -> SocketMessages:
    return SocketMessages(TABLE, Bounds(**bounds))


def record(packet: Payload, **changes: Any) -> SocketAggregate:
    """Return the last record of a packet's socket."""
    changes = {"flags": SocketFlag.FINAL, **changes}
    return socket(key=packet.key, flow=flow(protocol=packet.protocol), **changes)


def texts(messages: SocketMessages, packet: Payload, **changes: Any) -> list[Any]:
    """Return what a record of the packet's socket tells."""
    said = messages.take(record(packet, **changes))
    return [] if said is None else [one.members["Text"] for one in said.messages]


def key(number: int) -> bytes:
    return number.to_bytes(32, "little")


def test_a_record_tells_what_was_said_since_the_last() -> None:
    """An interim record keeps what is not complete; the last one tells it and forgets all."""
    messages = stage()
    first = payload(seq=10, data=b"a\nb")
    messages.add(first)
    assert texts(messages, first, flags=SocketFlag.STALE | SocketFlag.IDLE) == ["a"]
    messages.add(payload(seq=13, data=b"c\nd"))
    assert texts(messages, first) == ["bc", "d"]
    assert messages.held == 0
    assert texts(messages, first) == []


def test_secrets_are_taken_out_ahead_of_a_record() -> None:
    """Of each message that it has, by who was asked to."""

    def redact(message: Message) -> None:
        message.members["Text"] = "***"

    messages = SocketMessages(TABLE, redact=redact)
    packet = payload(seq=10, data=b"a\nb")
    messages.add(packet)
    assert texts(messages, packet, flags=SocketFlag.STALE) == ["***"]
    assert texts(messages, packet) == ["***"]


def test_a_record_of_a_udp_peer_ends_what_was_said() -> None:
    """Its next packet begins anew."""
    messages = stage()
    packet = payload(data=b"a", **DATAGRAM)
    messages.add(packet)
    assert texts(messages, packet, flags=0) == ["a"]
    messages.add(packet)
    assert texts(messages, packet, flags=SocketFlag.STALE) == ["a"]
    assert messages.held == 0


@pytest.mark.parametrize("protocol", [IPPROTO_UDP, IPPROTO_TCP])
def test_what_dns_says_is_heard(protocol: int) -> None:
    """As it comes, over datagrams and connections; what others say is not."""
    names = RemoteNames()
    table: dict[tuple[int, int], Application] = {(IPPROTO_TCP, 80): LINES, (protocol, 53): DNS}
    messages = SocketMessages(table, names=names)
    name, rest = b"\2kf\7example\0", b"\0\1\0\1"
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + rest
    response = b"\0\1\x81\x80\0\1\0\1\0\0\0\0" + name + rest
    response += b"\xc0\x0c" + rest + b"\0\0\0\x3c\0\4\xc0\0\2\7"
    owner = {"tgid": process().tgid, "start_ns": process().start_ns}
    for ts_ns, direction, message in ((1, Direction.TX, question), (2, Direction.RX, response)):
        framed = len(message).to_bytes(2, "big") + message
        data = framed if protocol == IPPROTO_TCP else message
        where = {"protocol": protocol, "remote_port": 53, "direction": direction}
        messages.add(payload(ts_ns=ts_ns, data=data, **where, **owner))
    messages.add(payload(key=key(2), ts_ns=3, data=b"line\n", **owner))
    remote = flow(remote_addr=bytes((192, 0, 2, 7)).ljust(16, b"\0"))
    assert names.of(socket(first_ns=3, flow=remote)) == ("kf.example",)
    messages.tick(1 << 60)
    assert names.of(socket(first_ns=3, flow=remote)) == ()


def test_sockets_have_their_own() -> None:
    """By their keys."""
    messages = stage()
    one, two = payload(key=key(1), data=b"a\n"), payload(key=key(2), data=b"b\n")
    messages.add(one)
    messages.add(two)
    assert texts(messages, two) == ["b"]
    assert texts(messages, one) == ["a"]


def test_sums_of_many_have_no_messages() -> None:
    """Whatever their key."""
    messages = stage()
    messages.add(packet := payload(data=b"a\n"))
    assert texts(messages, packet, flags=SocketFlag.FOLDED) == []


@pytest.mark.parametrize(
    ("local", "remote", "flags", "direction", "stamped"),
    [
        (40000, 80, 0, Direction.TX, True),
        (80, 40000, 0, Direction.TX, True),
        (514, 80, SYN, Direction.TX, True),  # whose SYN it is says who serves
        (514, 80, SYN, Direction.RX, False),
        (9000, 80, 0, Direction.TX, True),
        (80, 9000, 0, Direction.RX, True),
        (9000, 80, SYN, Direction.RX, False),
    ],
)
def test_the_servers_port_says_who_talks(
    local: int, remote: int, flags: int, direction: Direction, stamped: bool
) -> None:
    """It is the lower one where no SYN says which it is."""
    messages = stage()
    packet = payload(local_port=local, remote_port=remote, flags=flags, direction=direction)
    messages.add(packet)
    messages.add(payload(seq=2, data=b"a\n"))
    said = messages.take(record(packet))
    assert said is not None
    assert said.stamped is stamped


def test_what_nobody_reads_is_not_kept() -> None:
    """A port without an application, and a packet without bytes that begins nothing."""
    messages = stage()
    messages.add(payload(remote_port=81, data=b"a\n"))
    messages.add(payload(flags=Segment.FIN))
    messages.add(payload(**{**DATAGRAM, "remote_port": 80}, data=b"a"))
    assert messages.held == 0


def test_a_decoder_that_fails_costs_its_socket_only() -> None:
    """What was said before is told; it is counted, and the first error kept."""
    faults = Faults()
    messages = SocketMessages(TABLE, faults=faults)
    one, two = payload(key=key(1), data=b"a\nb\n"), payload(key=key(2), data=b"c\n")
    messages.add(one)
    messages.add(payload(key=key(1), seq=5, data=b"boom\n"))
    messages.add(payload(key=key(1), seq=10, data=b"d\n"))
    messages.add(two)
    assert texts(messages, one) == ["a", "b"]
    assert texts(messages, two) == ["c"]
    assert messages.stats.failed == faults.names == 1
    assert isinstance(faults.first, ZeroDivisionError)
    messages.add(payload(key=key(3), flags=SYN))
    messages.add(last := payload(key=key(3), seq=4, data=b"boom\n"))  # it waits
    assert texts(messages, last) == []
    assert messages.stats.failed == 2
    assert messages.held == 0


def test_a_socket_that_takes_too_much_is_given_up() -> None:
    """What it said before is told."""
    messages = stage(socket_bytes=20_000)
    messages.add(first := payload(seq=10, data=b"a\n" + bytes(8000)))
    messages.add(payload(key=key(7), data=b"b\n"))
    messages.add(payload(seq=8012, data=bytes(12000)))
    assert messages.stats.too_large == 1
    assert texts(messages, first) == ["a"]
    assert texts(messages, payload(key=key(7))) == ["b"]


def test_who_takes_most_loses_first() -> None:
    """By bytes: the sockets that were silent longest, and never those of a small user."""
    messages = stage(total_bytes=100_000)
    small = payload(uid=1, key=key(1), data=b"small\n")
    messages.add(small)
    big = [payload(uid=2, key=key(10 + each), data=bytes(5000)) for each in range(30)]
    for packet in big:
        messages.add(packet)
        assert messages.held <= 100_000
    assert messages.stats.evicted >= 15
    assert messages.stats.lost == 0
    assert texts(messages, small) == ["small"]
    assert texts(messages, big[0]) == []
    assert len(texts(messages, big[-1])) == 1


def test_who_has_most_sockets_loses_first() -> None:
    """By number: a flood of tiny ones is that of its user alone, and what it had to tell counts."""
    messages = stage(sockets=16)
    small = [payload(uid=1, key=key(each), data=b"small\n") for each in range(4)]
    for packet in small:
        messages.add(packet)
    for each in range(1000):
        messages.add(payload(uid=2, key=key(100 + each), data=b"x\n"))
    assert [texts(messages, packet) for packet in small] == [["small"]] * 4
    assert messages.stats.evicted == messages.stats.lost >= 980


def test_a_packet_after_the_last_record_is_late() -> None:
    """It begins nothing, unless it is the SYN of another connection; later nobody remembers."""
    messages = stage()
    packet = payload(data=b"a\n")
    assert texts(messages, packet) == []
    messages.add(packet)
    assert (messages.held, messages.stats.late) == (0, 1)
    messages.add(payload(flags=SYN))
    messages.add(payload(seq=2, data=b"b\n"))
    assert texts(messages, packet) == ["b"]
    for _ in range(TICKS_AFTER_END):
        messages.tick(1)
    messages.add(packet)
    assert texts(messages, packet) == ["a"]


def test_what_was_silent_for_long_is_forgotten() -> None:
    """A record of it is a sign of life."""
    messages = stage()
    one, two = payload(ts_ns=1, key=key(1), data=b"a\n"), payload(ts_ns=1, key=key(2), data=b"b\n")
    messages.add(one)
    messages.add(two)
    messages.tick(FORGET_NS)
    assert texts(messages, one, flags=SocketFlag.STALE, ts_ns=FORGET_NS) == ["a"]
    messages.tick(FORGET_NS + 1)
    assert (messages.stats.forgotten, messages.stats.lost) == (1, 1)
    messages.add(payload(ts_ns=FORGET_NS, key=key(1), seq=3, data=b"c\n"))
    assert texts(messages, one) == ["c"]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 5), st.integers(0, 60), st.integers(0, 7),
        st.sampled_from([b"", b"a\n", b"boom\n", b"x" * 100, b"\n" * 20]), st.booleans(),
    )
)  # fmt: skip


@given(STEPS)
def test_the_account_is_exact(steps: list[tuple[Any, ...]]) -> None:
    """Whatever comes, in whatever order: what is held is what the sockets hold, and bounded."""
    messages = stage(total_bytes=20_000, sockets=5, socket_bytes=8000)
    for uid, number, seq, flags, data, udp in steps:
        name = key(number + 100 * uid + 1000 * udp)
        packet = payload(uid=uid, key=name, seq=seq, flags=flags, data=data, size=len(data))
        if udp:
            packet = payload(uid=uid, key=name, data=data, **DATAGRAM)
        messages.add(packet)
        if seq % 7 == 0:
            messages.take(record(packet, flags=SocketFlag.FINAL if seq % 2 else 0))
        assert messages.held == sum(it.held for it in messages._talks.values())
        assert messages.held <= 20_000
        assert len(messages._talks) <= 5
        held = {uid: user.held for uid, user in messages._users.items()}
        assert sum(held.values()) == messages.held
        assert all(user.talks for user in messages._users.values())
