# SPDX-License-Identifier: Apache-2.0
"""Kinds of values: how each is read from text or from a file's value, named and written.

A reader raises ValueError with the end of a line: "'x' is none of json, json-min".
"""

import os
import re
import typing
from collections.abc import Callable, Container
from decimal import Decimal
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from kflowd.settings.option import Unit
from kflowd.settings.servers import Address, Listen
from kflowd.settings.shown import quoted, shown
from kflowd.settings.urls import Url
from kflowd.settings.where import Where, parse_where

MOST_PATH = 4095  # PATH_MAX without a NUL
_USER = re.compile(r"//[^/?#]*@")
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})([A-Za-z]*)", re.ASCII)

T = TypeVar("T")


class Kind(Generic[T]):
    """A kind of values.

    Args:
        of: Type of the value, with its limits.
        wrong: What is said of a wrong value: "none of json, json-min".
        values: Which values are right: "json, json-min"; "" if that goes without saying.
        metavar: What stands for the value in a list of options.
    """

    def __init__(self, of: object, wrong: str, values: str = "", metavar: str = "") -> None:
        self.of = of
        self.wrong = wrong
        self.values = values
        self.metavar = metavar

    def read(self, value: object) -> T:
        """Return the checked value of what stands on the command line or in a file.

        Raises:
            ValueError: With what is wrong, and what would be right.
        """
        try:
            return self._read(value)
        except (ValueError, msgspec.ValidationError):
            raise ValueError(f"{shown(value)} is {self.wrong}") from None

    def text(self, value: T) -> str:
        """Return how a value is written; `read` takes it back."""
        return str(value)

    def toml(self, value: T) -> str:
        """Return how a value is written in a file.

        Raises:
            ValueError: It is no UTF-8, which a file is.
        """
        return quoted(self.text(value))

    def _read(self, value: object) -> T:
        checked: T = msgspec.convert(value, self.of)
        return checked


class Flag(Kind[bool]):
    """True or false; on the command line an option without a value."""

    def __init__(self) -> None:
        super().__init__(bool, "neither true nor false")

    def text(self, value: bool) -> str:
        """Return the word that a file has."""
        return "true" if value else "false"

    def toml(self, value: bool) -> str:
        """Return the word that a file has."""
        return self.text(value)


class Text(Kind[str]):
    """Characters, between two numbers of them."""

    def __init__(self, of: object, least: int | None, most: int | None) -> None:
        limits = f"{least or 0} to {most} characters" if most else ""
        super().__init__(of, f"no text of {limits}" if limits else "no text", limits, "TEXT")


class File(Kind[Path]):
    """A path."""

    def __init__(self) -> None:
        super().__init__(str, "no path", "", "FILE")

    def read(self, value: object) -> Path:
        """Return the path; a message says if it is too long for any call of the system."""
        path = super().read(value)
        if len(os.fsencode(path)) > MOST_PATH:
            raise ValueError(f"{shown(value)} has more than the {MOST_PATH} bytes of a path")
        return path

    def _read(self, value: object) -> Path:
        text: str = msgspec.convert(value, str)
        if not text or "\0" in text:
            raise ValueError(text)
        return Path(text)


class Whole(Kind[int]):
    """A whole number between two limits, or without an upper one."""

    def __init__(self, of: object, least: int, most: int | None) -> None:
        end = "on" if most is None else f"to {most}"
        values = f"{least} or more" if most is None else f"{least} {end}"
        super().__init__(of, f"no whole number from {least} {end}", values, "N")

    def _read(self, value: object) -> int:
        number: int = msgspec.convert(value, self.of, strict=False)
        return number

    def toml(self, value: int) -> str:
        """Return the number."""
        return self.text(value)


class Quantity(Kind[int]):
    """A number of a unit between two limits: 0.5, 15, 8MiB."""

    def __init__(self, of: object, least: int, most: int, unit: Unit) -> None:
        self.unit = unit
        # 1 is the smallest part of the unit, and says less to people than 0
        first = "above 0, at most" if least == 1 else f"{self.text(least)} to"
        limits = f"{first} {self.text(most)}"
        wrong = f"no {unit.noun} {limits}" if least == 1 else f"no {unit.noun} from {limits}"
        values = f"{limits}, a power of two" if unit.power_of_two else limits
        units = f"; units: {', '.join(filter(None, unit.factors))}"
        super().__init__(of, wrong + units, values + units, unit.metavar)

    def text(self, value: int) -> str:
        """Return the number in the largest unit that makes it a whole one."""
        factors = self.unit.factors
        for suffix in self.unit.written:
            if value % factors[suffix] == 0:
                return f"{value // factors[suffix]}{suffix}"
        whole, rest = divmod(value, factors[""])
        return f"{Decimal(value) / factors['']:f}" if rest else str(whole)

    def toml(self, value: int) -> str:
        """Return a number, or a text where it has a unit or a fraction that a float may lack."""
        text = self.text(value)
        return text if text.isdecimal() else quoted(text)

    def _read(self, value: object) -> int:
        # the shortest text of a float is the number that stood in the file
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"{Decimal(repr(value)):f}" if number else value
        found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[2] not in self.unit.factors:
            raise ValueError(text)
        amount = Decimal(found[1]) * self.unit.factors[found[2]]
        size = int(amount)
        if size != amount or (self.unit.power_of_two and size & (size - 1)):
            raise ValueError(text)
        limited: int = msgspec.convert(size, self.of)
        return limited


class Choice(Kind[str]):
    """One of some words."""

    def __init__(self, of: object, leave_out: Container[str] = ()) -> None:
        self.words = tuple(word for word in typing.get_args(of) if word not in leave_out)
        listed = ", ".join(self.words)
        super().__init__(of, f"none of {listed}", listed, "WORD")

    def without(self, words: Container[str]) -> "Choice":
        """Return a choice of the others."""
        return Choice(self.of, words)

    def _read(self, value: object) -> str:
        if value not in self.words:
            raise ValueError(value)
        return str(value)


class Condition(Kind[Where]):
    """An expression over the fields of a record."""

    def __init__(self) -> None:
        super().__init__(Where, "no expression", "", "EXPRESSION")

    def read(self, value: object) -> Where:
        """Return the expression; a message says at which character it is wrong."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is {self.wrong}")  # noqa: TRY004 - of the user
        return parse_where(value)


A = TypeVar("A", bound=Address | Listen | Url)


class OneAddress(Kind[A]):
    """A host and a port, or what stands for them.

    Args:
        of: Address, Listen or Url.
        parse: Reads one.
        metavar: As of `Kind`.
    """

    def __init__(self, of: type[A], parse: Callable[[str], A], metavar: str) -> None:
        super().__init__(of, "no address", "", metavar)
        self._parse = parse

    def read(self, value: object) -> A:
        """Return the address; a message says what it lacks."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is {self.wrong}")  # noqa: TRY004 - of the user
        try:
            return self._parse(value)
        except ValueError as error:
            # a URL may have a password
            raise ValueError(f"{shown(_USER.sub('//***@', value))} {error}") from None
