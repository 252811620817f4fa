# SPDX-License-Identifier: Apache-2.0
"""UNIX socket records."""

from kflowd.contract import layout
from kflowd.model import UnixAggregate, UnixKey
from kflowd.records.header import RecordDecoder, maker, picker, text
from kflowd.records.process import ProcessReader


def unix_decoder(processes: ProcessReader) -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of UNIX socket records."""
    record = layout("struct kf_unix_record")
    process_at, ts = record.offset["unix_sock.proc"], record.index["hdr.ts_ns"]
    pick_key = picker(record, "key", UnixKey.__struct_fields__)
    names = UnixAggregate.__struct_fields__
    pick = picker(record, "unix_sock", names[names.index("first_ns") : names.index("address")])
    pick_address = picker(record, "unix_sock", ("addr", "addr_len"))

    make = maker(UnixAggregate)

    def decode(batch: bytes, offset: int, _size: int) -> UnixAggregate | None:
        members = record.unpack_from(batch, offset)
        address, length = pick_address(members)
        if length > len(address):
            return None
        return make(
            members[ts],
            UnixKey(*pick_key(members)),
            processes.read(batch, offset + process_at),
            *pick(members),
            address_text(address[:length]),
        )

    return record.size, decode


def address_text(raw: bytes) -> str:
    """Return sun_path as text: a path ends at its NUL, an abstract name begins with "@"."""
    if raw.startswith(b"\0"):
        return "@" + text(raw[1:])
    return text(raw.partition(b"\0")[0])
