# SPDX-License-Identifier: Apache-2.0
import ipaddress
import os
import socket

import msgspec
import pytest

from kflowd.enrich.host import INTERVAL_NS, HostWatch, host_facts, host_ip
from kflowd.serialize import HostFacts


def test_facts_are_those_of_uname() -> None:
    """Names come from uname, the version from the caller."""
    facts = host_facts("kflowd-v1")
    names = os.uname()
    assert (facts.host_name, facts.system, facts.kernel) == (
        *(names.nodename, names.sysname, names.release),
    )
    assert facts.version == "kflowd-v1"
    ipaddress.ip_address(facts.host_ip)


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


def test_a_token_is_kept_through_changes() -> None:
    """It is the user's, and has no invalid bytes."""
    assert host_facts("v", "web\udcff").host_token == "web\ufffd"
    known = host_facts("v", "web")
    moved = HostWatch(known, lambda: 7, lambda _: HostFacts("other", version="v"))()
    assert moved == HostFacts("other", version="v", host_since_ns=7, host_token="web")
    assert HostWatch(known, lambda: 7)() is None


def test_a_token_can_change() -> None:
    """From that moment on, as a name of the host."""
    known = host_facts("v", "web")
    watch = HostWatch(known, lambda: 7, lambda _: known)
    watch.rename("db\udcff")
    changed = watch()
    assert changed == msgspec.structs.replace(known, host_token="db\ufffd", host_since_ns=7)
    watch = HostWatch(known, lambda: 7, lambda _: known)
    watch.rename("web")
    assert watch() is None


def test_without_a_route_the_address_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without network still has a record."""

    def refuse(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "socket", refuse)
    assert host_ip() == "0.0.0.0"


def test_a_change_is_told_once_with_its_time() -> None:
    """Name and address are looked at ten times a second at most."""
    facts = [HostFacts(name) for name in ("one", "two", "two", "two")]
    times = iter((1, 2, INTERVAL_NS + 1, 2 * INTERVAL_NS + 1, 3 * INTERVAL_NS + 1))
    watch = HostWatch(HostFacts("one", version="v"), lambda: next(times), lambda _: facts.pop(0))
    facts = [msgspec.structs.replace(each, version="v") for each in facts]
    told = [watch() for _ in range(5)]
    changed = HostFacts("two", version="v", host_since_ns=INTERVAL_NS + 1)
    assert told == [None, None, changed, None, None]


def test_this_host_has_not_changed() -> None:
    """A look at it finds what the stream began with."""
    assert HostWatch(host_facts("v"), lambda: 1)() is None
