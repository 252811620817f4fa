# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from kflowd.fim.consumers.sshd_config import DEFAULT, KeyFiles, Variant, combined, key_files, paths
from tests.unit.fim.consumers.inputs import content, takes_linear_time


def test_each_variant_is_found() -> None:
    """Keywords in any letters, with "=", quotes, includes, and in Match blocks."""
    data = (
        b"Include /etc/ssh/sshd_config.d/*.conf more\n"
        b"#AuthorizedKeysFile no\n"
        b'authorizedkeysfile = "/etc/keys/%u x" .ssh/k # c\n'
        b"Match User bob,eve Address 10.0.0.0/8\n  AuthorizedKeysFile none\n"
        b"Match all\nAuthorizedKeysFile %h/k\n"
        b"AuthorizedKeysCommand /usr/bin/x %u\n"
    )
    assert key_files(data) == KeyFiles(
        ("/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/more"),
        (
            Variant("", ("/etc/keys/%u x", ".ssh/k")),
            Variant("User bob,eve Address 10.0.0.0/8", ()),
            Variant("", ("%h/k",)),
        ),
        ("AuthorizedKeysCommand /usr/bin/x %u",),
    )


def test_without_any_it_is_the_default() -> None:
    """sshd has two files of its own, also where only a Match block names others."""
    assert combined([KeyFiles()]) == (Variant("", DEFAULT),)
    matched = key_files(b"Match User a\nAuthorizedKeysFile x\n")
    assert combined([matched]) == (Variant("", DEFAULT), Variant("User a", ("x",)))
    assert combined([key_files(b"AuthorizedKeysFile x\n")]) == (Variant("", ("x",)),)


def test_tokens_are_those_of_sshd() -> None:
    """A path that is not absolute lies in the home; another token is refused."""
    patterns = ("/k/%u", "%h/k", ".ssh/a%%b", "/k/%U", "/k/%x", "/k/%")
    found = paths([Variant("", patterns), Variant("", ("%h/k",))], "bob", "/home/bob", 7)
    assert found == ("/k/bob", "/home/bob/k", "/home/bob/.ssh/a%b", "/k/7")
    assert paths([Variant("", DEFAULT)], "root", "/", 0)[0] == "/.ssh/authorized_keys"
    assert paths([Variant("", ("/k/%u",))], "%h", "/x", 1) == ("/k/%h",)


@pytest.mark.parametrize(
    "line", ["AuthorizedKeysFile a b", 'authorizedKeysFile="a b" c', "AuthorizedKeysFile 'x y'", ""]
)
def test_sshd_has_the_same_files(line: str, tmp_path: Path) -> None:
    """sshd -T tells the same arguments."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    path = tmp_path / "sshd_config"
    path.write_text(f"HostKey {key}\n{line}\n")
    # it wants /run/sshd, which is there only once it has run as a service
    script = 'mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -T -f "$0"'
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "-r"]
    command = [*alone, "sh", "-c", script, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip(f"sshd does not run here: {told.stderr}")
    (theirs,) = [it for it in told.stdout.splitlines() if it.startswith("authorizedkeysfile ")]
    (mine,) = combined([key_files(path.read_bytes())])
    assert theirs.partition(" ")[2] == " ".join(mine.patterns)


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises."""
    paths(combined([key_files(data)]), "a", "/home/a", 1)


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(key_files)
