# SPDX-License-Identifier: Apache-2.0
"""Steps of the wall clock: records of the kernel side, and of user space where it found one."""

from kflowd.contract import constants, layout, reader
from kflowd.model import ClockStep
from kflowd.records.header import RecordDecoder

RECORD = "struct kf_clock_record"


def clock_decoder() -> RecordDecoder:
    """Return the decoder of steps."""
    read = reader(RECORD, "hdr.ts_ns", "since_ns", "realtime_offset_ns", "uncertain_ns", "compared")

    def decode(batch: bytes, offset: int, _size: int) -> ClockStep:
        return ClockStep(*read(batch, offset))

    return RecordDecoder(layout(RECORD).size, decode)


def encode_step(step: ClockStep) -> bytes:
    """Return a step as a record; its size is a multiple of the alignment of records."""
    fixed, values = layout(RECORD), constants()
    named = {
        "hdr.kind": values["KF_KIND_CLOCK"],
        "hdr.version": values["KF_VERSION"],
        "hdr.size": fixed.size,
        "hdr.ts_ns": step.ts_ns,
        "since_ns": step.since_ns,
        "realtime_offset_ns": step.realtime_offset_ns,
        "uncertain_ns": step.uncertain_ns,
        "compared": step.compared,
    }
    return fixed.unpacker.pack(*(named.get(name, 0) for name in fixed.index))
