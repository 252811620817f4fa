# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.enrich.labels import Labelled, Labels
from kflowd.enrich.plugins import FAILED, LATE
from kflowd.errors import UsageError
from kflowd.plugins import answers
from kflowd.plugins import service as module
from kflowd.plugins.places import Place
from kflowd.plugins.runner import Limits
from kflowd.plugins.service import Service, open_plugins
from kflowd.settings.plugins import PluginSettings, parse_ports_of
from tests.unit.plugins.faulty import FAULTY, MEMCACHED, script

PLACES = [Place("faulty", str(FAULTY)), Place("memcached", str(MEMCACHED))]


def test_each_application_has_its_reader() -> None:
    """What nobody reads is answered at once; processes are told whenever they change."""
    told: list[set[int]] = []
    with Service(PLACES, Limits(), lambda _line: None) as it:
        assert (sorted(it.words), it.whole) == (["faulty", "memcached"], True)
        assert list(map(str, it.rows())) == [
            "faulty 0.1: ready, reads faulty, labels faulty",
            "memcached 1.0: ready, reads memcached",
        ]
        it.follow(lambda found: told.append({pid for pid, _ in found}))
        assert len(told[-1]) == 2
        read = it.answer(script(b"get a\r\n", word="memcached"), 20)
        assert [each[2] for each in read.messages] == [{"Line": "get a"}]
        assert it.answer(script(b"x", word="other"), 20).note == FAILED
        assert it.answer(script(b"crash"), 20).note == FAILED
        assert it.counters() == {
            "plugin_faults": 1,
            "plugin_parts_lost": 2,
            "plugins_disabled": 0,
        }
        assert it.answer(script(b"fine"), 20).note == ""
        assert told[-1] != told[0]
        assert it.news() == []


def test_each_enricher_has_its_process() -> None:
    """What nobody has gives no labels."""
    with Service(PLACES, Limits(), lambda _line: None) as it:
        assert it.enrichers() == {"faulty": ["uid", "user"]}
        it.label(Labelled("faulty", (7, "ann")), 0)
        it.label(Labelled("other", (7,)), 0)
        found: list[Labels] = []
        while len(found) < 2:
            found += it.labels()
        assert {each.asked.name: each.labels for each in found} == {
            "faulty": {"Is": "ann 7"},
            "other": None,
        }
        assert it.labels() == []


def test_who_can_wait_does_so_for_a_time() -> None:
    """An answer that comes later is no other's."""
    with Service(PLACES[:1], Limits(1.0), lambda _line: None) as it:
        assert it.answer(script(b"spin", 1), 0.1).note == LATE
        read = it.answer(script(b"fine", 2), 20)
        assert (read.asked.conversation, read.note) == (2, "")


def test_answers_that_nobody_fetches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without room say that they come too late; a session has some of them."""
    monkeypatch.setattr(answers, "USER_BYTES", 3000)
    monkeypatch.setattr(answers, "FETCHED_BYTES", 1000)
    with Service(PLACES[:1], Limits(), lambda _line: None) as it:
        for number in range(1, 9):
            it.ask(script(b"y" * 900, number), 0)
        found = []
        while it.counters()["plugin_parts_lost"] < 5:
            pass
        while news := it.news():
            assert len(news) < 8
            found += [each.note for each in news]
        assert found == [""] * 3 + [LATE] * 5


def test_an_application_that_nobody_reads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With those that there are; a plugin that cannot be loaded is told, and the run goes on."""
    said: list[str] = []
    ports = (parse_ports_of("redis=tcp/6379"),)
    with pytest.raises(UsageError, match="^-p: no plugin reads redis; APP: dns$"):
        open_plugins(PluginSettings(plugin_ports=ports), said.append, ["dns"])
    assert open_plugins(PluginSettings(), said.append, ["dns"]) is None
    monkeypatch.setattr(module, "places_of", lambda _settings: PLACES[1:])
    with pytest.raises(UsageError, match="^-p: no plugin reads redis; APP: dns, memcached$"):
        open_plugins(PluginSettings(plugin_ports=ports), said.append, ["dns"])
    assert said == []
    bad = tmp_path / "bad.py"
    bad.write_text("1 / 0")
    monkeypatch.setattr(module, "places_of", lambda _settings: [Place("bad", str(bad))])
    opened = open_plugins(PluginSettings(plugin_ports=ports), said.append, ["dns"])
    assert opened is not None
    opened.close()
    assert said == ["plugin bad: refused: ZeroDivisionError: division by zero"]
