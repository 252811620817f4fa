# SPDX-License-Identifier: Apache-2.0
"""Payload of packets whose ports are decoded."""

from kflowd.contract import layout, reader, span
from kflowd.model import Payload, Segment
from kflowd.protocols import Direction
from kflowd.records.header import RecordDecoder

RECORD = "struct kf_payload_record"
SEQ_MASK = 0xFFFFFFFF


def payload_decoder() -> RecordDecoder:
    """Return the decoder of captured payload."""
    fixed = layout(RECORD).size
    key_at, key_end = span(RECORD, "key")
    read = reader(
        RECORD,
        *("hdr.ts_ns", "start_ns", "tgid", "uid", "seq", "size", "captured"),
        *("local_port", "remote_port", "protocol", "received", "tcp_flags"),
    )

    def decode(batch: bytes, offset: int, size: int) -> Payload | None:
        # fmt: off
        (ts_ns, start_ns, tgid, uid, seq, whole, captured,
         local_port, remote_port, protocol, received, flags) = read(batch, offset)
        # fmt: on
        if captured > min(size - fixed, whole):
            return None
        begin = offset + fixed
        return Payload(
            ts_ns=ts_ns,
            key=batch[offset + key_at : offset + key_end],
            uid=uid,
            direction=Direction.RX if received else Direction.TX,
            protocol=protocol,
            local_port=local_port,
            remote_port=remote_port,
            flags=flags,
            # the SYN itself has a number, which the first byte is one behind
            seq=(seq - 1) & SEQ_MASK if flags & Segment.SYN else seq,
            size=whole,
            data=batch[begin : begin + captured],
            tgid=tgid,
            start_ns=start_ns,
        )

    return RecordDecoder(fixed, decode)
