# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.redact import hint, redact_args
from tests.unit.redact.arguments import LOOKS, NEGATIVE, POSITIVE, SECRET

# what a secret may be made of, wherever it stands in the table
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+=!^*~"
SECRETS = st.text(LETTERS, min_size=4, max_size=24).map(lambda it: f"Zq{it}7v")
HIDDEN = b"***"


def raw(line: str, secret: str = "") -> bytes:
    """Return arguments as the kernel has them."""
    return line.replace(SECRET, secret).replace("\t", "\0").encode() + b"\0"


@pytest.mark.parametrize("line", POSITIVE)
def test_a_secret_is_hidden_and_the_rest_stays(line: str) -> None:
    """Three asterisks stand in its place; all arguments ahead of it are as they were."""
    found = redact_args(raw(line, "Zq7vXk29"))

    assert b"Zq7vXk29" not in found
    assert HIDDEN in found
    assert found.count(b"\0") == raw(line).count(b"\0")
    ahead = raw(line).split(b"\0")
    number = next(at for at, it in enumerate(ahead) if SECRET.encode() in _marked(line, at))
    assert found.split(b"\0")[:number] == ahead[:number]


def _marked(line: str, at: int) -> bytes:
    return line.split("\t")[at].encode() if at < len(line.split("\t")) else b""


@given(st.sampled_from(POSITIVE), SECRETS)
@example("--password\t{}", "Zq-x")
def test_no_planted_secret_is_left(line: str, secret: str) -> None:
    """Whatever it is made of, nothing of it is in what comes out, nor by a second pass."""
    found = redact_args(raw(line, secret))

    assert secret.encode() not in found
    assert redact_args(found) == found


@given(st.sampled_from(POSITIVE), SECRETS, st.integers(1, 40))
def test_an_argument_that_is_cut_has_none_either(line: str, secret: str, letters: int) -> None:
    """The arguments end within the secret: what is left of it is hidden."""
    ahead, found, _ = line.partition(SECRET)
    part = secret[: min(letters, len(secret))]
    whole = raw(ahead)[:-1] + part.encode()
    assert found

    redacted = redact_args(whole, cut=True)

    assert not redacted.endswith(part.encode()) or "| " in line, redacted


@pytest.mark.parametrize("line", NEGATIVE)
def test_what_is_none_stays(line: str) -> None:
    """File names, ports, numbers of processes and the like are the same bytes."""
    assert redact_args(raw(line)) == raw(line)


@pytest.mark.parametrize("token", LOOKS)
@pytest.mark.parametrize(
    "line", ["{}", "see {} there", "x={}", "--x={},y", "https://h/{}/y", "'{}'"]
)
def test_a_token_is_known_by_its_look(line: str, token: str) -> None:
    """It needs no name; nothing of it is left but for how it begins, if it is cut."""
    found = redact_args(raw(line, token))

    assert HIDDEN in found
    assert token[8:].encode() not in found


@pytest.mark.parametrize("token", LOOKS)
def test_a_token_that_is_cut_is_known_too(token: str) -> None:
    """A few of its letters are enough at the end of cut arguments."""
    assert redact_args(f"echo\0{token[:14]}".encode(), cut=True) == b"echo\0***"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_taken(text: bytes, cut: bool) -> None:
    """Nothing raises, and no argument comes or goes."""
    assert redact_args(text, cut=cut).count(b"\0") == text.count(b"\0")


PIECES = (
    *(
        b"--password",
        b"-p",
        b"mysql",
        b"curl",
        b"-u",
        b"sh",
        b"-c",
        b"://",
        b"a:b@",
        b"token=",
        b"=",
        b"'",
    ),
    *(
        b'"',
        b"\\",
        b'\\"',
        b"\0",
        b" ",
        b"\xff",
        b"Authorization: ",
        b"Bearer ",
        b"x",
        b"***",
        b"&",
        b"{",
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.booleans())
def test_any_mixture_is_taken(text: bytes, cut: bool) -> None:
    """What rules look for, in any order; a second pass finds no more."""
    found = redact_args(text, cut=cut)

    assert found.count(b"\0") == text.count(b"\0")
    assert redact_args(found, cut=cut) == found


def test_bytes_that_are_no_text_are_hidden_and_kept() -> None:
    """A secret need not be UTF-8, nor what stands beside it."""
    assert redact_args(b"x\xff\0--password\0\xfe\xff\0\xfd") == b"x\xff\0--password\0***\0\xfd"
    assert redact_args(b"--token=\xff\xfe\0\xc3") == b"--token=***\0\xc3"


def test_what_has_no_hint_is_the_same_object() -> None:
    """Nothing is made anew for most programs."""
    plain = b"/usr/bin/gcc\0-O2\0-c\0foo.c\0-o\0foo.o\0"
    assert redact_args(plain) is plain


def test_each_rule_has_a_hint() -> None:
    """The look ahead lets no line of the tables pass."""
    found = hint.pattern()
    lines = [*(raw(line, "Zq7vXk29") for line in POSITIVE), *(it.encode() for it in LOOKS)]
    assert [it for it in lines if not found.search(it.lower())] == []


HOSTILE = (
    *(
        b"a",
        b"pass",
        b"pass=",
        b"://a:",
        b"://a:@",
        b"x '",
        b'x "',
        b"\\",
        b"x token \\\"'",
        b"token ",
        b"eyJ.",
    ),
    *(
        b"-----BEGIN PRIVATE KEY",
        b"identified by '",
        b"basic ",
        b"mysql curl ",
        b"mysql\0",
        b"password='",
        b"1",
    ),
    *(
        b"token \"' ",
        b"authorization: ",
        b"mysql -",
        b"secret-",
        b"=pw",
        b"basic aaaaaa",
        b"://1",
        b"a@",
        b"?key=",
    ),
    *(
        b"\0-p",
        b"\xff",
        b'{"token":',
        b"--",
        b"-p'",
        b"sshpass ",
        b"sh -c '",
        b"Cookie: a=",
        b"keykey",
        b"___",
    ),
)


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("ahead", [b"", b"mysql curl sh -c token=x ://", b"sshpass\0--"])
def test_time_is_linear(unit: bytes, ahead: bytes) -> None:
    """Eight times the length takes no more than about eight times as long."""

    def seconds(size: int) -> float:
        text = ahead + unit * (size // len(unit))
        began = time.process_time()
        redact_args(text, cut=True)
        return time.process_time() - began

    short = min(seconds(2_000) for _ in range(2))
    assert min(seconds(16_000) for _ in range(2)) < 24 * short + 0.02
