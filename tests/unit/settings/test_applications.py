# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.errors import UsageError
from kflowd.settings import Settings, TraceSettings
from kflowd.settings.applications import (
    AnyPort,
    ApplicationSettings,
    Port,
    TcpPort,
    parse_port,
)
from kflowd.settings.convert import convert

BOTH = ("tcp", "udp")


@given(st.sampled_from(BOTH), st.integers(1, 65535))
def test_what_is_written_is_read_back(protocol: str, number: int) -> None:
    """In letters of any case."""
    port = Port(protocol, number)
    assert parse_port(str(port), BOTH) == port
    assert parse_port(str(port).upper(), BOTH) == port


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("53", "is not PROTO/PORT"),
        ("", "is not PROTO/PORT"),
        ("sctp/53", "has 'sctp' in place of tcp or udp"),
        ("/53", "has '' in place of tcp or udp"),
        ("udp/", "has no port from 1 to 65535"),
        ("udp/0", "has no port from 1 to 65535"),
        ("udp/65536", "has no port from 1 to 65535"),
        ("udp/-1", "has no port from 1 to 65535"),
        ("udp/٥٣", "has no port from 1 to 65535"),
        ("udp/5/3", "has no port from 1 to 65535"),
        ("udp/" + "9" * 5000, "has no port from 1 to 65535"),
    ],
)
def test_what_is_no_port_is_told(text: str, wrong: str) -> None:
    """As the end of a line."""
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        parse_port(text, BOTH)


def test_defaults_are_the_registered_ports() -> None:
    """Of those that are read by default; TLS is read where it is asked for."""
    found = ApplicationSettings().ports
    assert sorted(map(str, found)) == ["tcp/514", "tcp/53", "tcp/80", "udp/514", "udp/53"]


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("off", ()),
        ("OFF", ()),
        ("udp/5353", (AnyPort("udp", 5353),)),
        (["udp/5353", "tcp/53"], (AnyPort("udp", 5353), AnyPort("tcp", 53))),
    ],
)
def test_a_list_replaces_the_default(value: object, ports: tuple[Port, ...]) -> None:
    """As a text or a list of a file."""
    assert convert({"application": {"dns": value}}).application.dns == ports


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ({"http": "udp/80"}, "application.http: 'udp/80' has 'udp' in place of tcp"),
        ({"dns": 53}, "application.dns: 53 is no list of ports"),
        ({"dns": "udp/1,udp/1"}, "application.dns: udp/1 is there twice"),
        (
            {"dns": [f"udp/{n}" for n in range(1, 10)]},
            "application.dns: 9 ports are too many: 8 at most",
        ),
        ({"dns": "udp/53,off"}, "application.dns: 'off' is not PROTO/PORT"),
        ({"http": "tcp/53"}, "application.http: tcp/53 is read as DNS already"),
        ({"tsl": "tcp/53"}, "application.tsl: no such setting"),
    ],
)
def test_what_is_wrong_is_told(table: dict[str, object], wrong: str) -> None:
    """In one line that names the setting."""
    with pytest.raises(UsageError) as raised:
        convert({"application": table})
    assert wrong in str(raised.value).replace("--", "application.")


def test_a_port_can_change_its_application() -> None:
    """If the one that had it by default gives it up."""
    found = ApplicationSettings(dns=(), http=(TcpPort("tcp", 53),))
    assert found.ports[0] == Port("tcp", 53)


def test_tls_is_read_where_it_is_asked_for() -> None:
    """Over connections alone."""
    assert ApplicationSettings().tls == ()
    found = convert({"application": {"tls": "tcp/443,tcp/8443"}}).application
    assert found.tls == (TcpPort("tcp", 443), TcpPort("tcp", 8443))
    with pytest.raises(UsageError, match="'udp/443' has 'udp' in place of tcp"):
        convert({"application": {"tls": "udp/443"}})


def test_texts_are_those_of_a_file() -> None:
    """They give the same settings again."""
    tls = (TcpPort("tcp", 443),)
    found = ApplicationSettings(dns=(AnyPort("udp", 5353),), http=(), tls=tls)
    table = {key: list(texts) for key, texts in found.as_texts().items()}
    assert convert({"application": table}).application == found


def test_those_with_ports_are_described() -> None:
    """For doctor."""
    found = ApplicationSettings(dns=(), syslog=(AnyPort("udp", 514),)).described()
    assert found == ("HTTP at tcp/80", "SYSLOG at udp/514")


def test_nothing_is_captured_without_sockets() -> None:
    """There would be no record for it."""
    assert Settings(trace=TraceSettings(monitor=frozenset({"file"}))).ports == ()
    assert Settings().ports == ApplicationSettings().ports
