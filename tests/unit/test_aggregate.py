# SPDX-License-Identifier: Apache-2.0
from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.followed import Followed
from kflowd.aggregate.messages import SocketMessages
from kflowd.aggregate.names import RemoteNames
from kflowd.aggregate.process import ProcessAggregator
from kflowd.aggregate.socket import SocketAggregator
from kflowd.constants import IPPROTO_TCP
from kflowd.model import (
    FileFlag,
    FilePath,
    ProcessAggregate,
    SocketAggregate,
    SocketClosed,
    SocketFlag,
    Tick,
    Value,
)
from kflowd.protocols import DNS
from kflowd.settings import TraceSettings
from tests.unit.lines import Lines
from tests.unit.make import SECOND, file, payload, process, seen, socket, unix


def aggregator() -> Aggregator:
    return Aggregator(FileAggregator(SECOND), SocketAggregator())


def test_values_keep_their_order() -> None:
    """What is complete passes between what is not."""
    path = FilePath(1, file().key, 0, "/x")
    values: list[Value] = [seen(), path, file(), unix(), SocketClosed(1, 2), socket()]
    assert aggregator().feed(values) == [seen(), file(), unix(), socket()]


def test_a_tick_completes_and_passes_on() -> None:
    """What has waited too long comes before the tick."""
    part = file(flags=FileFlag.PARTIAL, counts=(0, 1, *([0] * 9)))
    stage = aggregator()
    assert stage.feed([part]) == []
    assert stage.feed([Tick(99 * SECOND)]) == [part, Tick(99 * SECOND)]
    assert stage.close() == []


def test_times_can_change() -> None:
    """For what waits, too; of processes and of parts of files."""
    stage = Aggregator(
        FileAggregator(99 * SECOND), SocketAggregator(), process=ProcessAggregator(99 * SECOND)
    )
    part = file(flags=FileFlag.PARTIAL, counts=(0, 1, *([0] * 9)))
    values: list[Value] = [seen(), part]
    stage.feed(values)
    assert stage.feed([Tick(50 * SECOND)]) == [Tick(50 * SECOND)]
    stage.retime(TraceSettings(idle_ns=9 * SECOND, active_ns=9 * SECOND))
    kinds = [type(value) for value in stage.feed([Tick(51 * SECOND)])]
    assert type(part) in kinds
    assert ProcessAggregate in kinds


def test_the_base_of_a_connection_is_no_record() -> None:
    """What only serves deltas stays in the stage."""
    assert aggregator().feed([socket(flags=SocketFlag.SNAPSHOT)]) == []


def test_what_is_of_others_goes_no_further() -> None:
    """Neither at once nor at the end, nor in what is made of it."""
    stage = Aggregator(
        FileAggregator(SECOND),
        SocketAggregator(),
        process=ProcessAggregator(9 * SECOND),
        followed=Followed(process().tgid),
    )
    part = file(flags=FileFlag.PARTIAL, counts=(0, 1, *([0] * 9)))
    mine, other = seen(), seen(process=process(tgid=7))
    assert stage.feed([mine, other, file(process=other.process), part]) == [mine, other]
    kinds = [type(value) for value in stage.close()]
    assert kinds == [type(part), ProcessAggregate]
    assert stage.followed
    assert stage.followed.hidden == 2


def test_a_socket_has_the_name_that_its_process_asked_for() -> None:
    """Whether or not something was said over it."""
    names = RemoteNames()
    messages = SocketMessages({(IPPROTO_TCP, 53): DNS}, names=names)
    stage = Aggregator(FileAggregator(SECOND), SocketAggregator(), messages=messages)
    owner, address = socket().process, socket().flow.remote_addr[:4]
    packet = payload(ts_ns=1, tgid=owner.tgid, start_ns=owner.start_ns)
    names._learn(packet, address, ("www.example.com",), 60)
    (named,) = stage.feed([socket(first_ns=2)])
    assert isinstance(named, SocketAggregate)
    assert named.remote_names == ("www.example.com",)
    assert named.messages is None
    (other,) = stage.feed([socket(first_ns=1)])
    assert isinstance(other, SocketAggregate)
    assert other.remote_names == ()


def test_payload_becomes_messages_of_its_socket() -> None:
    """It goes no further itself; the base of a connection and the sums of many have none."""
    stage = Aggregator(
        FileAggregator(SECOND),
        SocketAggregator(),
        messages=SocketMessages({(IPPROTO_TCP, 80): Lines()}),
    )
    packet = payload(key=socket().key, data=b"a\nb\n")
    assert stage.feed([packet, socket(flags=SocketFlag.SNAPSHOT)]) == []
    folded, interim = stage.feed([socket(flags=SocketFlag.FOLDED), socket(flags=0)])
    assert isinstance(folded, SocketAggregate)
    assert isinstance(interim, SocketAggregate)
    assert folded.messages is None
    assert interim.messages is not None
    assert [it.members["Text"] for it in interim.messages.messages] == ["a", "b"]
    (last,) = stage.feed([socket(flags=SocketFlag.FINAL)])
    assert isinstance(last, SocketAggregate)
    assert last.messages is None
    assert stage.feed([payload(ts_ns=1, data=b"a\n"), Tick(1 << 60)]) == [Tick(1 << 60)]
    assert stage.messages
    assert stage.messages.stats.forgotten == 1
    assert aggregator().feed([packet]) == []
