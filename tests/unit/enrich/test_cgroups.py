# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

import msgspec
import pytest

from kflowd.enrich import cgroups as module
from kflowd.enrich.cgroup_paths import MAX_PATH
from kflowd.enrich.cgroups import CgroupHost, Cgroups
from kflowd.enrich.hierarchies import Hierarchies
from kflowd.enrich.memberships import Memberships
from kflowd.model import Actor, ProcessExit
from kflowd.records.session import MAX_FACTS_BYTES
from tests.unit.make import SECOND, actor, process

ID = "7e" * 32
PATHS = {
    31: f"/system.slice/docker-{ID}.scope",
    32: "/system.slice/ssh.service",
    33: "/plain",
}
DOCKER = ("docker", ID, f"docker-{ID}.scope")
SSH = ("", "", "ssh.service")
NOTHING = ("", "", "")
GONE = 99  # a group that nobody finds
IMAGE = (7, 5 * SECOND, 0)


class Asked(list[tuple[int, int]]):
    """Finds the paths of PATHS; a list of what was looked up by tasks.

    Args:
        here: What tasks there are; without it all.
    """

    def __init__(self, here: set[int] | None = None, paths: dict[int, str] = PATHS) -> None:
        super().__init__()
        self.here = here
        self.paths = paths
        self.walks: list[set[int]] = []
        self.early = False

    def find(self, tid: int, cgroup: int) -> str | None:
        self.append((tid, cgroup))
        return self.paths.get(cgroup) if self.here is None or tid in self.here else None

    def walk(self, wanted: Collection[int]) -> dict[int, str] | None:
        if self.early:
            return None
        self.walks.append(set(wanted))
        return {each: self.paths[each] for each in wanted if each in self.paths}


def told(known: Cgroups) -> None:
    """Let what was found go through the stream."""
    known.learn(msgspec.json.encode(known.news()))


def place(known: Cgroups, cgroup: int, **changes: int) -> tuple[str, str, str]:
    acting: Actor = actor(process=process(cgroup_id=cgroup, tid=101, **changes))
    known.enrich_actor(acting)
    return acting.runtime, acting.container, acting.unit


def test_the_path_is_known_too() -> None:
    """That of the root without a question; one that is too long is not kept."""
    paths = PATHS | {34: "/" + "x" * MAX_PATH}
    known = Cgroups(Asked(paths=paths))
    for cgroup in (31, 34):
        known.ahead(7, 0, cgroup, IMAGE)
    told(known)
    found = {}
    for cgroup in (0, 1, 31, 34, 35):
        acting = actor(process=process(cgroup_id=cgroup))
        known.enrich_actor(acting)
        found[cgroup] = acting.cgroup
    assert found == {0: "", 1: "/", 31: PATHS[31], 34: "", 35: ""}


def test_what_a_batch_tells_of_is_known_with_it() -> None:
    """The first record of a group has its place; it is looked up once."""
    asked = Asked()
    known = Cgroups(asked)
    for tid, cgroup in ((7, 31), (8, 31), (9, 32), (10, 33), (11, 1), (12, 0)):
        known.ahead(tid, 0, cgroup, IMAGE)
    told(known)
    assert asked == [(7, 31), (9, 32), (10, 33)]
    assert [place(known, cgroup) for cgroup in (31, 32, 33, 1, 0)] == [
        DOCKER, SSH, NOTHING, NOTHING, NOTHING,
    ]  # fmt: skip
    known.ahead(13, 0, 31, IMAGE)
    assert known.news() == {}
    assert not known.refresh(SECOND)


def test_many_tasks_of_a_group_ask_for_it_a_few_times() -> None:
    """They leave room for other groups of their user."""
    asked = Asked()
    known = Cgroups(asked)
    for turn in (1, 2):
        for tid in range(1000, 5000):
            known.ahead(tid, 0, GONE, IMAGE)
        known.ahead(7, 0, 30 + turn, IMAGE)
        told(known)
        assert len(asked) == turn * (module.MAX_TASKS + 1)
        assert place(known, 30 + turn) == (DOCKER, SSH)[turn - 1]


def test_another_task_of_the_group_finds_what_one_did_not() -> None:
    """Who has ended or moved says nothing."""
    asked = Asked({8})
    known = Cgroups(asked)
    for tid in (7, 8, 9):
        known.ahead(tid, 0, 31, IMAGE)
    told(known)
    assert place(known, 31) == DOCKER
    assert (asked, asked.walks) == ([(7, 31), (8, 31)], [])


def test_all_groups_are_looked_at_where_no_task_tells() -> None:
    """Once for all of them; those that are not there are gone. Not too often: they wait."""
    asked = Asked(set())
    known = Cgroups(asked)
    for tid, cgroup in ((7, 31), (8, 32), (9, GONE)):
        known.ahead(tid, 0, cgroup, IMAGE)
    asked.early = True
    told(known)
    assert [place(known, cgroup) for cgroup in (31, 32)] == [NOTHING] * 2
    asked.early = False
    told(known)
    assert asked.walks == [{31, 32, GONE}]
    assert known.refresh(SECOND)
    assert [place(known, cgroup) for cgroup in (31, 32)] == [DOCKER, SSH]
    told(known)
    assert len(asked.walks) == 1


def test_who_has_moved_is_looked_up_and_named_within_a_second() -> None:
    """No exec tells of it: the actor asks, and is made anew; the other groups keep theirs."""
    asked = Asked()
    known = Cgroups(asked)
    assert place(known, 31) == NOTHING
    told(known)
    assert asked == [(101, 31)]
    assert known.refresh(SECOND)
    assert place(known, 31) == DOCKER
    assert place(known, 32) == NOTHING
    told(known)
    assert not known.refresh(2 * SECOND - 1)
    assert known.refresh(2 * SECOND)
    assert not known.refresh(9 * SECOND)
    assert place(known, 32) == SSH


def test_a_group_that_is_gone_stays_unknown() -> None:
    """It is asked for again, and nobody waits."""
    asked = Asked()
    known = Cgroups(asked)
    for _ in range(3):
        assert place(known, GONE) == NOTHING
        assert known.news() == {}
    assert asked == [(101, GONE)] * 3


def test_a_replay_asks_nothing_and_knows_the_same() -> None:
    """The stream tells it, at the same record."""
    replay = Cgroups.recorded(CgroupHost())
    assert place(replay, 31) == NOTHING
    replay.ahead(7, 0, 31, IMAGE)
    assert replay.news() == {}
    replay.learn(msgspec.json.encode({"cgroups": {31: (0, *DOCKER, PATHS[31])}}))
    assert replay.refresh(SECOND)
    assert place(replay, 31) == DOCKER


def test_facts_of_a_wrong_type_say_nothing() -> None:
    """Whatever a recording has."""
    known = Cgroups()
    for facts in (b"{}", b'{"cgroups": 7}', b'{"cgroups": {"x": []}}', b'{"cgroups": {"31": [1]}}'):
        known.learn(facts)
    assert place(known, 31) == NOTHING


def test_who_makes_groups_in_a_loop_hides_those_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users share the table, and take turns when groups are looked up."""
    monkeypatch.setattr(module, "MAX_CGROUPS", 10)
    monkeypatch.setattr(module, "MAX_ASKED", 5)
    monkeypatch.setattr(module, "MAX_MISSED", 20)
    known = Cgroups(Asked(paths=PATHS | dict.fromkeys(range(100, 2000), "/user.slice/x.scope")))
    for cgroup in range(100, 200):
        known.ahead(7, 1000, cgroup, IMAGE)
    known.ahead(8, 0, 31, IMAGE)
    told(known)
    for cgroup in range(200, 300):
        known.ahead(7, 1000, cgroup, IMAGE)
        told(known)
        place(known, cgroup + 1000, uid=1000)
        assert len(known._missed) <= 20
    assert place(known, 31) == DOCKER
    assert len(known._places._known) == 10


def test_what_was_asked_in_vain_is_news_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no room for, and what waits for a look at all groups beyond that."""
    monkeypatch.setattr(module, "MAX_ASKED", 5)
    asked = Asked(set())
    asked.early = True
    known = Cgroups(asked)
    for cgroup in range(100, 107):
        known.ahead(7, 0, cgroup, IMAGE)
    assert known.news() == {"lookups_lost": 2}
    assert known.news() == {}
    known.ahead(7, 0, 107, IMAGE)
    known.ahead(7, 0, 104, IMAGE)
    assert known.news() == {"lookups_lost": 3}
    asked.early = False
    known.ahead(7, 0, 31, IMAGE)
    assert known.news() == {"lookups_lost": 4}
    assert asked.walks == [{100, 101, 102, 103, 104}]


def test_nobody_is_in_no_group() -> None:
    """A socket without an owner."""
    unowned = Actor(None)
    Cgroups(Asked()).enrich_actor(unowned)
    assert unowned.unit == ""


def test_a_path_of_any_bytes_is_told() -> None:
    """Anybody names a group: the session takes it, however many there are of it."""
    names = {31: "/\udcff.service/docker-" + ID + ".scope", 32: "/" + "\x01" * 200}
    known = Cgroups(Asked(paths=names | dict.fromkeys(range(100, 3000), "/" + "\x01" * 170)))
    for cgroup in (31, 32, *range(100, 3000)):
        known.ahead(7, 0, cgroup, IMAGE)
    news = msgspec.json.encode(known.news())
    assert len(news) < MAX_FACTS_BYTES
    known.learn(news)
    assert [place(known, cgroup) for cgroup in (31, 32)] == [DOCKER, NOTHING]
    acting = actor(process=process(cgroup_id=31))
    known.enrich_actor(acting)
    assert acting.cgroup == f"/\ufffd.service/docker-{ID}.scope"


class Members:
    """Reads the paths of processes of cgroup v1, by tgid; a list of what was asked."""

    def __init__(self, paths: dict[int, str]) -> None:
        self.paths = paths
        self.asked: list[int] = []

    def read(self, tgid: int, start_ns: int) -> str | None:
        assert start_ns == 5 * SECOND
        self.asked.append(tgid)
        return self.paths.get(tgid)


def both(paths: dict[int, str]) -> tuple[Cgroups, Members]:
    """Return one of a host with both hierarchies, and what reads v1."""
    members = Members(paths)
    return Cgroups(Asked(), Memberships(members)), members


def acting_in(known: Cgroups, cgroup: int, tgid: int) -> Actor:
    acting = actor(process=process(cgroup_id=cgroup, tgid=tgid))
    known.enrich_actor(acting)
    return acting


@pytest.mark.parametrize("cgroup", [0, 1, GONE])
def test_of_who_is_nowhere_in_the_unified_hierarchy_proc_is_asked(cgroup: int) -> None:
    """The first record has it, and says how; what is not read is not known to be in the root."""
    known, members = both({7: f"/docker/{ID}", 8: "/"})
    known.ahead(7, 0, cgroup, IMAGE)
    known.ahead(8, 0, cgroup, (8, *IMAGE[1:]))
    told(known)
    assert members.asked == [7, 8]
    assert acting_in(known, cgroup, 7) == actor(
        process=process(cgroup_id=cgroup, tgid=7), runtime="docker", container=ID,
        cgroup=f"/docker/{ID}", cgroup_read=True, by_number=False,
    )  # fmt: skip
    found = [acting_in(known, cgroup, tgid) for tgid in (8, 9)]
    assert [(it.cgroup, it.cgroup_read) for it in found] == [("/", False), ("", False)]


def test_of_both_hierarchies_the_one_with_a_container_is_taken() -> None:
    """The number tells the moment: what it says stands where v1 names no container."""
    known, members = both({7: "/lxc/web", 8: "/user.slice/a.service", 9: "/lxc/db"})
    for tgid, cgroup in ((7, 32), (8, 32), (9, 31)):
        known.ahead(tgid, 0, cgroup, (tgid, *IMAGE[1:]))
    told(known)
    known.ahead(9, 0, 31, (9, *IMAGE[1:]))
    found = [acting_in(known, cgroup, tgid) for tgid, cgroup in ((7, 32), (8, 32), (9, 31))]
    assert [(it.container, it.unit, it.cgroup, it.cgroup_read, it.by_number) for it in found] == [
        ("web", "", "/lxc/web", True, False),
        ("", "ssh.service", PATHS[32], False, False),
        (ID, DOCKER[2], PATHS[31], False, True),
    ]
    known.ahead(10, 0, 31, (10, *IMAGE[1:]))
    told(known)
    assert members.asked == [7, 8, 9]


def test_actors_are_made_anew_when_a_process_is_read_late() -> None:
    """Once a second at most."""
    known, _ = both({7: "/lxc/web"})
    assert acting_in(known, 1, 7).container == ""
    assert not known.refresh(SECOND)
    known.ahead(7, 0, 1, IMAGE)
    told(known)
    assert known.refresh(SECOND)
    assert not known.refresh(9 * SECOND)
    assert acting_in(known, 1, 7).container == "web"


def test_a_replay_knows_whether_there_was_cgroup_v1() -> None:
    """And of each process what was told at that record; it asks nobody."""
    known, _ = both({7: "/lxc/web"})
    assert known.facts() == {"cgroup_v1": True}
    assert Cgroups(Asked()).facts() == {"cgroup_v1": False}
    replay = Cgroups.recorded(CgroupHost(cgroup_v1=True))
    replay.ahead(7, 0, 1, IMAGE)
    assert replay.news() == {}
    assert acting_in(replay, 1, 7).cgroup == ""
    known.ahead(7, 0, 1, IMAGE)
    replay.learn(msgspec.json.encode(known.news()))
    assert acting_in(replay, 1, 7).container == "web"
    replay = Cgroups.recorded(CgroupHost())
    replay.observe(ProcessExit(SECOND, process()))
    assert acting_in(replay, 1, 7).cgroup == "/"


def test_without_cgroup_v1_no_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found out once, at the start."""
    hosts = iter([Hierarchies(there=False), Hierarchies(there=True)])
    monkeypatch.setattr(Hierarchies, "of_host", lambda: next(hosts))
    assert [Cgroups.live()._members is None for _ in range(2)] == [True, False]
