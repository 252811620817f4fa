# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from kflowd.enrich import begin_file
from kflowd.enrich.users import IdNames, Users, parse_ids
from tests.unit.make import SECOND, file, process


def test_lines_become_names() -> None:
    """The first name of a number wins; lines of another form are passed over."""
    text = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n\nbad\n:x:5:\nno:x:-1:\n"
    text += "x:x:\u0663:\nbig:x:1000000000:"
    assert parse_ids(text) == {0: "root", 1000000000: "big"}


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    """A file that package tools replace is found, at most once a second."""
    passwd, group = tmp_path / "passwd", tmp_path / "group"
    passwd.write_text("dirk:x:0:0::/:/bin/sh\n")
    users = Users(IdNames(str(passwd)), IdNames(str(group)))
    users.refresh(0)
    value = begin_file(file())
    users.enrich(value)
    assert (value.user, value.group, value.file_user, value.file_group) == ("dirk", "", "dirk", "")
    new = tmp_path / "new"
    new.write_text("anna:x:0:0::/:/bin/sh\n")
    new.rename(passwd)
    users.refresh(SECOND - 1)
    users.enrich(value)
    assert value.user == "dirk"
    users.refresh(SECOND)
    users.enrich(value)
    assert value.user == "anna"


def test_numbers_without_a_name_are_empty() -> None:
    """Ids of directory services, whatever their size, give the empty name."""
    users = Users(IdNames("/nonexistent"), IdNames("/nonexistent"))
    users.refresh(0)
    value = begin_file(file(process=process(uid=2**32 - 1)))
    users.enrich(value)
    assert value.user == value.group == ""
