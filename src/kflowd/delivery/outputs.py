# SPDX-License-Identifier: Apache-2.0
"""Makes the outputs that the settings of a run want."""

from kflowd.delivery.output import Output
from kflowd.delivery.sinks import SINKS, Sink
from kflowd.settings import Settings


def make_outputs(settings: Settings, *, lossless: bool = False) -> list[Output]:
    """Return the outputs of a run; their threads run.

    Args:
        settings: Of the run.
        lossless: See `Output`.
    """
    form = settings.output[0].format
    sinks: dict[str, Sink] = {} if settings.quiet else {"stdout": SINKS["stdout"]()}
    sinks |= {f"udp {server}": SINKS["udp"](server) for server in settings.udp}
    return [Output(name, sink, form, lossless=lossless) for name, sink in sinks.items()]
