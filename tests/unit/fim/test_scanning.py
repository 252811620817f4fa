# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.fim import scanning, work
from tests.unit.fim.hosts import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with 25 accepted files."""
    made = Host(tmp_path)
    for number in range(25):
        (made.tree / f"f{number:02}").write_text(str(number))
    made.init()
    return made


def test_batches_find_the_same_as_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a batch ends, also ahead of what is gone."""
    for number in (0, 7, 8, 9, 24):
        (host.tree / f"f{number:02}").unlink()
    (host.tree / "zz").write_text("")
    expected = [("deleted", f"f{it:02}") for it in (0, 7, 8, 9, 24)] + [("created", "zz")]
    for size in (1, 3, 7, 1000):
        monkeypatch.setattr(scanning, "BATCH", size)
        assert host.found() == expected


def test_a_check_that_was_ended_goes_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind what it has written; what was found before the end is told of, too."""
    monkeypatch.setattr(scanning, "BATCH", 5)
    (host.tree / "f00").write_text("x")
    (host.tree / "f20").unlink()
    looked: list[int] = []

    def end(count: int) -> None:
        looked.append(count)
        if count >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), work.Session(host.settings, write=True) as session:
        session.check(end, lambda: None, host.said.append)
    with work.Session(host.settings, write=True) as session:
        assert session.status().unended is not None
        checked = session.check(looked.append, lambda: None, host.said.append)
        assert [it.bit for it in session.findings()] == [4, 2]
    assert checked.resumed
    assert (checked.names, checked.code) == (25, 6)
    assert looked == [5, 10, 15, 20, 25]


def test_with_other_rules_it_begins_anew(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first part has looked at may be another part now."""
    monkeypatch.setattr(scanning, "BATCH", 5)
    with pytest.raises(ZeroDivisionError), work.Session(host.settings, write=True) as session:
        session.check(lambda count: print(1 // (count - 10)), lambda: None, host.said.append)
    other = Host(host.tree.parent, severity="low")
    with work.Session(other.settings, write=True) as session:
        assert not session.check(lambda _: None, lambda: None, other.said.append).resumed
