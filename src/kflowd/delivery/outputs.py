# SPDX-License-Identifier: Apache-2.0
"""Makes the outputs that the settings of a run want: the only place that knows all sinks."""

from kflowd.delivery.output import Output
from kflowd.delivery.sinks import StdoutSink, UdpSink
from kflowd.settings import Settings


def make_outputs(settings: Settings, *, lossless: bool = False) -> list[Output]:
    """Return the outputs of a run; their threads run.

    Args:
        settings: Of the run.
        lossless: See `Output`.
    """
    form = settings.output[0].format
    outputs = []
    if not settings.quiet:
        outputs.append(Output("stdout", StdoutSink(), form, lossless=lossless))
    outputs += [
        Output(f"udp {server}", UdpSink(server), form, lossless=lossless) for server in settings.udp
    ]
    return outputs
