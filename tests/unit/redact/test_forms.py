# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.redact.forms import redact_forms


def is_secret(name: bytes) -> bool:
    return name.endswith(b"password")


def part(name: str, value: str, more: str = "") -> str:
    """Return a part of a body in parts."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{more}\r\n{value}\r\n'


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("pass%77ord=hunter2&a=b", "pass%77ord=***&a=b"),
        ("/x?a=b&%70assword=hunter2#c", "/x?a=b&%70assword=***#c"),
        ("user%5Bpassword%5D=a%20b&c=d", "user%5Bpassword%5D=***&c=d"),
        ("us%65r=me&password=x", "us%65r=me&password=x"),
        (part("password", "hunter2") + "--b--", part("password", "***") + "--b--"),
        (
            part("password", "a\r\nb", "Content-Type: text/plain\r\n") + part("x", "y"),
            part("password", "***", "Content-Type: text/plain\r\n") + part("x", "y"),
        ),
        (part("name", "password"), part("name", "password")),
        (part("password", "hunt")[:-2], part("password", "***")[:-2]),
    ],
)
def test_secret_fields_are_hidden(text: str, hidden: str) -> None:
    """By their names alone, which stay as they were sent."""
    assert redact_forms(text.encode(), is_secret).decode() == hidden


@given(st.binary(max_size=300))
def test_any_text_is_taken(text: bytes) -> None:
    """What has no secret stays."""
    assert redact_forms(text, lambda _name: False) == text


@pytest.mark.parametrize(
    "block",
    [b"%61", b"a", b"%61=", b"content-disposition: form-data; name=a\n", b"content-disposition:",
     b" name=a", b"form-data\n\n", b"a\n"],
)  # fmt: skip
def test_cost_is_linear_on_hostile_texts(block: bytes) -> None:
    """Of 64 KiB, whatever is in them."""
    text = (b"form-data%content-disposition: name=a\n\n" + block * 65536)[:65536]
    began = time.process_time()
    redact_forms(text, is_secret)
    assert time.process_time() - began < 0.5
