# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.delivery.outputs import make_outputs
from kflowd.settings import Settings
from kflowd.settings.servers import Server

SERVERS = (Server("192.0.2.1", 2056), Server("2001:db8::1", 514))
NAMES = ["udp 192.0.2.1:2056", "udp [2001:db8::1]:514"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (Settings(), ["stdout"]),
        (Settings(quiet=True), []),
        (Settings(udp=SERVERS), ["stdout", *NAMES]),
        (Settings(udp=SERVERS, quiet=True), NAMES),
    ],
)
def test_outputs_of_a_run(settings: Settings, names: list[str]) -> None:
    """Standard output first, unless it is not wanted, and each server; all of one form."""
    outputs = make_outputs(settings)
    assert [output.name for output in outputs] == names
    assert {output.form for output in outputs} <= {"json"}
    for output in outputs:
        output.leave()
