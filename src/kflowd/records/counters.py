# SPDX-License-Identifier: Apache-2.0
"""The kernel's counters, which user space writes into the stream."""

from kflowd.contract import layout, reader
from kflowd.model import Counters
from kflowd.records.header import RecordDecoder

RECORD = "struct kf_counters_record"


def counters_decoder() -> RecordDecoder:
    """Return the decoder of counter records."""
    read, read_counters = reader(RECORD, "hdr.ts_ns", "missed"), reader(RECORD, "counters")

    def decode(batch: bytes, offset: int, _size: int) -> Counters:
        ts_ns, missed = read(batch, offset)
        return Counters(ts_ns, read_counters(batch, offset), missed)

    return RecordDecoder(layout(RECORD).size, decode)
