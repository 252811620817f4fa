# SPDX-License-Identifier: Apache-2.0
from kflowd.top.flows import Flows
from kflowd.top.records import Seen, decode
from tests.unit.top.made import record, tcp


def seen(text: bytes) -> Seen:
    """Return what is read of a record."""
    found = decode(text)
    assert found is not None
    return found


def test_a_connection_counts_once() -> None:
    """With its first record, whether it goes on or not; the same ports later are another one."""
    flows = Flows()
    goes_on, ended = seen(tcp(SockNotes=["INTERIM"])), seen(tcp())
    assert [flows.new(it) for it in (goes_on, goes_on, ended, ended, goes_on)] == [1, 0, 0, 1, 1]
    assert flows.new(seen(tcp(8, SockNotes=["INTERIM"]))) == 1


def test_sums_count_what_is_in_them() -> None:
    """Peers of a socket, sockets of a process."""
    flows = Flows()
    assert flows.new(seen(tcp(SockNotes=["FOLDED"], SockPeersFolded=5))) == 5
    assert flows.new(seen(tcp(SockNotes=["FOLDED"], SockSocketsFolded=7))) == 7


def test_unix_sockets_count_at_their_end() -> None:
    """Nothing tells two of one address apart."""
    flows = Flows()
    assert flows.new(seen(record(monitor="socket", SockNotes=["INTERIM"]))) == 0
    assert flows.new(seen(record(monitor="socket"))) == 1


def test_they_are_bounded() -> None:
    """One that was passed over is counted again."""
    flows = Flows(most=2)
    going = [seen(tcp(port=port, SockNotes=["INTERIM"])) for port in range(5)]
    assert sum(map(flows.new, going)) == 5
    assert len(flows._known) == 2
    assert [flows.new(going[4]), flows.new(going[0])] == [0, 1]
