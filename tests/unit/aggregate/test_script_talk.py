# SPDX-License-Identifier: Apache-2.0
from kflowd.aggregate.script_talk import ScriptTalk
from kflowd.aggregate.talk import TALK_BYTES
from kflowd.model import Segment
from kflowd.protocols import Deferred, Direction, PieceKind
from kflowd.protocols.deferred import PIECE_BYTES
from tests.unit.make import payload

TX, RX = Direction.TX, Direction.RX
SYN, FIN = Segment.SYN, Segment.FIN


def test_what_a_plugin_reads_is_a_script() -> None:
    """It has the pieces of both directions in order, and ends with the connection."""
    it = ScriptTalk(Deferred("redis"), 1000, 4)
    for ts_ns, (direction, seq, data, flags) in enumerate(
        ((TX, 9, b"", SYN), (RX, 9, b"", SYN), (TX, 10, b"ask", 0), (RX, 10, b"ans", FIN)), 1
    ):
        packet = payload(ts_ns=ts_ns, direction=direction, seq=seq, data=data, flags=flags)
        assert it.segment(packet) == []
    assert (it.messages, it.held > TALK_BYTES) == (1, True)
    first = it.said(4)
    assert first is not None
    assert (first.app, first.messages) == ("REDIS", ())
    assert first.script is not None
    assert [(each.kind, each.direction, each.data) for each in first.script.pieces] == [
        (PieceKind.DATA, TX, b"ask"),
        (PieceKind.DATA, RX, b"ans"),
        (PieceKind.END, RX, b""),
    ]
    assert (it.messages, it.said(4)) == (0, None)
    assert it.held < TALK_BYTES + PIECE_BYTES
    it.segment(payload(ts_ns=9, direction=TX, seq=13, data=b"more"))
    it.finish(10)
    last = it.said(4)
    assert last is not None
    assert last.script is not None
    assert (last.script.asked.turn, last.script.ended) == (1, True)
    assert [each.kind for each in last.script.pieces] == [PieceKind.DATA, PieceKind.CUT]


def test_datagrams_that_a_plugin_reads_are_a_script() -> None:
    """With their true lengths; bytes that came twice are noted in one of a stream."""
    it = ScriptTalk(Deferred("redis"), 1000, 4)
    assert it.datagram(payload(ts_ns=5, data=b"abc", size=9)) == []
    it.finish(6)
    found = it.said(4)
    assert found is not None
    assert found.script is not None
    assert found.script.ended
    assert [(each.kind, each.size, each.data) for each in found.script.pieces] == [
        (PieceKind.DATAGRAM, 9, b"abc")
    ]
    stream = ScriptTalk(Deferred("redis"), 1000, 4)
    for seq, data in ((1, b"abc"), (1, b"axc")):
        stream.segment(payload(seq=seq, data=data))
    found = stream.said(4)
    assert found is not None
    assert found.script is not None
    assert [each.kind for each in found.script.pieces] == [PieceKind.DATA, PieceKind.OVERLAP]
    stream.segment(payload(seq=4, data=b"d"))
    stream.give_up()
    assert stream.said(4) is None
