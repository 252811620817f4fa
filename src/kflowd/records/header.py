# SPDX-License-Identifier: Apache-2.0
"""What every record begins with, and how members are picked out of an unpacked record."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, TypeVar

from kflowd.contract import Layout, layout
from kflowd.model import SECOND_NS, Tick, Value

HEADER = "struct kf_header"
ALIGNMENT = 8  # record i + 1 begins at the next multiple of this

# (batch, offset of the record, its size) -> value, or None if the record contradicts itself;
# the caller has made sure that the batch holds `size` bytes and that the fixed part fits
RecordDecoder = Callable[[bytes, int, int], Value | None]
_T = TypeVar("_T")


def picker(source: Layout, prefix: str, names: Iterable[str]) -> Callable[[tuple[Any, ...]], Any]:
    """Return a function that picks members (two or more) out of an unpacked record.

    Args:
        source: Layout of the record.
        prefix: Path of the struct that holds the members, "agg.inode"; "" for the record.
        names: Members in the wanted order.
    """
    start = f"{prefix}." if prefix else ""
    return itemgetter(*(source.index[start + name] for name in names))


def maker(kind: type[_T]) -> Callable[..., _T]:
    """Return a class as a function of any arguments: those that are picked cannot be counted."""
    return kind


def text(raw: bytes) -> str:
    """Return bytes of the kernel as text; encoding it the same way gives the bytes back."""
    return raw.decode("utf-8", "surrogateescape")


def time_ns(seconds: int, nanoseconds: int) -> int:
    """Return a kernel timespec as nanoseconds."""
    return seconds * SECOND_NS + nanoseconds


def tick_decoder() -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of a sweep mark, which is a header alone."""
    header = layout(HEADER)
    unpack = header.unpack_from
    ts = header.index["ts_ns"]

    def decode(batch: bytes, offset: int, _size: int) -> Tick:
        return Tick(unpack(batch, offset)[ts])

    return header.size, decode
