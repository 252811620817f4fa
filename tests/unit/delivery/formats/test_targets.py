# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats.targets import Target, headers_of, target_of


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("h.example:8080", Target("/a?b=c?d", "", "h.example", 8080, "/a", "b=c?d")),
        ("[2001:db8::1]", Target("/", "", "2001:db8::1", None, "/")),
        ("u@h", Target("/a#b", "", "", None, "/a")),
        ("h:70000", Target("/", "", "h", None, "/")),
        ("h", Target("*", "", "h", None, "*")),
        ("h", Target("?x", "", "h", None, "?x", "x")),
        ("h", Target("HTTP://g.example:1/x?y#z", "http", "g.example", 1, "/x", "y", whole=True)),
        ("h", Target("http://u:***@g/x", "http", "g", None, "/x", whole=True)),
        ("h", Target("http://a@b@g:1", "http", "g", 1, whole=True)),
        ("h", Target("http://u@/x", "http", "", None, "/x", whole=True)),
    ],
)
def test_the_parts_of_a_target(host: str, expected: Target) -> None:
    """Those of an address, else the name comes from a header."""
    assert target_of({"_Method": "GET", "_Url": expected.original, "Host": host}) == expected


def test_what_others_ask_for() -> None:
    """CONNECT has an authority; HTTP/2 has pseudo-headers; of an answer there is none."""
    asked = {"_Method": "CONNECT", "_Url": "h:443"}
    assert target_of(asked) == Target("h:443", "", "h", 443, whole=True)
    made = {"_Method": "GET", "_Url": "/", ":scheme": "http", ":authority": "h"}
    assert target_of(made) == Target("/", "http", "h", None, "/")
    assert target_of({"_Status": 200}) is None
    assert target_of({"_Method": "GET", "_Url": ""}) is None


def test_names_of_headers() -> None:
    """In lower case; what is no header is none."""
    assert headers_of({"_Body": "x", "User-Agent": "y", "_Status": 1}) == {"user-agent": "y"}


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_target_is_taken(url: str, host: str) -> None:
    """Ports are ports."""
    found = target_of({"_Method": "GET", "_Url": url, "Host": host})
    assert found is None or found.port is None or found.port <= 65535
