# SPDX-License-Identifier: Apache-2.0
import os
import socket

import pytest

from kflowd.enrich.host import host_facts, host_ip


def test_facts_are_those_of_uname() -> None:
    """Names come from uname, the version from the caller."""
    facts = host_facts("kflowd-v1")
    names = os.uname()
    assert (facts.host_name, facts.system, facts.kernel) == (
        *(names.nodename, names.sysname, names.release),
    )
    assert facts.version == "kflowd-v1"
    socket.inet_aton(facts.host_ip)


def test_a_name_is_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's name is UTF-8 whatever the locale; what is none can still be written."""
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "h\udce9", "6", "1", "x")))
    monkeypatch.setattr(os, "fsencode", lambda _name: "h\xe9".encode())
    assert host_facts("").host_name == "h\xe9"
    monkeypatch.setattr(os, "fsencode", lambda _name: b"h\xe9")
    assert host_facts("").host_name == "h\N{REPLACEMENT CHARACTER}"


def test_any_host_name_can_be_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts become JSON; a name that is no UTF-8 loses those bytes."""
    names = os.uname_result(("Linux", "h\udcff", "6.1", "#1", "x86_64"))
    monkeypatch.setattr(os, "uname", lambda: names)
    assert host_facts("").host_name == "h\ufffd"


def test_without_a_route_the_address_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without network still has a record."""

    def refuse(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "socket", refuse)
    assert host_ip() == "0.0.0.0"
