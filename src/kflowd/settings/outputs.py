# SPDX-License-Identifier: Apache-2.0
"""The ways out of the records: what `[[output]]` says of each, and what cannot be said."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from kflowd.errors import ContradictionError
from kflowd.settings.option import BYTES, NS_PER_SECOND, SECONDS, Option, set_keys
from kflowd.settings.servers import MOST_PATH, TOO_LONG, Address
from kflowd.settings.urls import Header, Url
from kflowd.settings.where import Where

Format = Literal["json", "json-min", "ecs", "ocsf", "otlp", "compact", "table"]
SinkName = Literal["stdout", "file", "udp", "tcp", "unix", "unixgram", "syslog", "http", "journal"]
Transport = Literal["udp", "tcp", "tls"]
RecordKind = Literal["filesystem", "socket", "process", "health"]
KINDS: tuple[RecordKind, ...] = ("filesystem", "socket", "process", "health")
STDOUT: Literal["stdout"] = "stdout"
# Forms that are for people: they may change, so no program is to get them.
FOR_PEOPLE = ("compact", "table")
# Forms that are bodies of requests.
OVER_HTTP = ("otlp",)
# Who reads there may be a person.
_READ_BY_PEOPLE = (STDOUT, "file", "journal")
# The form unless it is set; of who is not here json-min.
_FORMS: dict[str, Format] = {STDOUT: "json", "journal": "compact"}
# What a sink needs to know where to.
_NEEDS = {
    "file": "path",
    "unix": "path",
    "unixgram": "path",
    "udp": "address",
    "tcp": "address",
    "syslog": "address",
    "http": "url",
}
# Who may be somewhere else.
_MAY_HAVE = {"journal": "path"}
_PLACES = {"path": "a path", "address": "an address", "url": "a url"}
# What only requests have.
_OF_REQUESTS = ("headers", "token_file", "compress", "batch", "timeout")
# What a name has.
_NAMING = ("sink", "path", "address", "url", "transport")
# Where a path is that of a socket.
_SOCKETS = ("unix", "unixgram", "journal")
# The transport unless it is set; who is not here has none to choose.
_TRANSPORTS: dict[str, str] = {"tcp": "tcp", "syslog": "udp"}
_FRAMED = ("udp", "unixgram", "syslog", "http", "journal")


class RotateSettings(Struct, frozen=True, kw_only=True, rename=lambda it: it.removesuffix("_ns")):
    """When a file gets a number behind its name, and a new one begins; by default never."""

    size: Annotated[
        Annotated[int, Meta(ge=64 << 10, le=1 << 50)] | None,
        Option(
            help="A file does not grow beyond this",
            unit=BYTES,
            commands=(),
            reload=True,
        ),
    ] = None
    age_ns: Annotated[
        Annotated[int, Meta(ge=NS_PER_SECOND, le=1_000_000_000 * NS_PER_SECOND)] | None,
        Option(
            help="A file gets no record this long after it was begun",
            unit=SECONDS,
            commands=(),
            reload=True,
        ),
    ] = None
    keep: Annotated[
        Annotated[int, Meta(ge=1, le=1000)],
        Option(
            help="How many files with a number there are at most",
            commands=(),
            reload=True,
        ),
    ] = 10
    compress: Annotated[
        Literal["none", "gzip", "zstd"],
        Option(
            help="Form of the files with a number",
            commands=(),
            reload=True,
        ),
    ] = "none"


class QueueSettings(Struct, frozen=True, kw_only=True, rename=lambda it: it.removesuffix("_ns")):
    """What waits while a sink does not take it."""

    # seconds of a very busy host for a reader that pauses, and a size that an agent may take
    bytes: Annotated[
        Annotated[int, Meta(ge=64 << 10, le=16 << 30)],
        Option(
            help="Memory for records that wait",
            unit=BYTES,
            commands=(),
            reload=True,
        ),
    ] = 64 << 20
    age_ns: Annotated[
        Annotated[int, Meta(ge=NS_PER_SECOND, le=1_000_000_000 * NS_PER_SECOND)] | None,
        Option(
            help="Records that have waited longer are lost", unit=SECONDS, commands=(), reload=True
        ),
    ] = None


class BatchSettings(Struct, frozen=True, kw_only=True, rename=lambda it: it.removesuffix("_ns")):
    """What is sent in one request."""

    # some hundred records: what receivers take, and little to send again
    bytes: Annotated[
        Annotated[int, Meta(ge=4 << 10, le=64 << 20)],
        Option(help="Of records, before they are compressed", unit=BYTES, commands=(), reload=True),
    ] = 1 << 20
    age_ns: Annotated[
        Annotated[int, Meta(ge=0, le=3600 * NS_PER_SECOND)],
        Option(help="A record waits no longer for others", unit=SECONDS, commands=(), reload=True),
    ] = NS_PER_SECOND


class OutputSettings(Struct, frozen=True, kw_only=True, rename=lambda it: it.removesuffix("_ns")):
    """One way out of the records. Options of the command line are about standard output."""

    sink: Annotated[SinkName, Option(help="Where to", commands=(), reload=True)] = STDOUT
    format: Annotated[
        Format | None,
        Option(
            help="Form of the records: JSON, indented or on one line, or lines for people; "
            "json unless set, json-min where it is not stdout, compact for journal",
            short="-o",
            metavar="FORM",
            commands=("trace", "replay", "decode"),
            of_file=OVER_HTTP,
            reload=True,
        ),
    ] = None
    separator: Annotated[
        Literal["record", "newline"] | None,
        Option(
            help="What stands behind each record of JSON: a line with the ASCII record separator, "
            "as on stdout unless set, or the end of its line alone",
            commands=("trace", "replay", "decode"),
            reload=True,
        ),
    ] = None
    records: Annotated[
        frozenset[RecordKind],
        Option(
            help="Which records, by InfoMonitor",
            commands=(),
            reload=True,
        ),
    ] = frozenset(KINDS)
    where: Annotated[
        Where | None,
        Option(help="Which of these, by what is in them: an expression", commands=(), reload=True),
    ] = None
    path: Annotated[
        Path | None,
        Option(
            help="Of a file, or of the socket of unix, unixgram and journal",
            commands=(),
            reload=True,
        ),
    ] = None
    address: Annotated[
        Address | None, Option(help="Where udp, tcp and syslog send to", commands=(), reload=True)
    ] = None
    transport: Annotated[
        Transport | None,
        Option(
            help="How: tcp or tls for tcp, and udp too for syslog; tcp and udp unless set",
            commands=(),
            reload=True,
        ),
    ] = None
    url: Annotated[
        Url | None,
        Option(help="Where http posts to, http:// or https://", commands=(), reload=True),
    ] = None
    headers: Annotated[
        tuple[Header, ...],
        Option(help="Further headers of each request of http", commands=(), reload=True),
    ] = ()
    token_file: Annotated[
        Path | None,
        Option(
            help="A file with what stands in Authorization: a token, or a scheme and more",
            commands=(),
            reload=True,
        ),
    ] = None
    compress: Annotated[
        Literal["none", "gzip"],
        Option(help="Form of the body of a request", commands=(), reload=True),
    ] = "none"
    # a receiver that takes this long for a megabyte does not keep up with it
    timeout_ns: Annotated[
        Annotated[int, Meta(ge=NS_PER_SECOND, le=600 * NS_PER_SECOND)],
        Option(
            help="A request of http without an answer by then is made again",
            unit=SECONDS,
            commands=(),
            reload=True,
        ),
    ] = 20 * NS_PER_SECOND
    ca: Annotated[
        Path | None,
        Option(
            help="Certificates that tls and https trust, in place of those of the system",
            commands=(),
            reload=True,
        ),
    ] = None
    rotate: RotateSettings = RotateSettings()
    queue: QueueSettings = QueueSettings()
    batch: BatchSettings = BatchSettings()

    @property
    def form(self) -> Format:
        """The form that holds where none is set."""
        return self.format or _FORMS.get(self.sink, "json-min")

    @property
    def carrier(self) -> str:
        """How records are sent: the transport, or the sink where there is one way alone."""
        return self.transport or _TRANSPORTS.get(self.sink, self.sink)

    @property
    def lines(self) -> bool:
        """Whether the end of a line is all that is behind a record."""
        if self.separator is None:
            return self.sink != STDOUT or self.form in FOR_PEOPLE
        return self.separator == "newline"

    @property
    def name(self) -> str:
        """What health records and messages call it: "file /var/log/kflowd.json"."""
        if self.url is not None:
            return f"{self.sink} {self.url.shown}"
        where = self.path if self.address is None else self.address
        sink = self.sink if self.transport is None else f"{self.sink} {self.transport}"
        return sink if where is None else f"{sink} {where}"


class _Wrong(NamedTuple):
    """What contradicts in an output.

    Attributes:
        key: What is refused: "rotate.keep".
        cause: Why, as the end of a line.
        others: Keys of what it contradicts.
    """

    key: str
    cause: str
    others: tuple[str, ...] = ("sink",)


def contradictions(outputs: tuple[OutputSettings, ...]) -> Iterator[ContradictionError]:
    """Yield what cannot hold together."""
    first: dict[str, int] = {}
    for number, output in enumerate(outputs):
        for it in _of_one(output):
            places = (("output", number, other) for other in it.others)
            yield ContradictionError(("output", number, *it.key.split(".")), it.cause, *places)
        before = first.setdefault(output.name, number)
        if before != number:
            places = (("output", each, key) for each in (before, number) for key in _NAMING)
            cause = f"{output.name} is there twice"
            yield ContradictionError(("output", number, "sink"), cause, *places)


def _of_one(output: OutputSettings) -> Iterator[_Wrong]:
    yield from _of_place(output)
    yield from _of_tables(output)
    yield from _of_form(output)
    if output.transport is not None and output.sink not in _TRANSPORTS:
        yield _Wrong("transport", f"{output.sink} has none")
    if output.transport == "udp" and output.sink == "tcp":
        yield _Wrong("transport", "tcp has no datagrams")
    https = output.url is not None and output.url.scheme == "https"
    if output.ca is not None and output.transport != "tls" and not https:
        yield _Wrong("ca", "only tls has certificates", ("sink", "transport", "url"))
    if output.sink == "http" and output.url is not None:
        yield from _of_secrets(output, output.url)
    if output.separator is not None:
        if output.sink in _FRAMED:
            yield _Wrong("separator", f"{output.sink} has none")
        elif output.separator == "record" and output.format in FOR_PEOPLE:
            yield _Wrong("separator", f"{output.format} has lines", ("format",))


def _of_place(output: OutputSettings) -> Iterator[_Wrong]:
    needed = _NEEDS.get(output.sink)
    for key, noun in _PLACES.items():
        there = getattr(output, key) is not None
        if key == needed and not there:
            yield _Wrong("sink", f"{output.sink} needs {noun}", (key,))
        if there and key not in (needed, _MAY_HAVE.get(output.sink)):
            yield _Wrong(key, f"{output.sink} has none")
    of_socket = output.path if output.sink in _SOCKETS else None
    if of_socket is not None and len(os.fsencode(of_socket)) > MOST_PATH:
        yield _Wrong("path", f"has {TOO_LONG}")


def _of_tables(output: OutputSettings) -> Iterator[_Wrong]:
    for key in set_keys(output):
        table = key.partition(".")[0]
        if table == "rotate" and output.sink != "file":
            yield _Wrong(key, "only a file is rotated")
        if table in _OF_REQUESTS and output.sink != "http":
            yield _Wrong(key, "only http has requests")


def _of_form(output: OutputSettings) -> Iterator[_Wrong]:
    if output.format in FOR_PEOPLE and output.sink not in _READ_BY_PEOPLE:
        yield _Wrong("format", f"{output.format} is for people, and {output.sink} for programs")
    if output.format in OVER_HTTP and output.sink != "http":
        yield _Wrong("format", f"{output.format} is sent by http alone")
    if output.format == "json" and output.sink == "http":
        yield _Wrong("format", "json has several lines for a record, and http one")


def _of_secrets(output: OutputSettings, url: Url) -> Iterator[_Wrong]:
    of_headers = any(map(_authorizes, output.headers))
    if (output.token_file or of_headers) and url.scheme == "http" and not url.stays_here:
        cause = "a token is not sent unencrypted: https:// is wanted"
        yield _Wrong("url", cause, ("token_file" if output.token_file else "headers", "sink"))
    if output.token_file and of_headers:
        yield _Wrong("headers", "Authorization is that of token_file", ("token_file", "sink"))


def _authorizes(header: Header) -> bool:
    return header.name.lower() == "authorization"
