# SPDX-License-Identifier: Apache-2.0
"""From the outputs of a run to those that its settings want by now; who stays is not disturbed.

An output is the same as long as its sink and the place of it are: `file /var/log/x`. One that gets
another form or other records keeps queue, thread and connection. Of one whose sink or queue is to
be another the successor begins when it has ended: no two write to one place at a time.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from kflowd.delivery.output import Output
from kflowd.delivery.outputs import make_output, sink_of
from kflowd.settings import OutputSettings
from kflowd.settings.outputs import STDOUT


class Left(NamedTuple):
    """An output that ends, and who has its place then."""

    output: Output
    successor: Output | None = None


class Exchange(NamedTuple):
    """What changes.

    Attributes:
        outputs: All that there are then, in the order of the settings.
        told: Those that stay, with another form or other records.
        left: Those that end.
        words: The same for people.
    """

    outputs: list[Output]
    told: list[tuple[Output, OutputSettings]]
    left: list[Left]
    words: list[str]


def hindrance(old: Sequence[OutputSettings], new: Sequence[OutputSettings]) -> str:
    """Return why outputs cannot change while a run goes on, "" if they can.

    Who reads standard output is known from the start on (and left out), and may have been sent a
    part of a record.
    """
    before, now = ([sink_of(it) for it in each if it.sink == STDOUT] for each in (old, new))
    return "" if before == now else "what standard output is"


def prepare(
    outputs: Sequence[Output], old: Sequence[OutputSettings], new: Sequence[OutputSettings]
) -> Exchange:
    """Return an exchange; what is new in it is made, and takes records from the exchange on.

    Args:
        outputs: Of the run.
        old: What each of them was made of.
        new: What is wanted, without a hindrance.

    Raises:
        SinkError: A file cannot be written; nothing was made then.
    """
    there = dict(zip(_keyed(old), zip(outputs, old, strict=True), strict=True))
    exchange = Exchange([], [], [], [])
    made: list[Output] = []
    try:
        for key, wanted in _keyed(new).items():
            known = there.pop(key, None)
            if known is None:
                made.append(make_output(wanted))
                exchange.outputs.append(made[-1])
                exchange.words.append(f"output {wanted.name} added")
                continue
            output, settings = known
            if settings != wanted:
                exchange.words.append(f"output {wanted.name} changed")
            if sink_of(settings) == sink_of(wanted):
                exchange.outputs.append(output)
                exchange.told.extend([(output, wanted)] if settings != wanted else [])
            else:
                made.append(make_output(wanted, held=True))
                exchange.outputs.append(made[-1])
                exchange.left.append(Left(output, made[-1]))
    except BaseException:
        for each in made:
            each.leave()
        raise
    for output, settings in there.values():
        exchange.left.append(Left(output))
        exchange.words.append(f"output {settings.name} removed")
    return exchange


def discard(exchange: Exchange, there: Sequence[Output]) -> None:
    """End what was made for an exchange that does not come about."""
    for each in exchange.outputs:
        if each not in there:
            each.leave()


def _keyed(settings: Sequence[OutputSettings]) -> dict[Hashable, OutputSettings]:
    """Return outputs by name; a server of --udp can be one of the tables, too."""
    return {
        (it.name, sum(it.name == each.name for each in settings[:index])): it
        for index, it in enumerate(settings)
    }
