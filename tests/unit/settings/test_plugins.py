# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.errors import ContradictionError
from kflowd.settings.applications import AnyPort
from kflowd.settings.convert import convert
from kflowd.settings.plugins import (
    EntryPoint,
    PluginSettings,
    PortsOf,
    is_word,
    parse_entry_point,
    parse_ports_of,
)


def test_an_application_has_ports() -> None:
    """In letters of any case; it is written as it is read."""
    read = parse_ports_of("Redis=TCP/6379,udp/6379")
    assert read == PortsOf("redis", (AnyPort("tcp", 6379), AnyPort("udp", 6379)))
    assert str(read) == "redis=tcp/6379,udp/6379"
    assert PluginSettings(plugin_ports=(read,)).ports == read.ports


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("redis", "is not APP=PROTO/PORT"),
        ("=tcp/1", "is not APP=PROTO/PORT"),
        ("r-d=tcp/1", "is not APP=PROTO/PORT"),
        (f"{'a' * 17}=tcp/1", "is not APP=PROTO/PORT"),
        ("dns=tcp/1", "which kflowd reads itself"),
        ("redis=tcp/1,tcp/1", "has a port twice"),
        ("redis=tcp/0", "has no port from 1 to 65535"),
        (f"redis={','.join(f'tcp/{port}' for port in range(1, 10))}", "more than 8"),
    ],
)
def test_what_is_no_application_is_refused(text: str, cause: str) -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match=cause):
        parse_ports_of(text)


def test_words_and_names_are_plain() -> None:
    """A word becomes part of a key, a name part of a command line."""
    assert is_word("redis7")
    assert not any(map(is_word, ("", "7a", "A", "a_b", "é")))
    assert parse_entry_point("my.redis-1") == EntryPoint("my.redis-1")
    assert str(EntryPoint("a")) == "a"
    for text in ("", "-a", "a b", "a\n"):
        with pytest.raises(ValueError, match="is no name of"):
            parse_entry_point(text)


def test_a_port_has_one_reader() -> None:
    """Neither kflowd and a plugin, nor two plugins."""
    for ports, other, where in (
        (["redis=udp/53"], "DNS", ("application", "dns")),
        (["a=tcp/9", "b=tcp/9"], "A", ("plugin", "plugin_ports")),
    ):
        with pytest.raises(ContradictionError, match=f"is read as {other} already") as caught:
            convert({"plugin": {"plugin_ports": ports}})
        assert caught.value.others == (where,)
    settings = convert({"plugin": {"plugin_ports": ["redis=tcp/6379"]}})
    assert AnyPort("tcp", 6379) in settings.ports
    assert settings.described[-1] == "REDIS at tcp/6379 (plugin)"
