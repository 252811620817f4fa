# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols import DEV_LOG, JOURNAL, SYSLOG
from kflowd.protocols.base import Direction, Limits
from kflowd.protocols.syslog.application import Journal, Syslog
from tests.fuzz.applications import fuzz

TX = Direction.TX


def test_a_datagram_is_one_message() -> None:
    """With its time and direction, under one name, and without a stamp of its own."""
    raw = b"<13>Sep 16 14:30:01 last message repeated"
    (sent,) = SYSLOG.datagram(TX, raw, len(raw), 7)
    assert (sent.ts_ns, sent.direction, sent.notes, sent.length) == (7, TX, [], 0)
    assert sent.members["Hostname"] == "last"
    assert "Hostname" not in DEV_LOG.datagram(TX, raw, len(raw), 7)[0].members
    for each in (SYSLOG, DEV_LOG, JOURNAL):
        assert (each.name, each.key, each.stamped) == ("SYSLOG", "Syslog", False)


def test_padding_is_no_text() -> None:
    """What is behind the true length of a datagram."""
    raw = b"<13>a: short"
    padded = raw + b"\0\0padding of Ethernet"
    assert SYSLOG.datagram(TX, padded, len(raw), 0)[0].members["Message"] == "short"
    entry = b"MESSAGE=short\n"
    assert (
        JOURNAL.datagram(TX, entry + b"\nMESSAGE=x\n", len(entry), 0)[0].members["Message"]
        == "short"
    )


def test_a_datagram_that_was_captured_in_part_says_so() -> None:
    """With its length on the wire; so does one of which a value is cut."""
    raw = b"<13>a: " + b"x" * 100
    (part,) = SYSLOG.datagram(TX, raw[:50], len(raw), 0)
    assert (part.notes, part.length, part.members["Message"]) == (["CUT"], 107, "x" * 43)
    (cut,) = Syslog(Limits(text_bytes=10)).datagram(TX, raw, len(raw), 0)
    assert (cut.notes, cut.length, cut.members["Message"]) == (["CUT"], 107, "x" * 10)
    entry = b"MESSAGE=" + raw
    (part,) = JOURNAL.datagram(TX, entry[:20], len(entry), 0)
    assert (part.notes, part.length) == (["CUT"], len(entry))
    (cut,) = Journal(Limits(text_bytes=10)).datagram(TX, entry, len(entry), 0)
    assert (cut.notes, cut.length) == (["CUT"], len(entry))
    assert JOURNAL.datagram(TX, b"", 0, 0) == []


def test_no_bytes_are_too_strange() -> None:
    """A part of `python -m tests.fuzz`: nothing is raised, held or shown beyond the limits."""
    assert fuzz("SYSLOG", 3000, seed=12) == 3000
    assert fuzz("JOURNAL", 3000, seed=12) == 3000
