# SPDX-License-Identifier: Apache-2.0
"""The first record of a stream: what replay needs to know of the host, read and written here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.model import Session
from kflowd.records.header import MAX_RECORD_BYTES, RecordDecoder

# What a host can have more of than a record holds: tens of thousands of users or mounts.
MAX_FACTS_BYTES = MAX_RECORD_BYTES - (1 << 10)
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


def fit_facts(facts: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """Return facts as a JSON object that a session has room for, and the keys of what had none.

    The longest goes first, whole: part of it would be taken for all.
    """
    texts = {key: msgspec.json.encode(fact) for key, fact in facts.items()}
    left_out: list[str] = []
    while len(json := _object(texts)) > MAX_FACTS_BYTES:
        left_out.append(max(texts, key=lambda key: len(texts[key])))
        del texts[left_out[-1]]
    return json, left_out


def _object(texts: Mapping[str, bytes]) -> bytes:
    return msgspec.json.encode({key: msgspec.Raw(text) for key, text in texts.items()})


def encode_session(session: Session) -> bytes:
    """Return a session as a record, padded to the alignment of records.

    Raises:
        ValueError: Its facts are longer than a record may be; see `fit_facts`.
    """
    if len(session.facts) > MAX_FACTS_BYTES:
        raise ValueError(f"facts of {len(session.facts)} bytes have no room in a session")
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
