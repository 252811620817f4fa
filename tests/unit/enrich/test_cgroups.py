# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

import msgspec
import pytest

from kflowd.enrich import cgroups as module
from kflowd.enrich.cgroups import Cgroups
from kflowd.model import Actor
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
    paths = PATHS | {34: "/" + "x" * module.MAX_PATH}
    known = Cgroups(Asked(paths=paths))
    for cgroup in (31, 34):
        known.ahead(7, 0, cgroup)
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
        known.ahead(tid, 0, cgroup)
    told(known)
    assert asked == [(7, 31), (9, 32), (10, 33)]
    assert [place(known, cgroup) for cgroup in (31, 32, 33, 1, 0)] == [
        DOCKER, SSH, NOTHING, NOTHING, NOTHING,
    ]  # fmt: skip
    known.ahead(13, 0, 31)
    assert known.news() == {}
    assert not known.refresh(SECOND)


def test_many_tasks_of_a_group_ask_for_it_a_few_times() -> None:
    """They leave room for other groups of their user."""
    asked = Asked()
    known = Cgroups(asked)
    for turn in (1, 2):
        for tid in range(1000, 5000):
            known.ahead(tid, 0, GONE)
        known.ahead(7, 0, 30 + turn)
        told(known)
        assert len(asked) == turn * (module.MAX_TASKS + 1)
        assert place(known, 30 + turn) == (DOCKER, SSH)[turn - 1]


def test_another_task_of_the_group_finds_what_one_did_not() -> None:
    """Who has ended or moved says nothing."""
    asked = Asked({8})
    known = Cgroups(asked)
    for tid in (7, 8, 9):
        known.ahead(tid, 0, 31)
    told(known)
    assert place(known, 31) == DOCKER
    assert (asked, asked.walks) == ([(7, 31), (8, 31)], [])


def test_all_groups_are_looked_at_where_no_task_tells() -> None:
    """Once for all of them; those that are not there are gone. Not too often: they wait."""
    asked = Asked(set())
    known = Cgroups(asked)
    for tid, cgroup in ((7, 31), (8, 32), (9, GONE)):
        known.ahead(tid, 0, cgroup)
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
    replay = Cgroups.recorded(None)
    assert place(replay, 31) == NOTHING
    replay.ahead(7, 0, 31)
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
        known.ahead(7, 1000, cgroup)
    known.ahead(8, 0, 31)
    told(known)
    for cgroup in range(200, 300):
        known.ahead(7, 1000, cgroup)
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
        known.ahead(7, 0, cgroup)
    assert known.news() == {"lookups_lost": 2}
    assert known.news() == {}
    known.ahead(7, 0, 107)
    known.ahead(7, 0, 104)
    assert known.news() == {"lookups_lost": 3}
    asked.early = False
    known.ahead(7, 0, 31)
    assert known.news() == {"lookups_lost": 4}
    assert asked.walks == [{100, 101, 102, 103, 104}]


def test_nobody_is_in_no_group() -> None:
    """A socket without an owner."""
    unowned = Actor(None)
    Cgroups(Asked()).enrich_actor(unowned)
    assert unowned.unit == ""
