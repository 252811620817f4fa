# SPDX-License-Identifier: Apache-2.0
"""Makes the outputs that the settings of a run want."""

import os
from collections.abc import Mapping

from kflowd.delivery.formats import FOR_PEOPLE, HEAD_LINES
from kflowd.delivery.formats.screen import LEAST_WIDTH, PAPER, Screen
from kflowd.delivery.output import Output
from kflowd.delivery.sinks import SINKS, Sink
from kflowd.settings import Settings

STDOUT = 1
# wider than any screen: a terminal can say any number
MOST_WIDTH = 1000


def make_outputs(settings: Settings, *, lossless: bool = False) -> list[Output]:
    """Return the outputs of a run; their threads run.

    Args:
        settings: Of the run.
        lossless: See `Output`.
    """
    form = settings.output[0].format
    screen = PAPER
    sinks: dict[str, Sink] = {}
    if not settings.quiet:
        screen = look(STDOUT, os.environ) if form in FOR_PEOPLE else PAPER
        sinks["stdout"] = _stdout(form, screen)
    sinks |= {f"udp {server}": SINKS["udp"](server) for server in settings.udp}
    return [
        Output(name, sink, form, lossless=lossless, screen=screen) for name, sink in sinks.items()
    ]


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


def _stdout(form: str, screen: Screen) -> Sink:
    if form not in FOR_PEOPLE:
        return SINKS["stdout"]()
    head = HEAD_LINES.get(form)
    return SINKS["stdout"](separator=b"\n", head=head(screen) + b"\n" if head else b"")
