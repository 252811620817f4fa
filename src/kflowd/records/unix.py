# SPDX-License-Identifier: Apache-2.0
"""UNIX socket records."""

from kflowd.contract import layout, reader, span
from kflowd.model import UnixAggregate
from kflowd.records.header import RecordDecoder, text
from kflowd.records.process import ProcessReader
from kflowd.records.usage import usage_reader

RECORD = "struct kf_unix_record"


def unix_decoder(processes: ProcessReader) -> RecordDecoder:
    """Return the decoder of UNIX socket records."""
    fixed = layout(RECORD).size
    process_at, _ = span(RECORD, "unix_sock.proc")
    names = (
        *("first_ns", "last_ns", "tx_bytes", "rx_bytes", "tx_messages", "rx_messages"),
        *("flags", "type", "role", "addr_len", "addr", "folded"),
        *("usage.rest_tx", "usage.rest_rx"),
    )
    usage = usage_reader(processes, RECORD, "unix_sock.usage")
    read = reader(RECORD, "hdr.ts_ns", *(f"unix_sock.{name}" for name in names))

    def decode(batch: bytes, offset: int, size: int) -> UnixAggregate | None:
        # fmt: off
        (ts_ns, first_ns, last_ns, tx_bytes, rx_bytes, tx_messages, rx_messages,
         flags, type_, role, length, address, folded, rest_tx, rest_rx) = read(batch, offset)
        # fmt: on
        if length > len(address):
            return None
        return UnixAggregate(
            ts_ns=ts_ns,
            process=processes.read(batch, offset + process_at),
            first_ns=first_ns,
            last_ns=last_ns,
            tx_bytes=tx_bytes,
            rx_bytes=rx_bytes,
            tx_messages=tx_messages,
            rx_messages=rx_messages,
            flags=flags,
            type=type_,
            role=role,
            address=address_text(address[:length]),
            folded=folded,
            usage=usage(batch, offset, size) if size > fixed or rest_tx or rest_rx else None,
        )

    return RecordDecoder(fixed, decode)


def address_text(raw: bytes) -> str:
    """Return sun_path as text: a path ends at its NUL, an abstract name begins with "@"."""
    if raw.startswith(b"\0"):
        return "@" + text(raw[1:])
    return text(raw.partition(b"\0")[0])
