# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.filters import Filter, Rules
from kflowd.filters.stage import wanted_events
from kflowd.model import Enriched, EnrichedFile, EnrichedProcess, FileEvent
from kflowd.serialize.blocks.file import FILE_EVENTS as NAMED
from kflowd.serialize.lifetime import lifetime
from kflowd.settings.rules import EVENTS, FILE_EVENTS, PROCESS_EVENTS, parse_rule
from tests.unit.make import actor, file, lived, named_file, named_socket, named_unix, process


def rules(include: str = "", exclude: str = "") -> Rules:
    """Return rules of texts with spaces between them."""
    wanted, unwanted = (tuple(map(parse_rule, text.split())) for text in (include, exclude))
    return Rules(wanted, unwanted)


def process_record() -> EnrichedProcess:
    """Return a process that was forked, ran two programs and ended."""
    return EnrichedProcess(actor(), lived(execs=2))


ETC, TMP = {"path": "/etc/a"}, {"path": "/tmp/a"}


@pytest.mark.parametrize(
    ("include", "exclude", "value", "shown"),
    [
        ("", "", named_file(), True),
        ("path=/etc", "", named_file(**ETC), True),
        ("path=/etc", "", named_file(**TMP), False),
        ("path=/etc path=/tmp", "", named_file(**TMP), True),
        ("path=/etc", "path=/etc/a", named_file(**ETC), False),
        ("", "path=/etc", named_file(**ETC), False),
        ("", "path=/etc", named_file(**TMP), True),
        ("path=/etc user=0", "", named_file(**ETC), True),
        ("path=/etc user=1", "", named_file(**ETC), False),
        ("path=/etc", "", named_socket(), True),
        ("path=/etc", "", named_unix(), True),
        ("path=/etc", "", process_record(), True),
        ("port=80", "", named_socket(), True),
        ("port=81", "", named_socket(), False),
        ("port=81", "", named_unix(), True),
        ("", "net=127.0.0.2", named_socket(), False),
        ("", "user=0", named_socket(), False),
        ("", "user=0", named_unix(), False),
        ("", "user=0", process_record(), False),
        ("user=1", "", process_record(), False),
        ("event=EXIT", "", named_file(), True),
        ("event=DELETE", "", named_file(), False),
        ("event=DELETE", "", process_record(), True),
        ("event=DELETE", "", named_socket(), True),
        ("", "event=EXEC,FORK,EXIT", process_record(), False),
    ],
)
def test_what_is_shown(include: str, exclude: str, value: Enriched, shown: bool) -> None:
    """Alternatives of a key, all keys, exclude first; a key says nothing of what has no such."""
    hiding = Filter(rules(include, exclude))
    if isinstance(value, EnrichedFile):
        assert hiding.hides(value) is not shown
        assert hiding.hidden == 0
    assert hiding.shows(value) is shown
    assert hiding.hidden == (not shown)


@pytest.mark.parametrize(
    ("include", "exclude", "told"),
    [
        ("", "cgroup=/a", [7, 7]),
        ("container=host", "user=0", [7, 7]),
        ("cgroup=/b", "", [7, 7]),
        ("", "container=docker path=/etc", [7, 7]),
        ("", "user=0", []),
        ("cgroup=/a", "path=/etc", []),
    ],
)
def test_whom_rules_on_groups_hide_is_told(include: str, exclude: str, told: list[int]) -> None:
    """Each time again; not where another rule hides a record, nor the root, nor what is unknown."""
    hiding = Filter(rules(include, exclude))
    found: list[int] = []
    inside = actor(process=process(cgroup_id=7), cgroup="/a", container="1f", runtime="docker")
    root = actor(process=process(cgroup_id=1), cgroup="/", container="", runtime="")
    unknown = actor(process=process(cgroup_id=8), cgroup="", container="", runtime="")
    # of cgroup v1: others in its group of v2 are elsewhere
    read = actor(
        process=process(cgroup_id=9), cgroup="/a", container="1f", runtime="docker", by_number=False
    )
    hiding.shows(EnrichedFile(inside, file()))
    assert not found
    hiding.on_group = found.append
    for each in (inside, root, unknown, read, inside):
        hiding.shows(EnrichedFile(each, file()))
    assert found == told


def test_events_that_are_left_out() -> None:
    """They are in no sum; the aggregate ends as ever."""
    value = named_file(counts=(1, 2, 0, 3, 0, 4, 1, 0, 0, 0, 0))
    assert Filter(rules(exclude="event=OPEN,ACCESS")).shows(value)
    assert value.aggregate.counts == (1, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0)
    assert value.aggregate.events == 6
    assert Filter(rules("event=CREATE")).shows(value)
    assert value.aggregate.events == value.aggregate.counts[0] == 1
    assert not Filter(rules("event=MODIFY")).shows(value)


def test_events_of_processes_that_are_left_out() -> None:
    """EXIT too; how the process ended is still told."""
    value = process_record()
    assert Filter(rules(exclude="event=EXIT,FORK")).shows(value)
    assert (value.aggregate.execs, value.aggregate.forks) == (2, 0)
    assert not value.aggregate.exit_told
    assert value.aggregate.end is not None


def test_rules_of_a_recording_and_of_its_replay_both_hold() -> None:
    """Also where they have the same key."""
    both = Filter(rules("path=/etc"), rules("path=/etc/a exe=sh"))
    assert both.shows(named_file(path="/etc/a"))
    assert not both.shows(named_file(path="/etc/b"))
    assert not Filter(rules("path=/etc"), rules("path=/tmp")).shows(named_file(path="/etc/a"))
    assert wanted_events(rules("event=OPEN,EXEC"), rules("event=OPEN,CREATE")) == {"OPEN", "EXEC"}


def test_the_answer_for_a_process_is_that_of_its_moment() -> None:
    """Another actor, another user; the same one is asked once."""
    hiding = Filter(rules("user=7"))
    root, seven = actor(), actor(process=process(uid=7))
    values = [EnrichedFile(acting, file()) for acting in (root, seven, root)]
    assert [hiding.shows(value) for value in values] == [False, True, False]


def test_the_names_of_events() -> None:
    """They are those that records have, in that order."""
    assert tuple(name for name, _ in NAMED) == FILE_EVENTS
    assert len(FILE_EVENTS) == FileEvent.COUNT
    ended = lifetime(lived(execs=1), lambda ns: ns).ProcEvents
    assert tuple(name for name, _ in ended.pairs) == PROCESS_EVENTS
    assert wanted_events() == set(EVENTS)
