# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd.errors import FimError
from kflowd.fim import store
from kflowd.fim.compare import deleted
from kflowd.fim.database import Database, made
from kflowd.fim.numbering import Numbering
from kflowd.fim.secret import Secret
from kflowd.fim.state import encode, identity
from kflowd.fim.store import AS_ACCEPTED, Observed, Store
from tests.unit.fim.states import state

KEY = Secret(b"k" * 32)


def seen(name: str, **changes: object) -> Observed:
    """Return what a walk has found of a name."""
    found = state(**changes)
    return Observed(f"\0{name}".encode(), "r", encode(found), identity(found))


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Store]:
    """Return a store with three names, two of one inode."""
    path = tmp_path / "fim.db"
    with made(path, KEY) as connection:
        rows = [seen("a"), seen("b", inode=8, links=2), seen("c", inode=8, links=2)]
        store.fill(connection, KEY, rows)
        store.conclude(connection, b"rules", 1, 3)
    with Database(path, KEY, write=True) as database:
        yield Store(database, KEY)


def test_rows_are_those_of_a_range(known: Store) -> None:
    """Behind the first key up to the last, in order."""
    assert [it.key for it in known.rows(None, None)] == [b"\0a", b"\0b", b"\0c"]
    assert [it.key for it in known.rows(b"\0a", b"\0b")] == [b"\0b"]
    assert [it.path for it in known.everything()] == [b"/a", b"/b", b"/c"]
    assert list(known.differing()) == []
    assert known.counts() == (3, 3, 0)


def test_what_was_seen_is_kept_beside_what_was_accepted(known: Store) -> None:
    """What is as accepted again leaves nothing behind, as does a new name that is gone."""
    run = known.begin_run(b"rules")
    known.observe(run, [seen("a", size=9), seen("n", inode=1)], b"\0n")
    row = known.row(b"\0a")
    assert row is not None
    assert row.seen_state == encode(state(size=9))
    assert row.accepted == encode(state())
    assert known.counts() == (4, 3, 2)
    known.observe(run, [seen("a"), Observed(b"\0n", "r", None, None)], b"\0n")
    row = known.row(b"\0a")
    assert row is not None
    assert row.seen == AS_ACCEPTED
    assert known.counts() == (3, 3, 0)
    assert known.row(b"\0n") is None


def test_inodes_lead_to_names(known: Store) -> None:
    """Who had it, who has it still, who has it now."""
    run = known.begin_run(b"rules")
    inode, other = identity(state()), identity(state(inode=8))
    known.observe(run, [Observed(b"\0a", "r", None, None), seen("n")], b"\0n")
    assert [it.key for it in known.takers_of(inode)] == [b"\0n"]
    assert [it.key for it in known.losers_of(inode)] == [b"\0a"]
    assert known.holders_of(inode) == []
    assert [it.key for it in known.holders_of(other)] == [b"\0b", b"\0c"]
    assert known.takers_of(other) == []


def test_a_run_that_does_not_end_is_found(known: Store) -> None:
    """With its position; a new one gives it up."""
    run = known.begin_run(b"rules")
    known.observe(run._replace(names=2), [], b"\0b")
    found = known.last_run(ended=False)
    assert found is not None
    assert (found.number, found.position, found.names) == (run.number, b"\0b", 2)
    known.end_run(run, [], Numbering(KEY, run.number, (0, ""), 1))
    assert known.last_run(ended=False) is None
    assert known.last_run(ended=True) is not None


def test_a_state_that_others_wrote_is_refused(known: Store) -> None:
    """Of another content, and of another name."""
    one, other = known.row(b"\0a"), known.row(b"\0b")
    assert one is not None
    assert other is not None
    known.verify(one)
    for forged in (
        one._replace(accepted=encode(state(size=9))),
        one._replace(mac=other.mac),
        one._replace(accepted_content=b""),
    ):
        with pytest.raises(FimError, match="the accepted state of /a was changed"):
            known.verify(forged)


def test_a_link_that_is_accepted_is_so_for_all_its_names(known: Store) -> None:
    """Where the number of names is all that differs."""
    run = known.begin_run(b"rules")
    names = [seen("b", inode=8, links=3), seen("c", inode=8, links=3, size=9)]
    known.observe(run, [*names, seen("d", inode=8, links=3)], b"\0d")
    with known.database.writing():
        known.accept(b"\0d", "accept")
    assert [it.key for it in known.differing()] == [b"\0c"]


def test_findings_stand_until_they_are_undone(known: Store) -> None:
    """What is found again keeps its number."""
    run = known.begin_run(b"rules")
    finding = deleted(b"/a", state())
    known.end_run(run, [(finding, b"1"), (finding, b"2")], Numbering(KEY, 2, (0, ""), 5))
    last = known.last_link()
    known.end_run(run, [(finding, b"2"), (finding, b"3")], Numbering(KEY, 3, last, 6))
    assert [(it.sequence, it.document) for it in known.standing()] == [(2, b"2"), (3, b"3")]
    assert known.bits() == 2
    assert [it.status for it in known.findings(0)] == ["undone", "open", "open"]
    known.decide([known.findings(1)[0]], "rejected")
    assert [it.sequence for it in known.standing(rejected=False)] == [3]
