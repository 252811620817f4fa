# SPDX-License-Identifier: Apache-2.0
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kflowd.plugins.loading import PluginError, load
from kflowd.plugins.places import GROUP, Place
from tests.unit.plugins.faulty import FAULTY

DECODER = "class D:\n    datagram = conversation = lambda self: None\n"


def test_a_file_is_loaded() -> None:
    """With its version and decoders; no bytecode is left beside it."""
    plugin = load(Place("faulty", str(FAULTY)))
    assert (plugin.version, list(plugin.decoders)) == ("0.1", ["faulty"])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "KFLOWD_PLUGIN is None, and 1 is needed"),
        ("KFLOWD_PLUGIN = 2", "KFLOWD_PLUGIN is 2, and 1 is needed"),
        ("KFLOWD_PLUGIN = 1", "DECODERS is no dictionary"),
        ("KFLOWD_PLUGIN = 1\nDECODERS = {}", "DECODERS is no dictionary"),
        ("KFLOWD_PLUGIN = 1\nDECODERS = {'a': 1}", r"DECODERS\['a'\] is no decoder"),
        (f"{DECODER}KFLOWD_PLUGIN = 1\nDECODERS = {{1: D()}}", r"DECODERS\[1\] is no decoder"),
    ],
)
def test_what_is_no_plugin_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    """With what it lacks."""
    path = tmp_path / "one.py"
    path.write_text(text)
    with pytest.raises(PluginError, match=cause):
        load(Place("one", str(path)))


def test_an_entry_point_is_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name in the group; what is not there, or no module, is refused."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kf_one.py").write_text(f"{DECODER}KFLOWD_PLUGIN = 1\nDECODERS = {{'a': D()}}")
    entries = {
        name: (metadata.EntryPoint(name, value, GROUP),)
        for name, value in (("one", "kf_one"), ("no", "kf_one:D"))
    }

    def entry_points(*, group: str, name: str) -> tuple[metadata.EntryPoint, ...]:
        assert group == GROUP
        return entries.get(name, ())

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    try:
        assert list(load(Place("one")).decoders) == ["a"]
        with pytest.raises(PluginError, match="the entry point no is no module"):
            load(Place("no"))
        with pytest.raises(PluginError, match="no installed package has the entry point x"):
            load(Place("x"))
    finally:
        sys.modules.pop("kf_one", None)
