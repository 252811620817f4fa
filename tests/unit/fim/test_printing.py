# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from kflowd.fim import printing, work
from kflowd.fim.work import Checked
from tests.unit.fim.hosts import Host


def test_a_comparison_is_one_line() -> None:
    """With what its exit code says."""
    found = printing.summary(Checked(1, resumed=False, code=0))
    assert found == "1 name compared: all is as accepted"
    found = printing.summary(Checked(7, resumed=True, code=5))
    assert found == "7 names compared, resumed: there are new, changed names"


def test_progress_fits_a_terminal() -> None:
    """With a bar where the number of names is known about."""
    assert printing.progress(1234, None) == "1,234 names"
    assert printing.progress(50, 100) == "[##########          ]  50% 50 of 100 names"
    assert len(printing.progress(3_000_000, 1_000_000)) < 80


def test_how_things_stand_and_what_is_known(tmp_path: Path) -> None:
    """One line each, none of which drives a terminal."""
    host = Host(tmp_path)
    host.write(a="1", b="2")
    host.init()
    host.write(a="x")
    host.check()
    with work.Session(host.settings, write=False) as session:
        lines = list(printing.status_lines(host.settings, session.status()))
        path = host.path("a")
        explained = list(printing.explained_lines(session.explain(path)))
        none = list(printing.explained_lines(session.explain(b"/\x1b")))
        (stored,) = session.findings()
    heads = [it.split("  ")[0] for it in lines]
    assert heads == ["state", "rules", "names", "findings", "last run", "chain"]
    assert "1 wait for a decision, 0 are rejected" in lines[3]
    assert [it for it in explained if it.startswith("seen last")]
    assert none == ["rule             none", "accepted         nothing"]
    assert all(it.isprintable() for it in (*lines, *explained))
    assert "actor unknown" in printing.found_by(stored)
