# SPDX-License-Identifier: Apache-2.0
import tomllib
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from kflowd.errors import UsageError
from kflowd.settings import OutputSettings, Settings, TraceSettings
from kflowd.settings.convert import build, convert, read

TOML = """
count = 7
record = "/tmp/r"
verbose = true

[trace]
monitor = ["file"]
idle = 0.5
active = "1h"
events = 3
attach = "kprobe"
ring_bytes = "512KiB"
sock_entries = 20

[[output]]
format = "json-min"
"""


class ManyOutputs(Struct, frozen=True, kw_only=True):
    """A tree with a list of any length."""

    output: Annotated[tuple[OutputSettings, ...], Meta(min_length=1)] = (OutputSettings(),)


def test_a_file_is_the_same_tree() -> None:
    """Keys are long options with underscores, values have the types of TOML."""
    assert convert(tomllib.loads(TOML)) == Settings(
        trace=TraceSettings(
            monitor=frozenset({"file"}),
            idle_ns=500_000_000,
            active_ns=3600 * 10**9,
            events=3,
            attach="kprobe",
            ring_bytes=512 << 10,
            sock_entries=20,
        ),
        output=(OutputSettings(format="json-min"),),
        count=7,
        record=Path("/tmp/r"),
        verbose=True,
    )


@pytest.mark.parametrize("text", ["", "[trace]", "[[output]]", "[trace]\nidle = 15"])
def test_what_is_not_said_has_its_default(text: str) -> None:
    """Also where a table is empty."""
    assert convert(tomllib.loads(text)) == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trace.idel = 1", "trace.idel: no such setting; did you mean trace.idle?"),
        ("idle = 1", "idle: no such setting; did you mean trace.idle?"),
        ("[tarce]", "tarce: no such setting; did you mean trace?"),
        ("[[output]]\nform = 1", "output[0].form: no such setting; did you mean output[0].format?"),
        ("xyzzy = 1", "xyzzy: no such setting"),
        ("trace.idle_ns = 1", "trace.idle_ns: no such setting; did you mean trace.idle?"),
        (
            '[[output]]\nformat = "x"',
            "output[0].format: 'x' is none of json, json-min, ecs, ocsf, otlp, compact, table",
        ),
        ("trace.events = true", "trace.events: true is no whole number from 1 to 4294967295"),
        ("trace.events = 0", "trace.events: 0 is no whole number from 1 to 4294967295"),
        ('strict = "yes"', "strict: 'yes' is neither true nor false"),
        ("trace = 3", "trace: 3 is no table of settings"),
        ("output = 3", "output: 3 is no list of tables"),
        (
            '[output]\nurl = "secret"',
            "output: one table; each of several has double brackets, [[output]]",
        ),
        ("output = [3]", "output[0]: 3 is no table of settings"),
        ("output = []", "output: 0 tables, 1 to 16 can be"),
        ("[[output]]\n" * 17, "output: 17 tables, 1 to 16 can be"),
    ],
)
def test_wrong_keys_and_values_are_named(text: str, message: str) -> None:
    """One line says where, what, and what would be right or was meant."""
    with pytest.raises(UsageError) as caught:
        convert(tomllib.loads(text))
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_a_list_of_tables_keeps_its_order_and_number() -> None:
    """A table in which nothing stands is one of them."""
    table = {"output": [{}, {"format": "json-min"}, {}]}
    plain = OutputSettings()
    assert build(read(table, ManyOutputs), ManyOutputs).output == (
        *(plain, OutputSettings(format="json-min"), plain),
    )


def test_the_later_source_wins() -> None:
    """Values of a file and of the command line are merged by place before the tree is built."""
    file = read({"trace": {"idle": 1, "active": 2}}, Settings)
    line = read({"trace": {"idle": 3}}, Settings)
    trace = build(file | line, Settings).trace
    assert (trace.idle_ns, trace.active_ns) == (3 * 10**9, 2 * 10**9)
