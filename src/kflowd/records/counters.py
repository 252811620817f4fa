# SPDX-License-Identifier: Apache-2.0
"""The kernel's counters, which user space writes into the stream."""

from kflowd.contract import constants, layout
from kflowd.model import Counters
from kflowd.records.header import RecordDecoder, picker


def counters_decoder() -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of counter records."""
    record = layout("struct kf_counters_record")
    pick = picker(record, "", ("hdr.ts_ns", "missed"))
    first = record.index["counters"]
    end = first + constants()["KF_CNT_MAX"]

    def decode(batch: bytes, offset: int, _size: int) -> Counters:
        members = record.unpack_from(batch, offset)
        ts_ns, missed = pick(members)
        return Counters(ts_ns, members[first:end], missed)

    return record.size, decode
