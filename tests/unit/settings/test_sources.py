# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.errors import UsageError
from kflowd.settings import OutputSettings, Settings, TraceSettings
from kflowd.settings.servers import Address, Server
from kflowd.settings.sources import Source, effective, merged, of_command
from kflowd.settings.walk import Place

IDLE, ACTIVE = ("trace", "idle"), ("trace", "active")
MONITOR, FAILED = ("trace", "monitor"), ("trace", "failed")
FORMAT, UDP = ("output", 0, "format"), ("udp",)
SERVERS = (Server("192.0.2.1", 2056),)
SOCKETS = frozenset({"socket"})


def source(values: dict[Place, object], name: str) -> Source:
    """Return what sets these, each written at the same place."""
    return Source(values, dict.fromkeys(values, name))


def test_the_command_line_wins_over_a_file_and_a_file_over_defaults() -> None:
    """Setting by setting, and not table by table."""
    file, line = source({IDLE: 1, ACTIVE: 2}, "f:1"), source({IDLE: 3}, "--idle")
    assert effective(file, line) == Settings(trace=TraceSettings(idle_ns=3, active_ns=2))
    both = merged((file, line))
    places: tuple[Place, ...] = (IDLE, ACTIVE, MONITOR)
    assert [both.origin(place) for place in places] == ["--idle", "f:1", "default"]


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (
            {FAILED: True, MONITOR: SOCKETS},
            {},
            "f:1: trace.failed: only files have it, and --monitor is without file (f:1)",
        ),
        (
            {FAILED: True},
            {MONITOR: SOCKETS},
            "f:1: trace.failed: only files have it, and --monitor is without file",
        ),
        (
            {MONITOR: SOCKETS},
            {FAILED: True},
            "--failed: only files have it, and --monitor is without file (f:1)",
        ),
        (
            {("strict",): True},
            {FAILED: True},
            "--failed: its fields go beyond the contract: not with --strict (f:1)",
        ),
        (
            {},
            {FAILED: True, ("strict",): True},
            "--failed: its fields go beyond the contract: not with --strict",
        ),
        (
            {UDP: SERVERS},
            {FORMAT: "table"},
            "--format: table is for people, and --udp for programs (f:1)",
        ),
        (
            {FORMAT: "compact"},
            {UDP: SERVERS},
            "f:1: output[0].format: compact is for people, and --udp for programs",
        ),
    ],
)
def test_a_contradiction_says_where_both_were_written(
    file: dict[Place, object], line: dict[Place, object], message: str
) -> None:
    """What stands in the file has its line, what is an option its name."""
    with pytest.raises(UsageError) as caught:
        effective(source(file, "f:1"), source(line, "--x"))
    assert str(caught.value) == message
    # an option that a file does not go with: the file can be left out
    assert (caught.value.hint is not None) == (message.startswith("--") and message[-1] == ")")


def test_a_command_takes_what_are_its_options() -> None:
    """A replay has the form of the output, and no time after which a file is idle."""
    file = source({IDLE: 1, ("output", 0): None, ("output", 0, "format"): "json-min"}, "f:1")
    found = effective(of_command(file, "replay"), Source())
    assert found == Settings(output=(OutputSettings(format="json-min"),))


SINK: dict[Place, object] = {
    ("output", 0): None,
    ("output", 0, "sink"): "file",
    ("output", 0, "path"): Path("/x"),
}
JSON_MIN: dict[Place, object] = {FORMAT: "json-min"}
FILE = OutputSettings(sink="file", path=Path("/x"))


@pytest.mark.parametrize(
    ("file", "outputs"),
    [
        ({}, [OutputSettings(format="json-min")]),
        (SINK, [FILE, OutputSettings(format="json-min")]),
        (
            SINK | {("output", 1): None, ("output", 1, "separator"): "newline"},
            [FILE, OutputSettings(format="json-min", separator="newline")],
        ),
        (
            {("output", 0): None, ("output", 1): None, ("output", 1, "sink"): "udp",
             ("output", 1, "address"): Address("a", 1)},
            [
                OutputSettings(format="json-min"),
                OutputSettings(sink="udp", address=Address("a", 1)),
            ],
        ),
    ],
)  # fmt: skip
def test_options_are_about_standard_output(
    file: dict[Place, object], outputs: list[OutputSettings]
) -> None:
    """Wherever a file has it; where it has others alone it is one more."""
    found = effective(source(file, "f:1"), source(JSON_MIN, "-o"))
    assert found.output == tuple(outputs)
    if file == SINK:
        assert effective(source(file, "f:1"), source({IDLE: 1}, "-t")).output == (FILE,)


def test_a_replay_takes_nothing_of_other_outputs() -> None:
    """What they are for is said for a run."""
    file = SINK | {("output", 0, "format"): "json-min", ("output", 1): None}
    found = effective(of_command(source(file, "f:1"), "replay"), Source())
    assert found.output == (OutputSettings(),)
    file[("output", 1, "format")] = "table"
    found = effective(of_command(source(file, "f:1"), "replay"), Source())
    assert found.output == (OutputSettings(format="table"),)
