# SPDX-License-Identifier: Apache-2.0
import grp
import pwd
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from kflowd.fim.consumers import encode
from kflowd.fim.consumers.entries import Account, Group, Malformed, Password
from kflowd.fim.consumers.users import accounts
from tests.unit.fim.consumers.inputs import DAMAGED, HASH, KEY, content, takes_linear_time

PASSWD = b"root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000:,,,:/home/bob:/bin/sh\n"
SHADOW = b"root:*:19000:0:99999:7:::\nbob:%s:19000:0:99999:7::20000:\n" % HASH
GROUP = b"root:x:0:\nadm:x:4:bob,root\n"
GSHADOW = b"root:*::\nadm:!:bob:bob,root\n"


def test_four_files_are_one_account() -> None:
    """An account has its password's status, its ageing and its further groups."""
    root, bob, *groups = accounts(PASSWD, SHADOW, GROUP, GSHADOW, KEY)
    assert isinstance(root, Account)
    assert (root.uid, root.password.status, root.login) == (0, "locked", True)
    assert isinstance(bob, Account)
    assert (bob.password.status, bob.password.algorithm) == ("set", "sha512")
    assert (bob.expired, bob.groups, bob.ageing[0]) == (20000, ("adm",), "19000")
    assert groups[1] == Group("adm", 4, Password("locked"), ("bob", "root"), ("bob",))


def test_passwords_by_where_they_stand() -> None:
    """Shadow counts where passwd points at it; without a line there, there is none."""
    lines = b"a::1:1::/:/bin/sh\nb:x:2:2::/:/bin/sh\nc:x:3:3::/:/bin/sh\n"
    shadow = b"a:*:::::::\nb:" + HASH + b":0::::::\n"
    found = [it for it in accounts(lines, shadow, None, None, KEY) if isinstance(it, Account)]
    assert [it.password.status for it in found] == ["empty", "expired", "absent"]
    (alone,) = accounts(b"b:x:2:2::/:/bin/sh\n", None, None, None, KEY)
    assert isinstance(alone, Account)
    assert alone.password.status == "shadow"


def test_an_invalid_day_is_not_shown() -> None:
    """It may be a hash without any sign of it; that it changed is seen."""
    line = b"a:x:1:1::/:/bin/sh"
    found = [accounts(line, b"a:*:%s::::::" % it, None, None, KEY) for it in (b"abJnggxhB", b"y")]
    assert b"abJnggxhB" not in encode(found[0])
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("line", "login"),
    [
        (b"a:*:1:1::/:/usr/sbin/nologin", False),
        (b"a:*:1:1::/:/bin/false", False),
        (b"a:*:0:1::/:/bin/false", True),
        (b"a::1:1::/:/bin/false", True),
        (b"a:*:1:1::/:", True),
        (b"a:*:1:1::/:/bin/sh", True),
    ],
)
def test_login_is_where_somebody_can_become_it(line: bytes, login: bool) -> None:
    """A shell, a password or UID 0 let in; no shell is /bin/sh."""
    (found,) = accounts(line, None, None, None, KEY)
    assert isinstance(found, Account)
    assert found.login is login


def test_files_of_this_host_read_as_libc_reads_them() -> None:
    """Names, numbers and homes are those that getpwent and getgrent have."""
    files = (Path("/etc/passwd").read_bytes(), None, Path("/etc/group").read_bytes(), None)
    found = accounts(*files, KEY)
    mine = [(it.name, it.uid, it.home) for it in found if isinstance(it, Account)]
    theirs = [(it.pw_name, it.pw_uid, it.pw_dir) for it in pwd.getpwall()]
    assert set(mine) <= set(theirs)
    groups = [(it.name, it.gid) for it in found if isinstance(it, Group)]
    assert set(groups) <= {(it.gr_name, it.gr_gid) for it in grp.getgrall()}


@pytest.mark.parametrize(
    "line", [b"bob:x:1", b"bob", b"::::::", b"+::::::", b"a:x:1:1::/:/bin/sh:x"]
)
def test_what_pwck_calls_invalid_is_malformed(line: bytes, tmp_path: Path) -> None:
    """pwck and this agree on which lines are none."""
    passwd, shadow = tmp_path / "passwd", tmp_path / "shadow"
    passwd.write_bytes(PASSWD + line + b"\n")
    shadow.write_bytes(SHADOW)
    command = ["/usr/sbin/pwck", "-r", "-q", str(passwd), str(shadow)]
    if not Path(command[0]).exists():
        pytest.skip("pwck is not here")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    # it takes an entry of NIS for a right one
    assert ("invalid password file entry" in told.stdout + told.stderr) is not line.startswith(b"+")
    found = accounts(PASSWD + line + b"\n", SHADOW, None, None, KEY)
    assert [type(it) for it in found].count(Malformed) == 1


@given(content, content, content, content)
def test_any_bytes_are_read(passwd: bytes, shadow: bytes, group: bytes, gshadow: bytes) -> None:
    """Nothing raises, and what is found can be kept; no hash is in it."""
    kept = encode(accounts(passwd, shadow, group, gshadow, KEY))
    assert HASH not in kept


@pytest.mark.parametrize("value", [HASH, *DAMAGED])
@pytest.mark.parametrize("at", range(7))
def test_a_hash_is_shown_in_no_field(at: int, value: bytes) -> None:
    """A hash that has got into any field of any file is not shown."""
    fields = [b"a", b"x", b"1", b"1", b"c", b"/", b"/bin/sh"]
    fields[at] = value
    line = b":".join(fields)
    kept = encode(accounts(line, line + b"::", b":".join(fields[:4]), line, KEY))
    assert value.rpartition(b"$")[2] not in kept


@pytest.mark.parametrize("at", [0, 1, 4, 5, 6])
def test_the_change_of_a_hash_in_a_wrong_field_is_one(at: int) -> None:
    """Entries are compared as they are shown: by a fingerprint of it."""
    fields = [b"a", b"x", b"1", b"1", b"c", b"/", b"/bin/sh"]
    fields[at] = HASH
    before = accounts(b":".join(fields), None, None, None, KEY)
    fields[at] = HASH[:-1] + b"x"
    assert accounts(b":".join(fields), None, None, None, KEY) != before


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(lambda data: accounts(data, data, data, data, KEY))
