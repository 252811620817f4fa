# SPDX-License-Identifier: Apache-2.0
"""The first record of a stream: what replay needs to know of the host, read and written here."""

import msgspec

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.model import Session
from kflowd.records.header import RecordDecoder

RECORD = "struct kf_session_record"


def session_decoder() -> RecordDecoder:
    """Return the decoder of session records; their facts are a JSON object."""
    fixed = layout(RECORD).size
    read = reader(RECORD, "hdr.ts_ns", "realtime_offset_ns", "hz", "facts_len")

    def decode(batch: bytes, offset: int, size: int) -> Session | None:
        ts_ns, realtime_offset_ns, hz, facts_len = read(batch, offset)
        if fixed + facts_len > size:
            return None
        facts = batch[offset + fixed : offset + fixed + facts_len]
        try:
            msgspec.json.decode(facts, type=dict)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return Session(ts_ns=ts_ns, realtime_offset_ns=realtime_offset_ns, hz=hz, facts=facts)

    return RecordDecoder(fixed, decode)


def encode_session(session: Session) -> bytes:
    """Return a session as a record, padded to the alignment of records."""
    fixed = layout(RECORD)
    values = constants()
    named = {
        "hdr.kind": values["KF_KIND_SESSION"],
        "hdr.version": values["KF_VERSION"],
        "hdr.size": fixed.size + len(session.facts),
        "hdr.ts_ns": session.ts_ns,
        "realtime_offset_ns": session.realtime_offset_ns,
        "hz": session.hz,
        "facts_len": len(session.facts),
    }
    raw = fixed.unpacker.pack(*(named.get(name, 0) for name in fixed.index)) + session.facts
    return raw + bytes(-len(raw) % ALIGNMENT)
