# SPDX-License-Identifier: Apache-2.0
import pytest
from msgspec import Struct

from kflowd.errors import UsageError
from kflowd.settings import Settings
from kflowd.settings.walk import Branch, members, name_of, settings_of


class Silent(Struct, frozen=True):
    """A tree with a field that says nothing."""

    loud: bool = False


SETTINGS = {setting.key: setting for setting in settings_of(Settings)}


def test_settings_come_in_the_order_of_the_tree() -> None:
    """Tables are walked where they stand; of a list of tables the first stands for all."""
    assert [name_of(setting.place) for setting in settings_of(Settings)][:3] == [
        *("trace.monitor", "trace.idle", "trace.active")
    ]
    assert SETTINGS["format"].place == ("output", 0, "format")


def test_a_setting_knows_its_names() -> None:
    """Key, long option and field follow from the name of the field."""
    idle, ring = SETTINGS["idle"], SETTINGS["ring_bytes"]
    assert (idle.field, idle.long, idle.metavar) == ("idle_ns", "--idle", "SECONDS")
    assert (ring.field, ring.long, ring.metavar) == ("ring_bytes", "--ring-bytes", "BYTES")
    assert SETTINGS["attach"].metavar == "MODE"


def test_defaults_are_written_if_there_is_something_to_write() -> None:
    """None and a flag that is off have no text."""
    texts = {key: setting.default_text for key, setting in SETTINGS.items()}
    assert (texts["ring_bytes"], texts["idle"], texts["monitor"]) == ("8MiB", "15", "file,socket")
    assert (texts["count"], texts["quiet"]) == ("", "")


def test_a_wrong_value_is_named() -> None:
    """The name is that of the place where it was written."""
    with pytest.raises(
        UsageError, match=r"^-o: 'x' is none of json, json-min, ecs, ocsf, otlp, compact, table$"
    ):
        SETTINGS["format"].read("x", "-o")


def test_tables_are_branches() -> None:
    """A table has no limits, a list of tables has."""
    trace, output = members(Settings)["trace"], members(Settings)["output"]
    assert isinstance(trace, Branch)
    assert isinstance(output, Branch)
    assert (trace.limits, output.limits) == (None, (1, 16))


def test_a_field_must_say_what_it_is() -> None:
    """A field without an Option is an error of ours, found when the program starts."""
    with pytest.raises(TypeError, match=r"^Silent\.loud has no Option$"):
        members(Silent)
