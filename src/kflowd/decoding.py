# SPDX-License-Identifier: Apache-2.0
"""`kflowd decode`: a capture through the same decoders, blocks and outputs as a live run."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

import kflowd
from kflowd.aggregate.messages import Bounds, SocketMessages
from kflowd.assembly import application_ports, plug_keys, redaction
from kflowd.captures import Flows, FlowStats, Frame, frames
from kflowd.captures.flows import Value
from kflowd.constants import SECOND_NS
from kflowd.delivery import Delivery, Ending
from kflowd.delivery.outputs import make_outputs
from kflowd.enrich.plugins import FAILED, Read, with_messages
from kflowd.errors import CaptureError
from kflowd.faults import Faults
from kflowd.model import Payload, Session, SocketAggregate
from kflowd.plugins.service import Service, open_plugins
from kflowd.protocols import APPLICATIONS
from kflowd.serialize import Builder, HostFacts, Record
from kflowd.settings import Settings

STANDARD_INPUT = Path("-")
# A flow has one record, with all that was said: whoever decodes a capture waits for it, and what
# a message takes was on the disk already.
BOUNDS = Bounds(shown=10_000, socket_bytes=1 << 26, sockets=1 << 16, total_bytes=1 << 29)

# Of a plugin as many as an answer has room for, if they are small.
PLUGIN_SHOWN = 256

Say = Callable[[str], None]


def decode(path: Path, settings: Settings, say: Say) -> int:
    """Print a record of each flow of a capture; return the exit code.

    Raises:
        CaptureError: It is no capture, or damaged; what is ahead of the damage was printed.
        SinkError: If standard output refuses records.
    """
    plug_keys(settings)
    faults = Faults()
    damage: CaptureError | None = None
    # lossless: the file waits for the reader
    with (
        ExitStack() as stack,
        Delivery(make_outputs(settings, lossless=True), settings.count, faults) as delivery,
    ):
        plugins = open_plugins(settings.plugin, say, APPLICATIONS, shown=PLUGIN_SHOWN)
        if plugins is not None:
            stack.enter_context(plugins)
        decoding = Decoding(settings, faults, plugins)
        try:
            with _opened(path) as file:
                for frame in frames(file):
                    delivery.put(decoding.add(frame))
                    if delivery.done:
                        break
        except CaptureError as error:
            damage = CaptureError(f"reading {path}: {error}", error.hint)
        except OSError as error:
            damage = CaptureError(f"reading {path}: {error.strerror}")
        delivery.put(decoding.close())
        delivery.close(Ending(lambda: None, patient=True))
    return _conclude(say, decoding, delivery, damage)


def _conclude(
    say: Say, decoding: "Decoding", delivery: Delivery, damage: CaptureError | None
) -> int:
    failure = damage or decoding.faults.first or delivery.failure()
    if delivery.gone and failure is None:
        return 0
    if decoding.stats.frames:
        say(f"{_several(delivery.records, 'record')} of {told(decoding.stats)}")
    for line in delivery.summary():
        say(f"  {line}")
    if failure is not None:
        raise failure
    return 0


def told(stats: FlowStats) -> str:
    """Return what became of the packets of a capture, in a line."""
    parts = [f"{_several(stats.frames, 'packet')}"]
    for count, what in (
        (stats.other, "without TCP or UDP, or not whole"),
        (stats.unknown_links, "of links that cannot be read"),
        (stats.fragments_lost, "of which fragments are missing"),
        (stats.ended_early, "flows ended early, because there were too many"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return ", ".join(parts)


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Decoding:
    """The stages between frames and records.

    Args:
        settings: Which ports are read, and whether records are strict.
        faults: Counts what an internal error costs.
        plugins: Who reads what kflowd does not; None: nobody.
    """

    def __init__(self, settings: Settings, faults: Faults, plugins: Service | None = None) -> None:
        ports = application_ports(settings)
        self.faults = faults
        self._plugins = plugins
        # a stall is ended by then
        self._patience_s = 2 * settings.plugin.plugin_wait_ns / SECOND_NS
        self._redact = redaction(settings)
        self._messages = SocketMessages(ports, BOUNDS, faults, redact=self._redact)
        self._flows = Flows(ports)
        self._builder = Builder(strict=settings.strict)
        self._begun = False

    @property
    def stats(self) -> FlowStats:
        """What became of the frames so far."""
        return self._flows.stats

    def add(self, frame: Frame) -> list[Record]:
        """Return the records of flows that have ended when a frame came."""
        if not self._begun:
            self._begun = True
            # of the host where it was captured nothing is known
            facts = HostFacts(host_ip="", version=f"kflowd-v{kflowd.__version__}")
            self._builder.begin(Session(frame.ts_ns, 0, 0, msgspec.json.encode(facts)))
        return self._records(self._flows.add(frame))

    def close(self) -> list[Record]:
        """Return the records of all other flows."""
        return self._records(self._flows.close())

    def _records(self, values: Iterable[Value]) -> list[Record]:
        records: list[Record] = []

        def work(rest: Iterator[Value]) -> None:
            for value in rest:
                if isinstance(value, Payload):
                    self._messages.add(value)
                else:
                    value.messages = self._messages.take(value)
                    records.append(self._builder.flow(value, self._read(value)))

        self.faults.survive(work, values)
        return records

    def _read(self, value: SocketAggregate) -> tuple[str, ...]:
        """Have a plugin read what is for it; return what is to be noted."""
        said = value.messages
        if said is None or said.script is None:
            return ()
        read = Read(said.script.asked, FAILED)
        if self._plugins is not None:
            read = self._plugins.answer(said.script, self._patience_s)
        value.messages = with_messages(said, read, self._redact)
        return (read.note,) if read.note else ()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a capture, or take standard input."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise CaptureError("reading standard input: it is closed")
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file
