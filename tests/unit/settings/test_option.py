# SPDX-License-Identifier: Apache-2.0
"""A new option is one field: all else is made from it."""

from typing import Annotated

import click
import pytest
from msgspec import Meta

from kflowd import cli
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading.parameters import constants, map_entries
from kflowd.errors import UsageError
from kflowd.settings import OutputSettings, QueueSettings, Settings, TraceSettings
from kflowd.settings.convert import build, read
from kflowd.settings.option import BYTES, Command, Map, Option, set_keys
from tools import options_table

FEATURES = {
    name: Feature(name, name, ok=True) for name in ("probe_read", "task_btf", "cast", "run_through")
}


class MoreTrace(TraceSettings, frozen=True, kw_only=True):
    """The table with one more field: nothing else in this file adds the option."""

    dummy_bytes: Annotated[
        Annotated[int, Meta(ge=1 << 10, le=1 << 20)],
        Option(
            help="Bytes of a dummy",
            short="-y",
            unit=BYTES,
            commands=("trace", "doctor"),
            constant="kf_dummy_bytes",
            maps=(Map(name="kf_dummies", times=3),),
        ),
    ] = 4096


LIMITS = "1KiB to 1MiB; units: KiB, MiB, GiB"


class More(Settings, frozen=True, kw_only=True):
    """The tree with that table."""

    trace: MoreTrace = MoreTrace()


def run(*arguments: str) -> More:
    """Return the settings of a command line."""
    found: list[More] = []

    @click.command(params=cli.setting_options("trace", More))
    @click.pass_context
    def command(context: click.Context, /, **_given: object) -> None:
        found.append(build(cli.given_settings(context).values, More))

    command.main([*arguments], standalone_mode=False)
    return found[0]


COMMANDS: tuple[tuple[Command, bool], ...] = (
    *(("trace", True), ("doctor", True), ("replay", False)),
)


@pytest.mark.parametrize(("name", "there"), COMMANDS)
def test_it_is_listed_by_its_commands(name: Command, there: bool) -> None:
    """--help has flags, help, limits and default of the field."""
    command = click.Command("x", params=cli.setting_options(name, More))
    text = " ".join(command.get_help(click.Context(command)).split())
    listed = f"-y, --dummy-bytes BYTES Bytes of a dummy. [{LIMITS}; default: 4KiB]" in text
    assert listed is there


def test_it_is_an_option_and_a_key() -> None:
    """Both write the same value into the same place; without them it has its default."""
    assert run().trace.dummy_bytes == 4096
    assert run("-y", "8KiB") == run("--dummy-bytes=8192")
    from_file = build(read({"trace": {"dummy_bytes": "8KiB"}}, More), More)
    assert run("-y", "8KiB", "-e", "3").trace == MoreTrace(dummy_bytes=8192, events=3)
    assert from_file == run("-y", "8KiB")


def test_its_limits_are_held() -> None:
    """A message names the option or the key, and the limits."""
    with pytest.raises(UsageError) as caught:
        run("-y", "1")
    assert str(caught.value) == f"-y/--dummy-bytes: '1' is no number of bytes from {LIMITS}"
    with pytest.raises(UsageError) as caught:
        read({"trace": {"dummy_bytes": 1}}, More)
    assert str(caught.value) == f"trace.dummy_bytes: 1 is no number of bytes from {LIMITS}"


def test_it_is_in_the_table_of_the_readme() -> None:
    """`make docs` writes its line."""
    wanted = f"| `-y`, `--dummy-bytes BYTES` | Bytes of a dummy | {LIMITS} | 4KiB | doctor |"
    assert wanted in list(options_table.table(More))


def test_it_feeds_the_kernel_side() -> None:
    """A constant and the size of a map follow from the value."""
    trace = MoreTrace(dummy_bytes=2048)
    assert constants(trace, FEATURES)["kf_dummy_bytes"] == 2048
    assert map_entries(trace, cookies=True)["kf_dummies"] == 6144


def test_what_is_set_has_its_keys() -> None:
    """Also in a table of a table; a default that was written is none of it."""
    queue = QueueSettings(age_ns=7, bytes=64 << 20)
    assert list(set_keys(OutputSettings(sink="udp", queue=queue))) == ["sink", "queue.age"]
    assert list(set_keys(Settings())) == []
