# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.errors import ContradictionError
from kflowd.settings import BatchSettings, OutputSettings, RotateSettings, Settings
from kflowd.settings.outputs import contradictions
from kflowd.settings.servers import Address, Server
from kflowd.settings.urls import Header, parse_url

PATH, ADDRESS = Path("/x"), Address("logs", 1)
URL, PLAIN = parse_url("https://logs/in?key=secret"), parse_url("http://logs/in")
HERE = parse_url("http://localhost:9/in")
TOKEN = Header("authorization", "x")
FILE = OutputSettings(sink="file", path=PATH)


@pytest.mark.parametrize(
    ("output", "form", "lines", "name"),
    [
        (OutputSettings(), "json", False, "stdout"),
        (OutputSettings(format="compact"), "compact", True, "stdout"),
        (OutputSettings(format="json-min", separator="newline"), "json-min", True, "stdout"),
        (FILE, "json-min", True, "file /x"),
        (OutputSettings(sink="file", path=PATH, separator="record"), "json-min", False, "file /x"),
        (OutputSettings(sink="tcp", address=ADDRESS, format="json"), "json", True, "tcp logs:1"),
        (OutputSettings(sink="udp", address=Address("::1", 9)), "json-min", True, "udp [::1]:9"),
        (OutputSettings(sink="unixgram", path=PATH), "json-min", True, "unixgram /x"),
        (OutputSettings(sink="http", url=URL, ca=PATH), "json-min", True, "http https://logs/in"),
        (OutputSettings(sink="journal"), "compact", True, "journal"),
        (OutputSettings(sink="journal", path=PATH, format="ecs"), "ecs", True, "journal /x"),
        (
            OutputSettings(sink="http", url=HERE, token_file=PATH),
            "json-min",
            True,
            "http http://localhost:9/in",
        ),
    ],
)
def test_what_holds_unless_it_is_set(
    output: OutputSettings, form: str, lines: bool, name: str
) -> None:
    """Standard output is as the contract has it, all others have a line for each record."""
    assert (output.form, output.lines, output.name) == (form, lines, name)
    assert list(contradictions((output,))) == []


@pytest.mark.parametrize(
    ("output", "key", "cause"),
    [
        (OutputSettings(sink="file"), "sink", "file needs a path"),
        (OutputSettings(sink="unix"), "sink", "unix needs a path"),
        (OutputSettings(sink="unixgram"), "sink", "unixgram needs a path"),
        (OutputSettings(sink="udp"), "sink", "udp needs an address"),
        (OutputSettings(sink="tcp"), "sink", "tcp needs an address"),
        (OutputSettings(path=PATH), "path", "stdout has none"),
        (OutputSettings(address=ADDRESS), "address", "stdout has none"),
        (OutputSettings(sink="tcp", address=ADDRESS, path=PATH), "path", "tcp has none"),
        (OutputSettings(rotate=RotateSettings(keep=1)), "rotate.keep", "only a file is rotated"),
        (
            OutputSettings(sink="unix", path=PATH, format="table"),
            "format",
            "table is for people, and unix for programs",
        ),
        (OutputSettings(format="otlp"), "format", "otlp is sent by http alone"),
        (
            OutputSettings(sink="tcp", address=ADDRESS, format="otlp"),
            "format",
            "otlp is sent by http alone",
        ),
        (
            OutputSettings(sink="udp", address=ADDRESS, separator="newline"),
            "separator",
            "udp has none",
        ),
        (
            OutputSettings(sink="syslog", address=ADDRESS, separator="newline"),
            "separator",
            "syslog has none",
        ),
        (OutputSettings(sink="syslog"), "sink", "syslog needs an address"),
        (
            OutputSettings(sink="tcp", address=ADDRESS, transport="udp"),
            "transport",
            "tcp has no datagrams",
        ),
        (
            OutputSettings(sink="udp", address=ADDRESS, transport="tls"),
            "transport",
            "udp has none",
        ),
        (
            OutputSettings(sink="syslog", address=ADDRESS, ca=PATH),
            "ca",
            "only tls has certificates",
        ),
        (OutputSettings(sink="http"), "sink", "http needs a url"),
        (OutputSettings(url=URL), "url", "stdout has none"),
        (OutputSettings(token_file=PATH), "token_file", "only http has requests"),
        (OutputSettings(headers=(TOKEN,)), "headers", "only http has requests"),
        (OutputSettings(compress="gzip"), "compress", "only http has requests"),
        (OutputSettings(batch=BatchSettings(age_ns=0)), "batch.age", "only http has requests"),
        (OutputSettings(timeout_ns=1_000_000_000), "timeout", "only http has requests"),
        (OutputSettings(sink="http", url=PLAIN, ca=PATH), "ca", "only tls has certificates"),
        (
            OutputSettings(sink="http", url=PLAIN, token_file=PATH),
            "url",
            "a token is not sent unencrypted: https:// is wanted",
        ),
        (
            OutputSettings(sink="http", url=PLAIN, headers=(TOKEN,)),
            "url",
            "a token is not sent unencrypted: https:// is wanted",
        ),
        (
            OutputSettings(sink="http", url=URL, headers=(TOKEN,), token_file=PATH),
            "headers",
            "Authorization is that of token_file",
        ),
        (
            OutputSettings(sink="http", url=URL, format="json"),
            "format",
            "json has several lines for a record, and http one",
        ),
        (
            OutputSettings(sink="http", url=URL, separator="newline"),
            "separator",
            "http has none",
        ),
        (OutputSettings(sink="journal", address=ADDRESS), "address", "journal has none"),
        *(
            (
                OutputSettings(sink=sink, path=Path("/" + 53 * "é" + "x")),
                "path",
                "has more than the 107 bytes of the path of a socket",
            )
            for sink in ("unix", "unixgram", "journal")
        ),
        (OutputSettings(sink="journal", separator="newline"), "separator", "journal has none"),
        (OutputSettings(format="table", separator="record"), "separator", "table has lines"),
    ],
)
def test_what_cannot_be_said(output: OutputSettings, key: str, cause: str) -> None:
    """The place is that of the output in the list."""
    (found,) = contradictions((output,))
    assert (found.place, found.cause) == (("output", 0, *key.split(".")), cause)
    with pytest.raises(ContradictionError) as caught:
        Settings(output=(FILE, output))
    assert caught.value.place == ("output", 1, *key.split("."))
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    ("output", "carrier", "name"),
    [
        (OutputSettings(sink="tcp", address=ADDRESS), "tcp", "tcp logs:1"),
        (OutputSettings(sink="tcp", address=ADDRESS, transport="tls"), "tls", "tcp tls logs:1"),
        (OutputSettings(sink="syslog", address=ADDRESS), "udp", "syslog logs:1"),
        (
            OutputSettings(sink="syslog", address=ADDRESS, transport="tls", ca=PATH),
            "tls",
            "syslog tls logs:1",
        ),
        (OutputSettings(sink="unix", path=PATH), "unix", "unix /x"),
        (OutputSettings(), "stdout", "stdout"),
    ],
)
def test_what_carries_records(output: OutputSettings, carrier: str, name: str) -> None:
    """Where there is a choice, the name tells it."""
    assert (output.carrier, output.name) == (carrier, name)
    assert list(contradictions((output,))) == []


def test_an_output_is_there_once() -> None:
    """Two that would write to the same."""
    (found,) = contradictions((FILE, OutputSettings(), FILE))
    assert (found.place, found.cause) == (("output", 2, "sink"), "file /x is there twice")
    assert found.others[0] == ("output", 0, "sink")


@pytest.mark.parametrize(
    ("output", "index", "form"),
    [
        ((OutputSettings(),), 0, "json"),
        ((FILE, OutputSettings(format="json-min")), 1, "json-min"),
        ((FILE,), None, "json-min"),
        ((OutputSettings(sink="file", path=PATH, format="json"),), None, "json"),
    ],
)
def test_servers_get_the_form_of_stdout(
    output: tuple[OutputSettings, ...], index: int | None, form: str
) -> None:
    """Without it, that of the first output."""
    settings = Settings(output=output, udp=(Server("::1", 9),))
    assert (settings.stdout_index, settings.servers_form) == (index, form)
