# SPDX-License-Identifier: Apache-2.0
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kflowd.plugins.loading import PluginError, load
from kflowd.plugins.places import GROUP, Place
from kflowd.protocols import Conversation, Direction, Message
from tests.unit.plugins.faulty import FAULTY, MEMCACHED

LABELS = "class L:\n    asks = [%r]\nKFLOWD_PLUGIN = 1\nENRICHERS = {'a': L()}"
DECODER = "class D:\n    datagram = conversation = lambda self: None\n"


def test_a_file_is_loaded() -> None:
    """With its version and decoders; no bytecode is left beside it."""
    plugin = load(Place("faulty", str(FAULTY)))
    assert (plugin.version, list(plugin.decoders)) == ("0.1", ["faulty"])
    assert list(plugin.enrichers) == ["faulty"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "KFLOWD_PLUGIN is None, and 1 is needed"),
        ("KFLOWD_PLUGIN = 2", "KFLOWD_PLUGIN is 2, and 1 is needed"),
        ("KFLOWD_PLUGIN = 1", "it has neither DECODERS nor ENRICHERS"),
        ("KFLOWD_PLUGIN = 1\nDECODERS = []", "DECODERS or ENRICHERS is no dictionary"),
        ("KFLOWD_PLUGIN = 1\nENRICHERS = {'A': 1}", "ENRICHERS has 'A': a name of small"),
        ("KFLOWD_PLUGIN = 1\nENRICHERS = {'a': 1}", r"ENRICHERS\['a'\].asks has others than"),
        (LABELS % "pid", r"ENRICHERS\['a'\].asks has others than"),
        (LABELS % "uid", r"ENRICHERS\['a'\] has no enrich_actor"),
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


def test_the_example_reads_memcached() -> None:
    """However the bytes are cut; blocks of data are passed over, and datagrams have a header."""
    decoder = load(Place("memcached", str(MEMCACHED))).decoders["memcached"]
    said = b"set a 0 0 7\r\nget b\r\n\r\nget c d\r\n\r\nVALUE c 0 2\r\nxx\r\nEND\r\n"
    for step in (1, 3, 100):
        conversation = decoder.conversation(joined=False)
        found = []
        for at in range(0, len(said), step):
            found += conversation.feed(Direction.TX, said[at : at + step], at)
        assert [it.members for it in found] == [
            {"Line": "set a 0 0 7", "Bytes": 7},
            {"Line": "get c d"},
            {"Line": "VALUE c 0 2", "Bytes": 2},
            {"Line": "END"},
        ]
        conversation.feed(Direction.TX, b"get", 1)
        assert [it.members for it in conversation.end(Direction.TX)] == [{"Line": "get"}]
    (missed,) = _after_gap(decoder.conversation(joined=True))
    assert (missed.members, missed.notes) == ({"Line": "half"}, ["GAP"])
    asked = decoder.datagram(Direction.TX, bytes(8) + b"get a\r\n", 15, 5)
    assert [it.members for it in asked] == [{"Line": "get a"}]
    assert decoder.datagram(Direction.TX, b"x", 1, 5)[0].notes == ["MALFORMED"]
    (long,) = decoder.conversation(joined=False).feed(Direction.RX, b"x" * 5000, 5)
    assert long.notes == ["MALFORMED"]


def _after_gap(conversation: Conversation) -> list[Message]:
    conversation.feed(Direction.TX, b"half", 1)
    return conversation.gap(Direction.TX, 9, 2)


def test_the_example_labels_by_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a table that is read again when it is another; lines of another form say nothing."""
    enricher = load(Place("owners", str(MEMCACHED.with_name("owners.py")))).enrichers["owners"]
    table = tmp_path / "owners.csv"
    monkeypatch.setattr(enricher, "_table", table)
    assert enricher.enrich_actor({"user": "ann"}) == {}
    table.write_text("ann,payments,ann@example.org\nbob,two\n\n")
    assert enricher.enrich_actor({"user": "ann"}) == {
        "Team": "payments",
        "Contact": "ann@example.org",
    }
    assert enricher.enrich_actor({"user": "bob"}) == {}
    table.write_text("ann,web,web\n")
    assert enricher.enrich_actor({"user": "ann"}) == {"Team": "web", "Contact": "web"}
