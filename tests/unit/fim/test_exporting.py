# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import msgspec
import pytest

from kflowd.errors import FimError
from kflowd.fim import exporting, work
from tests.unit.fim.hosts import Host


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
            assert exporting.write(tmp_path / name, session.store, {"Host": "h"}) == 3
        with pytest.raises(FimError, match="File exists"):
            exporting.write(tmp_path / "x", session.store, {})
    data = (tmp_path / "x").read_bytes()
    assert data == (tmp_path / "y").read_bytes()
    found = msgspec.json.decode(data)
    assert (found["Host"], found["Format"]) == ("h", 1)
    assert [it.get("Path", it.get("PathHex")) for it in found["Names"]] == [
        str(host.tree),
        f"{host.tree}/a",
        (bytes(host.tree) + b"/\xff").hex(),
    ]
    assert found["Names"][2]["Target"] == "\\xfe"
    assert list(found["Names"][1]) == sorted(found["Names"][1])
