# SPDX-License-Identifier: Apache-2.0
import time

import msgspec
import pytest

from kflowd.enrich import memberships as module
from kflowd.enrich.cgroup_paths import MAX_PATH
from kflowd.enrich.containers import Place
from kflowd.enrich.memberships import Fact, Member, Memberships
from kflowd.model import ProcessExit, ProcessSeen, ProcessSource
from kflowd.records.session import MAX_FACTS_BYTES
from tests.unit.make import SECOND, process

ID = "7e" * 32
DOCKER = f"/docker/{ID}"
PLACE = Place("docker", ID, "")
START = 5 * SECOND
READ = 50 * SECOND


class Host:
    """Paths by tgid, and a clock; what is read takes time."""

    def __init__(self, paths: dict[int, str], takes_s: float = 0.0) -> None:
        self.paths = paths
        self.takes_s = takes_s
        self.now_s = 100.0
        self.asked: list[int] = []

    def clock(self) -> float:
        return self.now_s

    def read(self, tgid: int, start_ns: int) -> str | None:
        assert start_ns == START
        self.asked.append(tgid)
        self.now_s += self.takes_s
        return self.paths.get(tgid)


@pytest.fixture(autouse=True)
def _boottime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: READ)


def image(tgid: int, execs: int = 0) -> tuple[int, int, int]:
    return tgid, START, execs


def known_of(paths: dict[int, str], takes_s: float = 0.0) -> tuple[Memberships, Host]:
    host = Host(paths, takes_s)
    return Memberships(host, host.clock), host


def told(known: Memberships) -> list[Fact]:
    """Let what was read go through the stream."""
    news = known.news()
    known.learn(msgspec.json.decode(msgspec.json.encode(news), type=list[Fact]))
    return news


def container(known: Memberships, tgid: int, execs: int = 0) -> str | None:
    member = known.of(process(tgid=tgid, execs=execs))
    return None if member is None else member.place.container


def seen(source: int, tgid: int, execs: int, creator: int = 0, ts_ns: int = READ) -> ProcessSeen:
    begun = process(tgid=tgid, execs=execs)
    return ProcessSeen(ts_ns, begun, source, 0, 0, 0, "", (), (creator, START))


def test_a_process_is_read_once_for_each_program() -> None:
    """Not again because it is told of again."""
    known, _ = known_of({7: DOCKER})
    known.ahead(1000, image(7))
    known.ahead(1000, image(7))
    assert told(known) == [(7, START, 0, 1000, *PLACE, DOCKER, READ)]
    assert known.of(process(tgid=7)) == Member(PLACE, DOCKER, READ)
    known.ahead(1000, image(7))
    assert told(known) == []
    known.ahead(1000, image(7, 1))
    assert [it[:3] for it in told(known)] == [image(7, 1)]
    assert container(known, 7, 2) is None


def test_of_two_programs_in_a_batch_the_later_one_is_read() -> None:
    """What proc says now is not where the first one ran."""
    known, host = known_of({7: DOCKER})
    known.ahead(0, image(7, 1))
    known.ahead(0, image(7, 2))
    told(known)
    assert (container(known, 7, 1), container(known, 7, 2)) == (None, ID)
    assert host.asked == [7]


def test_who_is_gone_stays_unknown() -> None:
    """And is not asked for again."""
    known, host = known_of({})
    known.ahead(0, image(7))
    assert told(known) == []
    host.now_s += 10
    assert told(known) == []
    assert (host.asked, container(known, 7)) == ([7], None)
    assert not known._newest


def test_who_is_moved_is_found_by_looking_again() -> None:
    """Some each second, in turns, as long as they run; then actors are made anew."""
    known, host = known_of(dict.fromkeys(range(100, 100 + 2 * module.AGAIN), "/"))
    for tgid in host.paths:
        known.ahead(0, image(tgid))
    told(known)
    host.asked.clear()
    host.paths[100] = DOCKER
    assert told(known) == []
    news = []
    for _ in range(3):
        host.now_s += 1
        news += told(known)
    assert [it[:3] for it in news] == [image(100)]
    assert set(host.asked) == set(host.paths)
    assert len(host.asked) == 3 * module.AGAIN
    assert (known.changed, container(known, 100)) == (True, ID)


def test_few_are_read_once_each_second() -> None:
    """All have had their turn."""
    known, host = known_of({7: "/", 8: "/"})
    for tgid in host.paths:
        known.ahead(0, image(tgid))
    told(known)
    host.asked.clear()
    host.now_s += 1
    told(known)
    assert sorted(host.asked) == [7, 8]
    host.asked.clear()
    known.observe(ProcessExit(READ, process(tgid=8)))
    host.now_s += 1
    told(known)
    assert host.asked == [7]


def test_reading_takes_a_part_of_the_time_at_most() -> None:
    """Behind the first, of all that runs already; what waits is read later."""
    known, host = known_of(dict.fromkeys(range(100, 200), "/"), takes_s=module.BURST_S / 3.9)
    for tgid in host.paths:
        known.ahead(0, image(tgid))
    first = len(told(known))
    assert first == pytest.approx(module.FIRST_S / host.takes_s, abs=1.1)
    began = host.now_s
    while len(host.asked) < 90:
        told(known)
        host.now_s += 0.001
    spent = (90 - first) * host.takes_s - module.BURST_S
    assert module.SHARE * (host.now_s - began) == pytest.approx(spent, abs=2 * host.takes_s)
    host.now_s += 10
    assert len(told(known)) == 4


def test_readings_fit_a_session() -> None:
    """However long the paths are."""
    path = "/" + "\\" * (MAX_PATH // 2 - 1)
    known, host = known_of(dict.fromkeys(range(100, 2000), path))
    for tgid in host.paths:
        known.ahead(0, image(tgid))
    news = told(known)
    assert len(news) == module.MAX_TOLD
    assert len(msgspec.json.encode(news)) < MAX_FACTS_BYTES // 8
    assert len(told(known)) == module.MAX_TOLD


def test_children_in_a_container_are_in_it_until_proc_says_more() -> None:
    """Also what they run; of a host's children nothing is known."""
    known, _ = known_of({7: DOCKER, 8: "/a.service", 10: "/lxc/web"})
    for tgid in (7, 8, 10):
        known.ahead(0, image(tgid, 3))
    told(known)
    known.observe(seen(ProcessSource.FORK, 17, 3, creator=7))
    known.observe(seen(ProcessSource.FORK, 10, 3, creator=7))
    known.observe(seen(ProcessSource.FORK, 18, 3, creator=8))
    known.observe(seen(ProcessSource.EXEC, 17, 4))
    found = [container(known, *it) for it in ((17, 3), (17, 4), (17, 5), (10, 3), (18, 3))]
    assert found == [ID, ID, None, "web", None]
    assert known.of(process(tgid=17, execs=4)) == Member(PLACE, DOCKER, 0)


def test_what_was_read_behind_an_exec_is_of_the_new_program() -> None:
    """Who is moved and then runs a program was elsewhere before."""
    known, _ = known_of({7: DOCKER, 8: DOCKER})
    for tgid in (7, 8):
        known.ahead(0, image(tgid, 65535))
    told(known)
    assert container(known, 7, 65535) == ID
    known.observe(seen(ProcessSource.EXEC, 7, 0, ts_ns=READ - 1))
    known.observe(seen(ProcessSource.EXEC, 8, 0, ts_ns=READ + 1))
    assert [container(known, *it) for it in ((7, 65535), (7, 0), (8, 65535), (8, 0))] == [
        "", ID, ID, ID,
    ]  # fmt: skip
    assert known.of(process(tgid=7, execs=65535)) == module.NOWHERE
    assert known.changed


def test_a_record_without_a_group_makes_a_late_one_a_change() -> None:
    """Others change nothing."""
    known, _ = known_of({7: DOCKER, 8: DOCKER})
    assert container(known, 7) is None
    known.ahead(0, image(8))
    told(known)
    assert not known.changed
    known.ahead(0, image(7))
    told(known)
    assert known.changed


def test_who_starts_processes_in_a_loop_hides_those_of_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Users share the tables, and take turns; what is kept beside them is bounded by them."""
    for name in ("MAX_ASKED", "MAX_WATCHED", "MAX_MEMBERS", "MAX_MISSED"):
        monkeypatch.setattr(module, name, 8)
    known, host = known_of({7: DOCKER} | dict.fromkeys(range(100, 400), "/"))
    for tgid in range(100, 200):
        known.ahead(1000, image(tgid))
    known.ahead(0, image(7))
    told(known)
    for tgid in range(200, 400):
        known.ahead(1000, image(tgid))
        told(known)
        container(known, tgid + 1000)
    assert container(known, 7) == ID
    assert known.lost == 93
    assert len(known._newest) <= 16
    assert max(len(known._missed), len(known._members._known)) <= 8
    host.paths[7] = "/lxc/web"
    host.now_s += 1
    assert image(7) in [it[:3] for it in told(known)]


def test_nobody_reads_in_a_replay() -> None:
    """What the stream tells is known."""
    replay = Memberships()
    replay.ahead(0, image(7))
    assert replay.news() == []
    replay.learn([(7, START, 0, 0, *PLACE, DOCKER, READ)])
    assert container(replay, 7) == ID
