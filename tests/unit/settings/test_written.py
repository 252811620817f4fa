# SPDX-License-Identifier: Apache-2.0
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.errors import UsageError
from kflowd.settings import OutputSettings, Settings, TraceSettings
from kflowd.settings.applications import AnyPort, TcpPort
from kflowd.settings.convert import build, check
from kflowd.settings.fim import parse_exclusion, parse_glob, parse_tag
from kflowd.settings.kinds import (
    Choice,
    Condition,
    File,
    Flag,
    OneAddress,
    Quantity,
    Text,
    Whole,
)
from kflowd.settings.lists import (
    EntryPointList,
    HeaderList,
    PortList,
    PortsOfList,
    RuleList,
    ServerList,
    TextList,
    Words,
)
from kflowd.settings.plugins import parse_entry_point, parse_ports_of
from kflowd.settings.rules import Rule, parse_rule
from kflowd.settings.servers import Address, Listen, Server
from kflowd.settings.urls import parse_header, parse_url
from kflowd.settings.walk import Place, Setting, settings_of
from kflowd.settings.where import parse_where
from kflowd.settings.written import written

# all that a file can hold, and that its reader must not take for a part of TOML
LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
VALUE = LETTERS.map(lambda it: it.replace(",", "\\,"))
RULES = st.one_of(
    VALUE.map(lambda it: f"path=/{it}"),
    VALUE.filter(lambda it: ":" not in it and not it.isdigit()).map(lambda it: f"user={it},0"),
    st.sampled_from(("event=open,exit", "port=1-3,53", "net=10.0.0.1/8,::1", "exe=*\\,*,?")),
).map(parse_rule)
SERVERS = st.builds(
    Server,
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
    .filter(lambda it: not it.is_unspecified)
    .map(str),
    st.integers(1, 65535),
)

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?\.test", fullmatch=True)
NAMED = st.builds(Address, NAMES, st.integers(1, 65535))

ADDRESSES = st.one_of(SERVERS.map(lambda it: Address(*it)), NAMED)
LISTENS = st.one_of(
    ADDRESSES.map(lambda it: Listen(*it)),
    st.sampled_from((Listen("0.0.0.0", 9), Listen("::", 9), Listen(path="/run/a b"))),
)

URLS = st.tuples(st.sampled_from(("http", "https")), ADDRESSES, st.sampled_from(("", "/a?b")))
URLS = URLS.map(lambda it: parse_url(f"{it[0]}://{it[1]}{it[2]}"))
OF_ADDRESSES: dict[str, st.SearchStrategy[Any]] = {
    "HOST:PORT": ADDRESSES,
    "ADDRESS": LISTENS,
    "URL": URLS,
}
OF_PLUGINS = st.sampled_from(("redis=tcp/65535,udp/899", "a1=udp/65535")).map(parse_ports_of)
ENTRY_POINTS = st.sampled_from(("redis", "a.b-c_1")).map(parse_entry_point)
HEADERS = st.sampled_from(("X-A: b", "x: ~ !")).map(parse_header)


def powers(least: int, most: int) -> st.SearchStrategy[int]:
    """Return the powers of two between two limits."""
    return st.integers(least.bit_length() - 1, most.bit_length() - 1).map(lambda it: 1 << it)


def whole(setting: Setting) -> st.SearchStrategy[int]:
    """Return the numbers that a setting takes."""
    meta = get_args(setting.kind.of)[1]
    most = (1 << 62) if meta.le is None else meta.le
    if setting.option.unit and setting.option.unit.power_of_two:
        return powers(meta.ge, most)
    return st.integers(meta.ge, most)


def ports(of: type[AnyPort] | type[TcpPort], numbers: range) -> st.SearchStrategy[Any]:
    """Return ports of an application, none of which another one has."""
    found = st.builds(of, st.sampled_from(of.PROTOCOLS), st.sampled_from(numbers))
    return st.lists(found, max_size=8, unique=True).map(tuple)


PORTS = {
    "dns": ports(AnyPort, range(1, 200)),
    "http": ports(TcpPort, range(200, 400)),
    "syslog": ports(AnyPort, range(400, 900)),
    "tls": ports(TcpPort, range(900, 65535)),
}

OF_RULES = {
    "paths": st.sampled_from(("/", "/etc", "/home/*/.ssh", "/srv/**/ä")).map(parse_glob),
    "exclude": st.sampled_from(("/etc/mtab", r"re:^/etc/.*\.swp$")).map(parse_exclusion),
    "tags": st.sampled_from(("PCI-11.5.2", "ä b")).map(parse_tag),
}
# what a rule cannot be without, and what goes with every consumer
NEEDED = {
    ("fim", "rule", 0, "name"): st.just("etc"),
    ("fim", "rule", 0, "paths"): st.lists(OF_RULES["paths"], min_size=1).map(tuple),
    ("fim", "rule", 0, "policy"): st.just("any"),
}

VALUES: dict[type, Callable[[Setting], st.SearchStrategy[Any]]] = {
    Flag: lambda _: st.booleans(),
    Text: lambda _: LETTERS.map(lambda it: it[:63]),
    File: lambda _: LETTERS.map(Path),
    Whole: whole,
    Quantity: whole,
    Choice: lambda it: st.sampled_from(get_args(it.kind.of)),
    Words: lambda it: st.frozensets(st.sampled_from(it.kind.values.split(", ")), min_size=1),
    Condition: lambda _: LETTERS.map(_quoted).map(lambda it: parse_where(f"File == {it}")),
    RuleList: lambda _: st.lists(RULES, max_size=3).map(tuple),
    HeaderList: lambda _: st.lists(HEADERS, max_size=3).map(tuple),
    OneAddress: lambda it: OF_ADDRESSES[it.kind.metavar],
    PortList: lambda it: PORTS[it.key],
    PortsOfList: lambda _: st.lists(OF_PLUGINS, max_size=2, unique=True).map(tuple),
    EntryPointList: lambda _: st.lists(ENTRY_POINTS, max_size=2, unique=True).map(tuple),
    ServerList: lambda _: st.lists(SERVERS, max_size=8, unique=True).map(tuple),
    TextList: lambda it: st.lists(OF_RULES[it.key], max_size=3).map(tuple),
}


def _quoted(text: str) -> str:
    """Return a text as it stands in an expression."""
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


def values(setting: Setting) -> st.SearchStrategy[Any]:
    """Return the values that a setting can have."""
    found = VALUES[type(setting.kind)](setting)
    return st.none() | found if setting.default is None else found


def tree_of(given_values: dict[Place, Any]) -> Settings | None:
    """Return a tree, None where values contradict."""
    try:
        return build({it: v for it, v in given_values.items() if v is not None}, Settings)
    except UsageError:
        return None


# what an output of each sink can have beside what all have
OF_SINKS: dict[str, tuple[str, ...]] = {
    "stdout": ("format", "separator"),
    "file": ("format", "path", "size", "age", "keep", "compress"),
    "udp": ("address",),
    "tcp": ("separator", "address"),
    "syslog": ("address",),
    "unix": ("separator", "path"),
    "unixgram": ("path",),
    "journal": ("format", "path"),
    "http": ("url", "headers", "compress", "timeout"),
}
ALL, OF_OUTPUTS = [], {}
for each in settings_of(Settings):
    if each.place[0] == "output":
        OF_OUTPUTS[each.place] = each
    else:
        ALL.append(each)


def output_of(sink: str) -> st.SearchStrategy[dict[Place, Any]]:
    """Return the settings of an output, among them those that its sink needs."""
    chosen: dict[Place, st.SearchStrategy[Any]] = {("output", 0, "sink"): st.just(sink)}
    for place, setting in OF_OUTPUTS.items():
        if place[2] == "batch":
            if sink == "http":
                chosen[place] = values(setting)
        elif place[2] == "queue" or place[-1] in ("records", "where"):
            chosen[place] = values(setting)
        elif place[-1] in OF_SINKS[sink]:
            needed = place[-1] in ("path", "address", "url")
            chosen[place] = VALUES[type(setting.kind)](setting) if needed else values(setting)
    return st.fixed_dictionaries(chosen)


TREES = (
    st.tuples(
        st.fixed_dictionaries({it.place: values(it) for it in ALL} | NEEDED),
        st.sampled_from(sorted(OF_SINKS)).flatmap(output_of),
    )
    .map(lambda it: tree_of(it[0] | it[1]))
    .filter(lambda it: it is not None)
)


@given(TREES)
def test_what_is_written_reads_as_the_same_tree(settings: Settings) -> None:
    """With and without comments that say where values come from."""
    for origin in (None, lambda _place: "a\nb = 1 # \x7f"):
        found, problems = check(tomllib.loads(written(settings, origin)), Settings, 1)
        assert problems == []
        assert build(found, Settings) == settings


def test_it_has_every_setting() -> None:
    """What is not set is named in a comment; the root's keys stand ahead of all tables."""
    text = written(Settings())
    for setting in settings_of(Settings):
        if setting.place[:2] == ("fim", "rule"):
            continue  # there is no rule
        start = f"# {setting.key} is not set" if setting.default is None else f"{setting.key} = "
        assert f"\n{start}" in f"\n{text}"
    assert text.index("verbose = ") < text.index("[trace]") < text.index("[[output]]")


def test_values_are_written_as_people_would() -> None:
    """Quantities in their units, lists of one line, and behind each value where it comes from."""
    settings = Settings(
        trace=TraceSettings(
            idle_ns=500_000_000, include=(Rule("path", ("/a,b", "/c")), Rule("port", ("53",)))
        ),
        output=(OutputSettings(format="json-min"),),
        udp=(Server("::1", 9),),
    )
    lines = written(settings, lambda place: "/".join(map(str, place))).splitlines()
    for line in (
        'udp = ["[::1]:9"]  # udp',
        'idle = "0.5"  # trace/idle',
        "active = 1800  # trace/active",
        'monitor = ["file", "socket"]  # trace/monitor',
        'include = ["path=/a\\\\,b,/c", "port=53"]  # trace/include',
        'ring_bytes = "8MiB"  # trace/ring_bytes',
        'format = "json-min"  # output/0/format',
        "# events is not set",
    ):
        assert line in lines


def test_a_path_that_is_no_utf_8_cannot_be_written() -> None:
    """One line says so: a file of settings is UTF-8."""
    with pytest.raises(UsageError) as caught:
        written(Settings(record=Path("/\udcff")))
    assert str(caught.value) == "record: '/\\udcff' is no UTF-8"
