# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import TypeGuard

import msgspec

from kflowd.enrich import Enrichment, answered
from kflowd.enrich.nss import AskedName, Kind, Named
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import IdNames, UserFacts, Users, fixed_names, parse_ids
from kflowd.enrich.waiting import Waiting
from kflowd.model import (
    Enriched,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    SocketFlag,
    Tick,
    Value,
)
from tests.unit.make import (
    SECOND,
    actor,
    file,
    inode,
    key,
    lived,
    named_file,
    process,
    seen,
    session,
    socket,
    unix,
)


def test_lines_become_names() -> None:
    """The first name of a number wins; lines of another form are passed over."""
    text = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n\nbad\n:x:5:\nno:x:-1:\n"
    text += "x:x:\u0663:\nbig:x:1000000000:"
    assert parse_ids(text) == {0: "root", 1000000000: "big"}


def names(users: Users) -> tuple[str, str, str, str]:
    """Return what is known of user and group 0, as those of a process and of a file."""
    who, what = actor(), named_file()
    users.enrich_actor(who)
    users.enrich_file(what)
    return who.user, who.group, what.file_user, what.file_group


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    """A file that package tools replace is found, at most once a second."""
    passwd, group = tmp_path / "passwd", tmp_path / "group"
    passwd.write_text("dirk:x:0:0::/:/bin/sh\n")
    users = Users(IdNames(str(passwd)), IdNames(str(group)))
    assert users.refresh(0)
    assert names(users) == ("dirk", "", "dirk", "")
    new = tmp_path / "new"
    new.write_text("anna:x:0:0::/:/bin/sh\n")
    new.rename(passwd)
    assert not users.refresh(SECOND - 1)
    assert names(users) == ("dirk", "", "dirk", "")
    assert users.refresh(SECOND)
    assert names(users) == ("anna", "", "anna", "")


def test_numbers_without_a_name_are_empty() -> None:
    """Ids of directory services, whatever their size, give the empty name."""
    users = Users(IdNames("/nonexistent"), IdNames("/nonexistent"))
    users.refresh(0)
    value = actor(process=process(uid=2**32 - 1))
    users.enrich_actor(value)
    assert value.user == value.group == ""


def test_each_number_has_its_own_name() -> None:
    """User and group, of the process and of the file, are four numbers."""
    users = Users.recorded(UserFacts("a::1\nb::2\nc::3\nd::4", "e::1\nf::2\ng::3\nh::4"))
    users.refresh(0)
    who, what = actor(process=process(uid=1, gid=2)), named_file(inode=inode(uid=3, gid=4))
    users.enrich_actor(who)
    users.enrich_file(what)
    assert (who.user, who.group, what.file_user, what.file_group) == ("a", "f", "c", "h")


def test_a_socket_without_owner_gets_no_names() -> None:
    """There is no number to look up."""
    users = Users.recorded(UserFacts("root::0", "root::0"))
    users.refresh(0)
    value = actor(process=None)
    users.enrich_actor(value)
    assert value.user == value.group == ""


def test_a_file_that_changed_without_its_names_is_no_change(tmp_path: Path) -> None:
    """A new password or shell makes no actor anew; a change of one of the two files does."""
    passwd, group = tmp_path / "passwd", tmp_path / "group"
    passwd.write_text("dirk:x:0:0::/:/bin/sh\n")
    group.write_text("wheel:x:0:\n")
    users = Users(IdNames(str(passwd)), IdNames(str(group)))
    assert users.refresh(0)
    passwd.write_text("dirk:x:0:0::/:/bin/bash\n")
    assert not users.refresh(SECOND)
    group.write_text("admins:x:0:\n")
    assert users.refresh(2 * SECOND)
    assert names(users) == ("dirk", "admins", "dirk", "admins")
    passwd.write_text("annabel:x:0:0::/:/bin/sh\n")
    assert users.refresh(3 * SECOND)


def test_a_recording_keeps_names_and_numbers_alone(tmp_path: Path) -> None:
    """No shell and no folder gets into it; names that are no UTF-8 can be JSON."""
    passwd = tmp_path / "passwd"
    passwd.write_bytes(b"dirk:x:0:0::/home/dirk:/bin/sh\nh\xf6st:x:5:5::/:/bin/sh\n")
    users = Users(IdNames(str(passwd)), IdNames("/nonexistent"))
    assert users.facts() == {"users": "dirk::0\nh?st::5", "groups": "", "nss": False}


QUICK, OTHER = 5001, 5002


class Service:
    """Stands for NSS: is asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[AskedName, int]] = []
        self.answers: list[Named] = []
        self.lost = 0

    def ask(self, asked: AskedName, sharer: int) -> None:
        self.asked.append((asked, sharer))

    def news(self) -> list[Named]:
        answers, self.answers = self.answers, []
        return answers


class Host:
    """A stage with names of NSS, and the one that a replay of its stream has."""

    def __init__(self, patience_ns: int = 5 * SECOND) -> None:
        self.service = Service()
        self.live = Users(fixed_names("root::0"), fixed_names("root::0"), live=True)
        self.live.start(patience_ns, self.service)
        replayed = Users.recorded(msgspec.convert(self.live.facts(), UserFacts))
        replayed.start(patience_ns)
        self.stages = [
            Enrichment([Processes(), each], waiting=Waiting(patience_ns))
            for each in (self.live, replayed)
        ]
        self.tick(0)

    def feed(self, *values: Value) -> list[Enriched]:
        """Return the records that come out, the same of both."""
        outputs = [
            [it for it in stage.feed(map(msgspec.structs.replace, values)) if _is_record(it)]
            for stage in self.stages
        ]
        assert [named(it) for it in outputs[0]] == [named(it) for it in outputs[1]]
        return outputs[0]

    def tick(self, at_ns: int) -> list[Enriched]:
        """Let a second of the stream go by; return what comes out."""
        records = self.feed(Tick(at_ns))
        for stage in self.stages:
            stage.refresh(at_ns)
        return records

    def answer(self, *names: tuple[Kind, int, str | None]) -> list[Enriched]:
        """Have NSS answer; return what comes out."""
        for kind, number, name in names:
            self.service.answers.append(Named(AskedName(kind, number), 0, name))
        return self.feed(session(**self.live.news()))

    def questions(self) -> list[AskedName]:
        """Return what NSS was asked since the last call, in order."""
        asked, self.service.asked = self.service.asked, []
        return [it for it, _ in asked]


def _is_record(value: object) -> TypeGuard[Enriched]:
    kinds = EnrichedFile | EnrichedSocket | EnrichedUnix | EnrichedProcess
    return isinstance(value, kinds)


def named(value: Enriched) -> tuple[object, ...]:
    """Return the names of a record, and what it says of them."""
    actor = value.actor
    found: tuple[object, ...] = (actor.user, actor.group, actor.names_late)
    if isinstance(value, EnrichedFile):
        found += (value.file_user, value.file_group, value.notes)
    return found


BOTH = (Kind.USER, QUICK, "u"), (Kind.GROUP, QUICK, "g")
MINE = process(uid=QUICK, gid=QUICK)
OF_MINE = inode(uid=QUICK, gid=QUICK)


def test_a_file_waits_for_the_names_of_nss() -> None:
    """Of who did it and of the owner; what is in the files is not asked for."""
    host = Host()
    assert host.feed(file(process=MINE, inode=inode(uid=OTHER, gid=0))) == []
    assert set(host.questions()) == {
        AskedName(Kind.USER, QUICK),
        AskedName(Kind.GROUP, QUICK),
        AskedName(Kind.USER, OTHER),
    }
    assert host.answer(*BOTH) == []
    (value,) = host.answer((Kind.USER, OTHER, "other"))
    assert named(value) == ("u", "g", False, "other", "root", ())
    assert value.questions == ()


def test_sockets_wait_too_and_keep_their_order() -> None:
    """Behind the first of the same socket; others go on."""
    host = Host()
    one, other = key("sock", cookie=1), key("sock", cookie=2)
    assert host.feed(socket(process=MINE, key=one), unix(process=MINE)) == []
    (first,) = host.feed(socket(key=one, ts_ns=9 * SECOND), socket(key=other))
    assert first.aggregate.process.uid == 0
    waited = host.answer(*BOTH)
    assert [type(it) for it in waited] == [EnrichedSocket, EnrichedSocket, EnrichedUnix]
    assert [named(it)[:2] for it in waited] == [("u", "g"), ("root", "root"), ("u", "g")]


def test_processes_wait_too() -> None:
    """And go without a name after their time, counted from their end."""
    host = Host(patience_ns=5 * SECOND)
    assert host.feed(lived(process=MINE), lived(process=MINE)) == []
    assert [named(it) for it in host.answer(*BOTH)] == [("u", "g", False)] * 2
    other = process(uid=OTHER, gid=0, tgid=7)
    assert host.feed(lived(process=other)) == []
    (late,) = host.tick(14 * SECOND)
    assert named(late) == ("", "root", True)


def test_who_was_seen_before_has_a_name_at_once() -> None:
    """A process is asked for when it comes, and its later records have one actor again."""
    host = Host()
    host.feed(seen(process=MINE))
    assert host.questions() == [AskedName(Kind.USER, QUICK), AskedName(Kind.GROUP, QUICK)]
    host.answer(*BOTH)
    for _ in range(2):
        (value,) = host.feed(file(process=MINE, inode=OF_MINE))
        assert named(value) == ("u", "g", False, "u", "g", ())
    host.tick(SECOND)
    first, second = (host.feed(file(process=MINE))[0].actor for _ in range(2))
    assert first is second
    assert host.questions() == []


def test_a_record_goes_without_a_name_and_says_so() -> None:
    """It is told once; the next one waits anew, as nothing is known."""
    host = Host(patience_ns=5 * SECOND)
    assert host.feed(file(process=MINE, inode=OF_MINE, ts_ns=10 * SECOND)) == []
    assert host.tick(14 * SECOND) == []
    (value,) = host.tick(15 * SECOND)
    assert named(value) == ("", "", True, "", "", ("NAME_LATE",))
    assert host.stages[0].waiting.given_up == 1
    assert host.answer(*BOTH) == []
    (value,) = host.feed(file(process=MINE, inode=OF_MINE, ts_ns=16 * SECOND))
    assert named(value) == ("u", "g", False, "u", "g", ())


def test_what_nss_does_not_tell_in_time_is_not_waited_for() -> None:
    """Records say so, NSS is asked again, and they have the name when it is there."""
    host = Host()
    assert host.feed(file(process=MINE, inode=OF_MINE), socket(process=MINE)) == []
    late = (Kind.USER, QUICK, None), (Kind.GROUP, QUICK, None)
    value, of_socket = host.answer(*late)
    assert named(value) == ("", "", True, "", "", ("NAME_LATE",))
    assert named(of_socket) == ("", "", True)
    host.questions()
    (value,) = host.feed(file(process=MINE, inode=OF_MINE))
    assert named(value) == ("", "", True, "", "", ("NAME_LATE",))
    assert host.questions() == []
    host.tick(answered.LATE_AGAIN_NS)
    host.feed(file(process=MINE))
    assert set(host.questions()) == {AskedName(Kind.USER, QUICK), AskedName(Kind.GROUP, QUICK)}
    host.answer(*BOTH)
    (value,) = host.feed(file(process=MINE, inode=OF_MINE))
    assert named(value) == ("u", "g", False, "u", "g", ())


def test_who_has_no_name_is_asked_for_once_in_a_while() -> None:
    """Its records wait for nothing, also while that is done."""
    host = Host()
    host.feed(file(inode=inode(uid=QUICK)))
    (value,) = host.answer((Kind.USER, QUICK, ""))
    assert named(value)[3:] == ("", "root", ())
    host.questions()
    for at_ns, count in (
        (0, 0),
        (answered.UNNAMED_AGAIN_NS - 1, 0),
        (answered.UNNAMED_AGAIN_NS, 1),
    ):
        host.tick(at_ns)
        (value,) = host.feed(file(inode=inode(uid=QUICK)))
        assert named(value)[3:] == ("", "root", ())
        assert len(host.questions()) == count
    host.tick(answered.UNNAMED_NS)
    assert host.feed(file(inode=inode(uid=QUICK))) == []


def test_a_name_is_true_for_its_time_alone() -> None:
    """Then the records of an actor that had it wait for the one of now."""
    host = Host()
    host.feed(seen(process=MINE))
    host.answer(*BOTH)
    host.tick(SECOND)
    (value,) = host.feed(socket(process=MINE))
    assert named(value) == ("u", "g", False)
    host.tick(answered.NAMED_NS)
    assert host.feed(socket(process=MINE)) == []
    (value,) = host.answer((Kind.USER, QUICK, "new"), (Kind.GROUP, QUICK, ""))
    assert named(value) == ("new", "", False)


def test_numbers_that_are_none_are_not_asked_for() -> None:
    """Nor is anything if a socket has no owner."""
    host = Host()
    (value,) = host.feed(file(inode=inode(uid=2**32 - 1, gid=2**32 - 1)))
    assert named(value) == ("root", "root", False, "", "", ())
    assert len(host.feed(socket(flags=SocketFlag.NO_OWNER), unix(flags=SocketFlag.NO_OWNER))) == 2
    assert host.questions() == []


def test_ids_without_a_name_share() -> None:
    """A block of them has the turns of one user, who has a name has his own."""
    host = Host()
    host.feed(seen(process=MINE))
    host.answer(*BOTH)
    for uid in (0, QUICK, 100_000, 131_071, 131_072):
        host.service.asked.clear()
        host.feed(file(process=process(uid=uid, gid=0), inode=inode(uid=OTHER)))
        sharers = {sharer for asked, sharer in host.service.asked if asked.number == OTHER}
        expected = uid if uid in (0, QUICK) else ~(uid >> 16)
        assert sharers == {expected}


def test_questions_without_room_are_news() -> None:
    """They are counted in the stream, when they are more."""
    host = Host()
    assert host.live.news() == {}
    host.service.lost = 3
    assert host.live.news() == {"lookups_lost": 3}
    assert host.live.news() == {}


def test_without_nss_nothing_waits() -> None:
    """As in a run that did not ask it, and in its replay, or that of an older recording."""
    for users in (
        Users(fixed_names("root::0"), fixed_names(""), live=True),
        Users.recorded(UserFacts("root::0")),
    ):
        users.refresh(0)
        stage = Enrichment([Processes(), users])
        values = file(process=MINE), socket(process=MINE), session(names=[[0, QUICK, 0, "u"]])
        output = stage.feed(values)
        assert [named(it)[:3] for it in output if _is_record(it)] == [("", "", False)] * 2
        assert users.news() == {}
