# SPDX-License-Identifier: Apache-2.0
"""What every record begins with, and the type of what decodes one."""

from collections.abc import Callable
from typing import NamedTuple

from kflowd.contract import layout, reader
from kflowd.model import Tick, Value

HEADER = "struct kf_header"
# Far above the longest record of the kernel, and what the first record of a stream may have: what
# says that it is longer is no record.
MAX_RECORD_BYTES = 1 << 22

# (batch, offset of the record, its size) -> value, or None if the record contradicts itself;
# the caller has made sure that the batch holds `size` bytes and that the fixed part fits
Decode = Callable[[bytes, int, int], Value | None]


class RecordDecoder(NamedTuple):
    """How one kind of record is decoded.

    Attributes:
        size: Of its fixed part; what is shorter is not decoded.
        decode: Makes the value.
    """

    size: int
    decode: Decode


def text(raw: bytes) -> str:
    """Return bytes of the kernel as text that gives the bytes back by the same codec."""
    return raw.decode("utf-8", "surrogateescape")


def tick_decoder() -> RecordDecoder:
    """Return the decoder of a sweep mark, which is a header alone."""
    read = reader(HEADER, "ts_ns")

    def decode(batch: bytes, offset: int, _size: int) -> Tick:
        (ts_ns,) = read(batch, offset)
        return Tick(ts_ns)

    return RecordDecoder(layout(HEADER).size, decode)
