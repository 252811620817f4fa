# SPDX-License-Identifier: Apache-2.0
"""What a field of the settings tree says of itself, beside its type, limits and default."""

from collections.abc import Iterator
from typing import Literal

import msgspec

Command = Literal["trace", "doctor", "replay", "decode"]


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """How a quantity is written; its value is a whole number of the smallest unit.

    Attributes:
        noun: What a message calls it.
        metavar: What stands for it in a list of options.
        factors: By suffix; "" is the factor of a bare number.
        written: Suffixes in which values are shown, the largest first; "" if none of them fits.
        power_of_two: Nothing else will do.
    """

    noun: str
    metavar: str
    factors: dict[str, int]
    written: tuple[str, ...] = ()
    power_of_two: bool = False


NS_PER_SECOND = 1_000_000_000
SECONDS = Unit(
    noun="number of seconds",
    metavar="SECONDS",
    factors={
        "": NS_PER_SECOND,
        "ms": 1_000_000,
        "s": NS_PER_SECOND,
        "m": 60 * NS_PER_SECOND,
        "h": 3600 * NS_PER_SECOND,
        "d": 86400 * NS_PER_SECOND,
    },
)
BYTES = Unit(
    noun="number of bytes",
    metavar="BYTES",
    factors={"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
    written=("GiB", "MiB", "KiB"),
)
BYTES_POWER_OF_TWO = msgspec.structs.replace(BYTES, noun="power of two", power_of_two=True)


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """A map of the kernel side that a setting sizes.

    Attributes:
        name: Of the map.
        times: Entries for each one of the setting.
        per: One entry for so many of the setting, and not for each.
        more: Entries on top of these.
        subsystem: Where this one is not observed the map is not needed; "": always needed.
    """

    name: str
    times: int = 1
    per: int = 1
    more: int = 0
    subsystem: str = ""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """Annotates a field: what people read, and what follows from its value.

    Attributes:
        help: One sentence without its full stop, for --help and README.
        short: Short option, "-m". Fields that share one take its values in their order.
        metavar: What stands for the value; "": follows from the type.
        unit: Of a quantity, None for a plain number.
        commands: Which take it as an option; none: a file alone sets it.
        of_file: Words that a file alone may have.
        reload: Can change while kflowd runs. What is built into the kernel side cannot.
        secret: No message shows its value.
        constant: Constant of the kernel side that has this value, 0 for None.
        maps: Maps of the kernel side that it sizes.
    """

    help: str
    short: str = ""
    metavar: str = ""
    unit: Unit | None = None
    commands: tuple[Command, ...] = ("trace",)
    of_file: tuple[str, ...] = ()
    reload: bool = False
    secret: bool = False
    constant: str = ""
    maps: tuple[Map, ...] = ()


def set_keys(table: msgspec.Struct) -> Iterator[str]:
    """Yield the keys of a table that have another value than their default: "rotate.keep"."""
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if value == field.default:
            continue
        if isinstance(value, msgspec.Struct):
            yield from (f"{field.encode_name}.{key}" for key in set_keys(value))
        else:
            yield field.encode_name
