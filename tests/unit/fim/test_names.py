# SPDX-License-Identifier: Apache-2.0
from kflowd.fim.names import Names, groups, users


def test_numbers_have_names() -> None:
    """One that has none is "", and a name that is no UTF-8 is text."""
    names = Names({0: "root", 1: b"\xff".decode("utf-8", "surrogateescape")})
    assert [names(it) for it in (0, 1, 2)] == ["root", r"\xff", ""]


def test_names_are_those_of_the_host() -> None:
    """Of its own files."""
    assert users()(0) == "root"
    assert groups()(0) == "root"
