# SPDX-License-Identifier: Apache-2.0
"""The first record of a recording: what replay needs to know of the host."""

import msgspec

from kflowd.contract import layout
from kflowd.model import HostFacts, Session
from kflowd.records.header import RecordDecoder, picker


def session_decoder() -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of session records."""
    record = layout("struct kf_session_record")
    fixed = record.size
    pick = picker(record, "", ("hdr.ts_ns", "realtime_offset_ns", "hz", "facts_len"))

    def decode(batch: bytes, offset: int, size: int) -> Session | None:
        ts_ns, realtime_offset_ns, hz, facts_len = pick(record.unpack_from(batch, offset))
        if fixed + facts_len > size:
            return None
        start = offset + fixed
        try:
            facts = msgspec.json.decode(batch[start : start + facts_len], type=HostFacts)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return Session(ts_ns, realtime_offset_ns, hz, facts)

    return fixed, decode
