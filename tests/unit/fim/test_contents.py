# SPDX-License-Identifier: Apache-2.0
import os
import time
import zlib
from pathlib import Path

import pytest

from kflowd.fim.consumers.texts import MAX_CONTENT
from kflowd.fim.contents import MOST_LINES, MOST_TOLD, Contents
from kflowd.fim.walking import MOST_KEPT
from kflowd.settings.fim import FimRule, parse_glob
from tests.unit.fim.hosts import Host

PASSWD = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/bash\n"
SHADOW = "root:*:1::::::\nann:$6$salt$hash1234:1::::::\n"
GROUP = "root:x:0:\nann:x:1000:\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMaNDaUnUqjZ8xvVd2JRWZmPBKyDq6mbEYmQj3jn2xzn ann@h\n"


@pytest.fixture
def users(tmp_path: Path) -> Host:
    """Return a host with accounts."""
    host = Host(tmp_path, consumer="users")
    host.write(passwd=PASSWD, shadow=SHADOW, group=GROUP, authorized_keys="# none\n")
    host.init()
    return host


def test_an_account_that_comes_is_one_finding(users: Host) -> None:
    """W12: also where several files change for it; useradd replaces each of them."""
    for name, text in (
        ("passwd", PASSWD + "eve:x:0:0::/:/bin/sh\n"),
        ("shadow", SHADOW + "eve::1::::::\n"),
    ):
        (users.tree / "new").write_text(text)
        (users.tree / "new").rename(users.tree / name)
    found = users.check()
    assert [it["FimFinding"] for it in found] == ["account", "replaced"]
    (added,) = found[0]["FimAdded"]
    assert (added["Name"], added["UID"]) == ("eve", 0)
    assert "uid_0_gained" in added["Changes"]
    assert found[1]["FimDiffNote"] == f"entries: those of {users.tree}/passwd"


def test_a_password_that_changes_is_told_without_it(users: Host) -> None:
    """W13: the same length and end, and neither hash is anywhere, in the database either."""
    users.write(shadow=SHADOW.replace("hash", "hush"))
    (found,) = users.check()
    assert found["FimFinding"] == "account"
    assert found["FimAdded"][0]["Password"]["Algorithm"]
    data = users.settings.state.read_bytes() + str(found).encode()
    assert b"hash1234" not in data
    assert b"hush1234" not in data


def test_a_malformed_line_is_a_finding_and_no_crash(users: Host) -> None:
    """W9."""
    users.write(passwd=PASSWD + "\n+::::::\nshort:line\n")
    found = users.check()
    assert [it["FimFinding"] for it in found] == ["account"]
    assert any(it["Kind"] == "malformed" for it in found[0]["FimAdded"])


def test_a_key_is_told_by_its_fingerprint(users: Host) -> None:
    """W11: with its options; of other types than RSA too."""
    users.write(authorized_keys=f'command="/bin/x" {KEY}')
    (found,) = users.check()
    assert found["FimFinding"] == "key"
    (added,) = found["FimAdded"]
    assert added["Type"] == "ssh-ed25519"
    assert added["Fingerprint"].startswith("SHA256:")
    assert added["Options"] == ['command="/bin/x"']
    users.decide("accepted")
    users.write(authorized_keys="")
    (found,) = users.check()
    assert [it["Fingerprint"] for it in found["FimRemoved"]] == [added["Fingerprint"]]


def test_what_grows_too_large_has_not_lost_its_keys(users: Host) -> None:
    """Nothing is known of what it says, and that is told."""
    users.write(authorized_keys=KEY)
    users.check()
    users.decide("accepted")
    users.write(authorized_keys=KEY + "#" * MOST_KEPT)
    (found,) = users.check()
    assert found["FimFinding"] == "modified"
    assert "FimRemoved" not in found
    assert (
        found["FimDiffNote"]
        == "too large, or not known by this name: there are no entries to compare"
    )


def test_who_writes_very_many_lines_hides_none_behind_them(users: Host) -> None:
    """A finding is bounded, and so is the time; a key that comes behind them is told of."""
    many = "x\n" * (MAX_CONTENT // 4)
    users.write(authorized_keys=many)
    begun = time.thread_time()
    (found,) = users.check()
    assert time.thread_time() - begun < 10
    assert len(str(found)) < 3 * MOST_TOLD
    assert found["FimDiffNote"].startswith("truncated: ")
    users.decide("accepted")
    users.write(authorized_keys=many + KEY)
    (found,) = users.check()
    assert found["FimFinding"] == "key"
    assert f"more than {MOST_LINES} lines" in found["FimAdded"][0]["Cause"]


@pytest.mark.parametrize(
    ("consumer", "before", "after", "finding"),
    [
        ("access", "+:ann:ALL\n-:ALL:ALL\n", "+:ann:LOCAL\n-:ALL:ALL\n", "access_rule"),
        ("access", "+:ann:ALL\n-:ALL:ALL\n", "-:ALL:ALL\n+:ann:ALL\n", "access_rule"),
        ("sudoers", "a ALL=(ALL) ALL\n", "a ALL=(ALL) ALL\ne ALL=NOPASSWD: ALL\n", "sudo_rule"),
    ],
)  # fmt: skip
def test_rules_are_told_as_rules(
    tmp_path: Path, consumer: str, before: str, after: str, finding: str
) -> None:
    """W32: with their origins, and a rule that moves is told of."""
    host = Host(tmp_path, consumer=consumer)
    host.write(rules=before)
    host.init()
    host.write(rules=f"# a comment\n{before}")
    assert host.found() == [("modified", "rules")]
    host.write(rules=after)
    (found,) = host.check()
    assert found["FimFinding"] == finding
    assert found["FimAdded"]


def test_lines_are_a_diff(tmp_path: Path) -> None:
    """W30: in their order, comments too; a new file is all of it, and so is one that is gone."""
    host = Host(tmp_path, consumer="diff")
    host.write(a="1\n2\n3\n", gone="x\n")
    host.init()
    host.write(a="1\n#\n3\n", new="y\n")
    (host.tree / "gone").unlink()
    found = {it["FimPath"]: it for it in host.check()}
    assert "-2\n+#" in found["a"]["FimDiff"]
    assert "+y" in found["new"]["FimDiff"]
    assert "-x" in found["gone"]["FimDiff"]
    assert {it["FimFinding"] for it in found.values()} == {"modified", "created", "deleted"}


def test_what_holds_secrets_is_neither_kept_nor_shown(tmp_path: Path) -> None:
    """W31: private keys by name or by content."""
    host = Host(tmp_path, consumer="diff")
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n"
    host.write(**{"tls.key": "c2VjcmV0c2VjcmV0", "a": key})
    host.init()
    host.write(**{"tls.key": "b3RoZXI=", "a": key.replace("c2VjcmV0", "b3RoZXJz")})
    found = host.check()
    assert [it["FimFinding"] for it in found] == ["modified", "modified"]
    assert not [it for it in found if "FimDiff" in it]
    assert all(it["FimDiffNote"].startswith("secret") for it in found)


def test_beside_accounts_no_link_is_followed(tmp_path: Path) -> None:
    """And a FIFO in the place of shadow does not block."""
    host = Host(tmp_path, consumer="users", paths=(parse_glob(f"{tmp_path}/tree/passwd"),))
    host.write(passwd=PASSWD)
    os.mkfifo(host.tree / "shadow")
    (host.tree / "group").symlink_to("/etc/group")
    host.init()
    host.write(passwd=PASSWD.replace("/bin/bash", "/bin/sh"))
    (found,) = host.check()
    assert found["FimFinding"] == "account"


def test_what_was_not_kept_has_neither_come_nor_gone(tmp_path: Path) -> None:
    """A file that is too large by now, and one that was renamed, have no entries to compare."""
    host = Host(tmp_path, consumer="access")
    host.write(a="+:root:ALL\n", b="-:ALL:ALL\n")
    host.init()
    host.write(a="+:root:ALL\n" + "#" * MOST_KEPT)
    (host.tree / "b").rename(host.tree / "c")
    for found in host.check():
        assert not {"FimAdded", "FimRemoved"} & set(found)
        assert "no entries to compare" in found["FimDiffNote"]


@pytest.mark.parametrize("data", [b"x", zlib.compress(b"x")[:-1], zlib.compress(bytes(17 << 20))])
def test_a_content_of_the_database_is_data(data: bytes) -> None:
    """Damaged, cut, or far larger than it seems."""
    rule = FimRule(name="r", consumer="diff")
    told = Contents(b"k" * 32).told(rule, b"/a", data, zlib.compress(b"y"), "modified")
    assert (told.diff, told.note) == (None, "the content that was kept is damaged")
