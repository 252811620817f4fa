# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.fim.importers.imported import (
    Imported,
    Note,
    Rule,
    concerns,
    literal,
    shown,
    tidy,
    wrong_path,
)


def test_the_deepest_path_stands_first() -> None:
    """The first rule that has a path counts; elsewhere it is the most special one."""
    imported = Imported()
    imported.add(1, Rule(("/etc", "/usr/bin")))
    imported.add(2, Rule(("/usr", "/usr/local/a/b"), "diff"))
    found = [(rule.paths, rule.consumer) for rule in imported.finished()]
    assert found == [
        (("/usr/local/a/b",), "diff"),
        (("/usr/bin",), "generic"),
        (("/etc",), "generic"),
        (("/usr",), "diff"),
    ]
    imported.deepest = False
    assert [rule.consumer for rule in imported.finished()] == ["generic", "diff"]


def test_rules_that_do_not_meet_stay_whole() -> None:
    """A rule becomes several only where another lies between its paths."""
    imported = Imported()
    imported.add(1, Rule(("/etc", "/usr/bin")))
    imported.add(2, Rule(("/opt",)))
    assert [rule.paths for rule in imported.finished()] == [("/etc", "/usr/bin"), ("/opt",)]


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/", True),
        ("/etc/**/x", True),
        ("/etc/", True),
        ("etc", False),
        ("/etc/../x", False),
        ("/a//b", False),
        ("/a**", False),
        ("/a\n", False),
        ("C:\\x", False),
    ],
)
def test_paths_are_those_that_a_rule_takes(path: str, right: bool) -> None:
    """What a rule refuses is told, and left out."""
    assert (wrong_path(path) is None) is right
    imported = Imported()
    imported.add(3, Rule((path,)))
    imported.leave_out(3, path)
    assert bool(imported.rules) is bool(imported.excludes) is right
    assert all(note.line == 3 for note in imported.notes)
    assert bool(imported.notes) is not right


def test_tags_and_expressions_are_checked() -> None:
    """A tag that is too long, and an expression that is none."""
    imported = Imported()
    imported.add(1, Rule(("/x",), tags=("a", "b" * 65, "a")))
    imported.leave_out(2, "re:(")
    assert imported.rules[0].tags == ("a",)
    assert imported.excludes == []
    assert len(imported.notes) == 2


@pytest.mark.parametrize(
    ("exclusion", "path", "expected"),
    [
        ("/etc/x", "/etc", True),
        ("/etc", "/etc/x", True),
        ("/var/*/x", "/var/log", True),
        ("/var/log", "/etc", False),
        ("re:^/var/log/.*\\.gz", "/etc", False),
        ("re:^/var/log/.*\\.gz", "/var", True),
        ("re:^/e?tc", "/tc", True),
        ("re:^/var|^/etc", "/etc", True),
        ("re:\\.swp$", "/etc", True),
    ],
)
def test_exclusions_stand_where_they_concern(exclusion: str, path: str, expected: bool) -> None:
    """A rule gets those that can be about something below its paths."""
    assert concerns(exclusion, path) is expected


def test_texts_of_files_drive_no_terminal() -> None:
    """Notes are short and printable."""
    assert shown("a\x1b[2J\n") == "a\\x1b[2J\\n"
    assert len(shown("x" * 5000)) < 300
    assert str(Note(3, "x")) == "line 3: x"
    assert str(Note(0, "x")) == "x"


def test_paths_and_globs_are_taken_apart() -> None:
    """The part ahead of a wildcard has whole components."""
    assert literal("/home/*/.ssh") == "/home"
    assert literal("/etc/rc?.d") == "/etc"
    assert tidy("/etc/") == "/etc"
    assert tidy("/") == "/"
