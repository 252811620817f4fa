# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers import encode
from kflowd.fim.consumers.authorized_keys import keys
from kflowd.fim.consumers.entries import Key, Malformed
from tests.unit.fim.consumers.inputs import ED25519, KEY, content, takes_linear_time

PLAIN = b"ssh-ed25519 " + ED25519


def one(line: bytes) -> Key | None:
    """Return the key of a line, None if it is none."""
    (found,) = keys(line, KEY)
    return found if isinstance(found, Key) else None


def test_options_are_data() -> None:
    """Options with blanks, commas and quotes in them are told one by one (W11)."""
    found = one(b'command="echo \\"a, b\\"",no-pty,from="10.0.0.0/8,!x" ' + PLAIN + b" bob's  key")
    assert found is not None
    assert found.options == ('command="echo \\"a, b\\""', "no-pty", 'from="10.0.0.0/8,!x"')
    assert found.comment == "bob's  key"
    assert not found.authority


def test_very_many_options_are_one() -> None:
    """Its owner has a line of any length; a change at its end is one all the same."""
    ahead = b"no-pty," * 100_000
    found = [one(ahead + each + b" " + PLAIN) for each in (b"cert-authority", b"a")]
    assert [it and (len(it.options), it.authority) for it in found] == [(1, True), (1, False)]
    assert found[0] != found[1]


def test_authorities_are_told() -> None:
    """cert-authority lets in whom that key has signed."""
    found = one(b'cert-authority,principals="a" ' + PLAIN)
    assert found is not None
    assert found.authority


def test_a_commented_key_is_none_and_a_wrong_one_is_kept() -> None:
    """Comments are nothing; a line that is no key is told of (W11)."""
    assert keys(b"# " + PLAIN + b"\n\n", KEY) == ()
    (found,) = keys(b"ssh-rsa AAAA bob\n", KEY)
    assert found == Malformed("key", "not a key", "ssh-rsa AAAA bob")


def test_a_backslash_hides_a_quote_and_nothing_else() -> None:
    """As sshd reads it: two backslashes ahead of a quote do not free it."""
    assert one(b'command="a\\\\" ' + PLAIN) is None
    assert one(b'command="a\\\\"" ' + PLAIN) is not None


def test_a_secret_in_an_option_is_hidden_and_its_change_is_seen() -> None:
    """environment="TOKEN=..." shows no token, and another token is another key."""
    first, second = (one(b'environment="API_TOKEN=%s" ' % it + PLAIN) for it in (b"aaaa", b"bbbb"))
    assert first is not None
    assert second is not None
    assert "***" in first.options[0]
    assert first.hidden != second.hidden


def test_a_private_key_is_not_shown() -> None:
    """Nothing of a private key that was put there."""
    data = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END\n"
    assert b"b3Blbn" not in encode(keys(data, KEY))


OPTION = st.sampled_from(
    ["no-pty", 'from="a b,c"', 'command="x \\" y"', "restrict", 'principals=""']
)


@given(st.lists(OPTION, max_size=4), st.sampled_from(["", " c", " c d", "\tx"]))
def test_ssh_keygen_agrees_on_lines(options: list[str], comment: str) -> None:
    """What is written with any options is read so."""
    line = (",".join(options) + " " if options else "").encode() + PLAIN + comment.encode()
    found = one(line)
    assert found is not None
    assert list(found.options) == options
    assert found.comment == comment.strip()


def test_ssh_keygen_reads_the_same_file(tmp_path: Path) -> None:
    """ssh-keygen -lf finds the same keys in a file, and their fingerprints."""
    path = tmp_path / "authorized_keys"
    data = b"# x\n" + PLAIN + b' a b\nbogus\nrestrict,command="a b" ' + PLAIN + b" c\n  " + PLAIN
    path.write_bytes(data)
    told = subprocess.run(
        ["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=False
    )
    theirs = [line.split()[1] for line in told.stdout.splitlines()]
    assert [it.fingerprint for it in keys(data, KEY) if isinstance(it, Key)] == theirs
    assert len(theirs) == 3


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises, and what is found can be kept."""
    encode(keys(data, KEY))


def test_time_is_linear() -> None:
    """Four times the bytes take no more than some four times as long."""
    takes_linear_time(lambda data: keys(data, KEY))


@pytest.mark.parametrize("name", [b"ecdsa-sha2-nistp256", b"ssh-dss", b"ssh-rsa"])
def test_the_type_is_that_of_the_key(name: bytes) -> None:
    """A key behind another type is none."""
    assert one(name + b" " + ED25519) is None
