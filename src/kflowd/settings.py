# SPDX-License-Identifier: Apache-2.0
"""Options as checked values.

Each `parse_*` function takes the text of one option and returns its value, or raises UsageError
with one line that names the option. `Settings` is what the rest of the program sees. No I/O here.
"""

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec

from kflowd.errors import UsageError

SUBSYSTEMS = ("file", "socket")
ATTACH_MODES = ("fentry", "kprobe", "tracepoint")
NS_PER_SECOND = 1_000_000_000
# Longer than any run; keeps nanoseconds far from 64 bits.
MAX_SECONDS = 1_000_000_000
MAX_EXPORT_AT = 0xFFFF_FFFF
# One record of the longest kind fits, and the kernel wants a power of two of whole pages.
MIN_RING_BYTES = 16 * 1024
MAX_RING_BYTES = 1024 * 1024 * 1024
MIN_ENTRIES = 16
MAX_ENTRIES = 4 * 1024 * 1024

_DECIMAL = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]*\.?[0-9]+\.?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,18}", re.ASCII)


class Output(StrEnum):
    """Form of the records on stdout."""

    JSON = "json"
    JSON_MIN = "json-min"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the agent is to do; times in nanoseconds, sizes in bytes or map entries."""

    subsystems: frozenset[str] = frozenset(SUBSYSTEMS)
    idle_ns: int = 15 * NS_PER_SECOND
    active_ns: int = 1800 * NS_PER_SECOND
    export_at: int = 0
    output: Output = Output.JSON
    quiet: bool = False
    verbose: bool = False
    strict: bool = False
    pseudo_fs: bool = False
    attach_mode: str | None = None
    duration_ns: int | None = None
    count: int | None = None
    record_path: Path | None = None
    # 8 MiB hold some 20 000 file records: a second of a busy host
    ring_bytes: int = 8 * 1024 * 1024
    # (process, inode) pairs that are open and not yet reported
    file_entries: int = 16384
    # TCP connections and UDP peers that are open and not yet idle
    sock_entries: int = 16384
    unix_entries: int = 8192


def parse_subsystems(text: str) -> frozenset[str]:
    """Return the subsystems of `-m`: a comma list of the exact words."""
    words = text.split(",")
    for word in words:
        if word not in SUBSYSTEMS:
            raise UsageError(f"-m: {_shown(word)} is none of {', '.join(SUBSYSTEMS)}")
    return frozenset(words)


def parse_timeouts(text: str) -> tuple[int, int]:
    """Return (idle_ns, active_ns) of `-t IDLE[,ACTIVE]`; ACTIVE keeps its default if absent."""
    parts = text.split(",")
    if len(parts) > 2:
        raise UsageError(f"-t: {_shown(text)} has more than two values, IDLE[,ACTIVE] is meant")
    values = [parse_seconds("-t", part) for part in parts]
    return values[0], values[1] if len(values) == 2 else Settings().active_ns


def parse_seconds(option: str, text: str) -> int:
    """Return nanoseconds for decimal seconds greater than 0."""
    _refuse_negative(option, text)
    if not _DECIMAL.fullmatch(text):
        raise UsageError(f"{option}: {_shown(text)} is no decimal number of seconds")
    seconds = Decimal(text)
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(
            f"{option}: {_shown(text)} is not above 0 and at most {MAX_SECONDS} seconds"
        )
    return int(seconds * NS_PER_SECOND)


def parse_integer(option: str, text: str, *, least: int, most: int) -> int:
    """Return an integer within its limits."""
    _refuse_negative(option, text)
    if not _INTEGER.fullmatch(text):
        raise UsageError(f"{option}: {_shown(text)} is no whole number")
    value = int(text)
    if not least <= value <= most:
        raise UsageError(f"{option}: {value} is not between {least} and {most}")
    return value


def parse_ring_bytes(text: str) -> int:
    """Return the size of the ring: a power of two, as the kernel wants it."""
    value = parse_integer("--ring-bytes", text, least=MIN_RING_BYTES, most=MAX_RING_BYTES)
    if value & (value - 1):
        raise UsageError(f"--ring-bytes: {value} is no power of two")
    return value


def parse_entries(option: str, text: str) -> int:
    """Return the number of entries of a map."""
    return parse_integer(option, text, least=MIN_ENTRIES, most=MAX_ENTRIES)


def parse_export_at(text: str) -> int:
    """Return N of `-e N`."""
    return parse_integer("-e", text, least=1, most=MAX_EXPORT_AT)


def parse_count(text: str) -> int:
    """Return the number of records of `--count`."""
    return parse_integer("--count", text, least=1, most=2**63)


def parse_output(text: str) -> Output:
    """Return the output form of `-o`: the exact word."""
    try:
        return Output(text)
    except ValueError:
        raise UsageError(f"-o: {_shown(text)} is none of {', '.join(Output)}") from None


def parse_attach_mode(text: str) -> str:
    """Return the attach mode of `--attach`."""
    if text not in ATTACH_MODES:
        raise UsageError(f"--attach: {_shown(text)} is none of {', '.join(ATTACH_MODES)}")
    return text


def _refuse_negative(option: str, text: str) -> None:
    if _NEGATIVE.fullmatch(text):
        raise UsageError(f"{option}: {_shown(text)} is negative, the value must be positive")


def _shown(text: str) -> str:
    # an option's text can hold anything; a message stays one short line
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
