# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import msgspec
import pytest

from kflowd.errors import FimError
from kflowd.fim import exporting, work
from kflowd.fim.store import Store
from tests.unit.fim.hosts import Host


def write(path: Path, store: Store) -> int:
    """Write an export with a signature that is none."""
    return exporting.write(path, store, {"Host": "h"}, lambda _file: b"signature")


def test_an_export_is_canonical(tmp_path: Path) -> None:
    """Two of one state have the same bytes; a name that is no UTF-8 is in hex."""
    host = Host(tmp_path)
    host.write(a="1")
    (host.tree / os.fsdecode(b"\xff")).symlink_to(os.fsdecode(b"\xfe"))
    host.init()
    host.write(b="not accepted")
    host.check()
    with work.Session(host.settings, write=False) as session:
        for name in "xy":
            assert write(tmp_path / name, session.store) == 3
        with pytest.raises(FimError, match="File exists"):
            write(tmp_path / "x", session.store)
    data = (tmp_path / "x").read_bytes()
    assert data == (tmp_path / "y").read_bytes()
    found = msgspec.json.decode(data)
    assert (found["Host"], found["Format"]) == ("h", 1)
    assert [it.get("Path", it.get("PathHex")) for it in found["Names"]] == [
        str(host.tree),
        f"{host.tree}/a",
        (bytes(host.tree) + b"/\xff").hex(),
    ]
    assert found["Names"][2]["TargetHex"] == "fe"
    assert list(found["Names"][1]) == sorted(found["Names"][1])


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    """Nor what a link leads to that somebody has put where the signature goes."""
    host = Host(tmp_path)
    host.init()
    victim = tmp_path / "victim"
    victim.write_text("v")
    (tmp_path / "x.sig").symlink_to(victim)
    (tmp_path / "y").symlink_to(victim)
    with work.Session(host.settings, write=False) as session:
        for name, said in (("x", "x.sig"), ("y", "y")):
            with pytest.raises(FimError, match=f"/{said}: File exists"):
                write(tmp_path / name, session.store)
    assert victim.read_text() == "v"
    assert {it.name for it in tmp_path.iterdir()} == {"state", "tree", "victim", "x.sig", "y"}


def test_what_fails_leaves_neither_file(tmp_path: Path) -> None:
    """An export without a signature is none."""
    host = Host(tmp_path)
    host.init()

    def refuse(_file: object) -> bytes:
        raise OSError(28, "No space left on device")

    session = work.Session(host.settings, write=False)
    with session, pytest.raises(FimError, match="/x: No space left"):
        exporting.write(tmp_path / "x", session.store, {}, refuse)
    assert {it.name for it in tmp_path.iterdir()} == {"state", "tree"}
