# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.fim.store import Row, Store
from tests.unit.fim.hosts import Host


def test_several_names_of_one_inode(tmp_path: Path) -> None:
    """Renamed and linked at once: one of the new names is the rename, the other is a link."""
    host = Host(tmp_path)
    host.write(a="1", k="2")
    (host.tree / "k2").hardlink_to(host.tree / "k")
    host.init()
    (host.tree / "a").rename(host.tree / "b")
    (host.tree / "c").hardlink_to(host.tree / "b")
    (host.tree / "n").write_text("new")
    (host.tree / "n2").hardlink_to(host.tree / "n")
    (host.tree / "k").rename(host.tree / "k3")
    assert sorted(host.found()) == [
        ("created", "n"),
        ("deleted", "k"),
        ("linked", "c", "b"),
        ("linked", "k3", "k2"),
        ("linked", "n2", "n"),
        ("renamed", "b", "a"),
    ]


def test_a_moved_file_that_changed_is_one_finding(tmp_path: Path) -> None:
    """With what differs; over another one too."""
    host = Host(tmp_path)
    host.write(a="1", b="2", c="3")
    host.init()
    (host.tree / "a").rename(host.tree / "n")
    (host.tree / "n").write_text("changed")
    (host.tree / "b").rename(host.tree / "c")
    (host.tree / "c").chmod(0o777)
    found = host.check()
    assert [it["FimFinding"] for it in found] == ["replaced", "renamed"]
    assert {"content", "size"} <= set(found[1]["FimChanged"])
    assert found[0]["FimOldPath"] == "b"


def test_an_inode_with_many_names_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may give one tens of thousands: not each of them looks at all others."""
    host = Host(tmp_path)
    host.write(a="1")
    for number in range(50):
        (host.tree / f"b{number}").hardlink_to(host.tree / "a")
    host.init()
    (host.tree / "z").hardlink_to(host.tree / "a")
    asked: list[bytes] = []
    real = Store.takers_of

    def noted(store: Store, inode: bytes) -> list[Row]:
        asked.append(inode)
        return real(store, inode)

    monkeypatch.setattr(Store, "takers_of", noted)
    assert host.found() == [("linked", "z", "a")]
    assert len(asked) == 1
