# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from kflowd.enrich.users import IdNames, UserFacts, Users, parse_ids
from tests.unit.make import SECOND, actor, inode, named_file, process


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
    assert users.facts() == {"users": "dirk::0\nh?st::5", "groups": ""}
