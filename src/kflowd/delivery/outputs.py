# SPDX-License-Identifier: Apache-2.0
"""Makes the outputs that the settings of a run want."""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path

from kflowd.delivery.formats import FOR_PEOPLE, HEAD_LINES, Wrap
from kflowd.delivery.formats.otlp import envelope, rejected
from kflowd.delivery.formats.screen import LEAST_WIDTH, PAPER, Screen
from kflowd.delivery.output import Output
from kflowd.delivery.sinks import SINKS, FileSink, Sink
from kflowd.delivery.sinks.body import LINES, Body
from kflowd.delivery.sinks.framing import NEWLINE, RECORD
from kflowd.errors import SinkError
from kflowd.settings import OutputSettings, Settings
from kflowd.settings.servers import Address

STDOUT = 1
# one record each, and a stream of them
DATAGRAMS = ("udp", "unixgram", "journal")
CONNECTIONS = ("tcp", "unix")
# Forms whose texts are no lines. What OTLP has sent again is less than HTTP has: these alone.
OTLP_LATER = (429, 502, 503, 504)
BODIES = {
    "otlp": Body("application/json", envelope, lambda status: status in OTLP_LATER, rejected),
}
# wider than any screen: a terminal can say any number
MOST_WIDTH = 1000


def make_outputs(settings: Settings, *, lossless: bool = False) -> list[Output]:
    """Return the outputs of a run; their threads run.

    Args:
        settings: Of the run.
        lossless: See `Output`.

    Raises:
        SinkError: A file cannot be written.
    """
    wanted = wanted_outputs(settings)
    # all sinks first: where one cannot be made no thread runs
    made = [(it, _opened(_sink(it), it)) for it in wanted]
    return [_output(it, sink, lossless=lossless) for it, sink in made]


def wanted_outputs(settings: Settings) -> list[OutputSettings]:
    """Return what the outputs of a run are made of, in their order."""
    wanted = [it for it in settings.output if it.sink != "stdout" or not settings.quiet]
    form = settings.servers_form
    wanted += [
        OutputSettings(sink="udp", address=Address(*server), format=form) for server in settings.udp
    ]
    return wanted


def make_output(it: OutputSettings, *, held: bool = False) -> Output:
    """Return one more output; its thread runs.

    Args:
        it: What it is to be.
        held: Another one has its place still: it waits for `Output.begin`, and opens nothing yet.

    Raises:
        SinkError: A file cannot be written.
    """
    sink = _sink(it)
    return _output(it, sink if held else _opened(sink, it), held=held)


def sink_of(it: OutputSettings) -> Hashable:
    """Return what is the same for two outputs whose sink and queue are."""
    # of a form the sink knows what stands ahead of the texts, and what a body makes of them
    form = it.form if it.form in HEAD_LINES or it.form in BODIES else ""
    request = it.url, it.headers, it.token_file, it.compress, it.batch, it.timeout_ns
    return it.name, it.carrier, it.lines, it.ca, it.rotate, it.queue, form, request


def screen_of(output: OutputSettings) -> Screen:
    """Return where the texts of an output are read."""
    if output.sink == "stdout" and output.form in FOR_PEOPLE:
        return look(STDOUT, os.environ)
    return PAPER


def _output(
    it: OutputSettings, sink: Sink, *, lossless: bool = False, held: bool = False
) -> Output:
    return Output(
        it.name,
        sink,
        it.form,
        lossless=lossless,
        screen=screen_of(it),
        records=it.records,
        queue=it.queue,
        wrap=_wrap(it),
        where=it.where,
        held=held,
    )


def _wrap(output: OutputSettings) -> Wrap | None:
    """Return what an output puts around texts, None: nothing."""
    if output.sink == "journal":
        return "journal"
    if output.sink != "syslog":
        return None
    return "syslog" if output.carrier == "udp" else "syslog-counted"


def _sink(output: OutputSettings) -> Sink:
    """Return what takes the texts of an output."""
    carrier, where = output.carrier, output.address or output.path
    make = SINKS[carrier]
    if carrier == "http":
        return make(
            output.url,
            headers=output.headers,
            token_file=output.token_file,
            ca=output.ca,
            compressed=output.compress == "gzip",
            batch=output.batch,
            timeout_ns=output.timeout_ns,
            body=BODIES.get(output.form, LINES),
        )
    if carrier in DATAGRAMS:
        return make(where)
    separator = NEWLINE if output.lines else RECORD
    if output.sink == "syslog":
        separator = b""
    if carrier == "tls":
        return make(where, separator=separator, ca=output.ca)
    if carrier in CONNECTIONS:
        return make(where, separator=separator)
    head_line = HEAD_LINES.get(output.form)
    head = head_line(screen_of(output)) + NEWLINE if head_line else b""
    if output.sink == "stdout":
        return make(separator=separator, head=head)
    return make(output.path or Path(), separator=separator, head=head, rotate=output.rotate)


def _opened(sink: Sink, it: OutputSettings) -> Sink:
    """Return a sink that was found to take records, as far as that is known at once.

    Raises:
        SinkError: It is a file that cannot be written.
    """
    if isinstance(sink, FileSink):
        try:
            sink.open()
        except OSError as error:
            raise SinkError(f"writing records to {it.name}: {error.strerror}") from None
    return sink


def look(number: int, environment: Mapping[str, str]) -> Screen:
    """Return what is at a descriptor.

    Args:
        number: Of the descriptor.
        environment: Its NO_COLOR, not empty, asks for no colours; a TERM of `dumb` has none.
    """
    try:
        width = os.get_terminal_size(number).columns
    except OSError:
        return PAPER
    colours = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return Screen(min(max(width, LEAST_WIDTH), MOST_WIDTH), colours)
