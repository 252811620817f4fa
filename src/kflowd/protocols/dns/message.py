# SPDX-License-Identifier: Apache-2.0
"""A DNS message becomes the members that a record has for it (RFC 1035 4.1, 6891)."""

import struct
from typing import Any

from kflowd.protocols.base import Limits
from kflowd.protocols.dns.codes import OPCODES, OPT, class_name, opcode_name, rcode_name, type_name
from kflowd.protocols.dns.names import EndsError, UnreadableError, read_name, skip_name
from kflowd.protocols.dns.rdata import generic_text, rdata_text

EXCEPTION = "DNS Message Decoder"
HEADER = struct.Struct(">6H")
PAIR = struct.Struct(">HH")
FIXED = struct.Struct(">HHIH")  # type, class, TTL, bytes of data
RESPONSE, RESERVED = 0x8000, 0x40
FLAGS = {RESPONSE: "QR", 0x400: "AA", 0x200: "TC", 0x100: "RD", 0x80: "RA"}
DSO = 6  # has other things than records behind its header (RFC 8490 5.4)
WITHOUT_DATA = frozenset([254, 255])  # classes of an UPDATE that deletes (RFC 2136 2.5)
CLIENT_SUBNET = 8
ADDRESS_BITS = {1: 32, 2: 128}


class Reader:
    """Goes through the sections of a message, and keeps what is shown.

    Attributes:
        at: Where it is.
        rows: What a record shows of questions or answers.
        read: Questions and records that were whole.
        cut: There were more of them than are shown, or longer ones.
        rcode: Upper bits of the response code, by OPT.
        complaint: What was wrong first, "" if nothing is; names the entry.

    Args:
        data: The message.
        limits: How much of it is shown.
        whole: It is no fault that it ends early if it is not.
    """

    def __init__(self, data: bytes, limits: Limits, *, whole: bool) -> None:
        self.at = HEADER.size
        self.rows: list[list[Any]] = []
        self.read = 0
        self.cut = False
        self.rcode = 0
        self.complaint = ""
        self._whole = whole
        self._data = data
        self._end = len(data)
        self._limits = limits
        self._edns = False

    def sections(self, counts: tuple[int, ...], *, response: bool) -> None:
        """Go through all of them, to their end or to where no more can be read."""
        of = ("question", "answer", "authority", "additional")
        entries = (
            self._skip_question if response else self._question,
            self._answer if response else self._skip_record,
            self._skip_record,
            self._additional,
        )
        for title, count, entry in zip(of, counts, entries, strict=True):
            for number in range(count):
                where = self.at
                try:
                    entry()
                except UnreadableError as error:
                    lost = self.at == where  # where the next one begins is not known
                    if self._whole or not lost or not isinstance(error, EndsError):
                        place = f"{title} {number + 1} of {count}"
                        self.complaint = self.complaint or f"{place}: {error}"
                    if lost:
                        return
                self.read += 1

    def _question(self) -> None:
        if self._full():
            self._skip_question()
            return
        name, at = read_name(self._data, self.at, self._end)
        kind = self._pair(at)
        self._show([type_name(kind), name])

    def _skip_question(self) -> None:
        self._pair(skip_name(self._data, self.at, self._end))

    def _pair(self, at: int) -> int:
        """Go behind type and class of a question, and return its type."""
        if at + PAIR.size > self._end:
            raise EndsError("ends early")
        self.at = at + PAIR.size
        return self._data[at] << 8 | self._data[at + 1]

    def _fixed(self, at: int) -> tuple[int, int, int, int]:
        """Go behind a record, and return type, class, TTL and where its data begin."""
        begin = at + FIXED.size
        if begin > self._end:
            raise EndsError("ends early")
        kind, group, ttl, size = FIXED.unpack_from(self._data, at)
        if begin + size > self._end:
            raise EndsError("data end early")
        self.at = begin + size
        return kind, group, ttl, begin

    def _skip_record(self) -> None:
        self._fixed(skip_name(self._data, self.at, self._end))

    def _answer(self) -> None:
        if self._full():
            self._skip_record()
            return
        name, at = read_name(self._data, self.at, self._end)
        kind, group, ttl, begin = self._fixed(at)
        problem = None
        if begin == self.at and group in WITHOUT_DATA:
            text = ""
        else:
            try:
                text = rdata_text(kind, group, self._data, begin, self.at)
            except UnreadableError as error:
                text, problem = generic_text(self._data[begin : self.at]), error
        self._show([type_name(kind), name, ttl, class_name(group), text])
        if problem:
            raise problem

    def _additional(self) -> None:
        kind, _, ttl, begin = self._fixed(skip_name(self._data, self.at, self._end))
        if kind != OPT:
            return
        if self._edns:
            raise UnreadableError("a second OPT")
        self._edns = True
        self.rcode = ttl >> 20 & 0xFF0
        _check_options(self._data, begin, self.at)

    def _full(self) -> bool:
        """Say whether no more is shown; the rest is gone over."""
        full = len(self.rows) >= self._limits.items
        self.cut = self.cut or full
        return full

    def _show(self, row: list[Any]) -> None:
        most = self._limits.text_bytes
        if len(row[-1]) > most:
            row[-1] = row[-1][:most]
            self.cut = True
        self.rows.append(row)


def _check_options(data: bytes, at: int, end: int) -> None:
    """Complain of options of EDNS that are none (RFC 6891 6.1.2, 7871 6)."""
    while at < end:
        if at + PAIR.size > end:
            raise UnreadableError("EDNS option ends early")
        code, size = PAIR.unpack_from(data, at)
        at += PAIR.size
        if at + size > end:
            raise UnreadableError(f"EDNS option {code} is longer than the data")
        if code == CLIENT_SUBNET and size:
            family, bits = int.from_bytes(data[at : at + 2], "big"), data[at + 2 : at + 3]
            most = ADDRESS_BITS.get(family, 0)
            if size < 4 or bits[0] > most or size != 4 + (bits[0] + 7) // 8:
                raise UnreadableError("EDNS client subnet is none")
        at += size


def decode(data: bytes, limits: Limits, *, whole: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the members and the notes of a message.

    What is not as DNS has it is named in a last member `_Exception`, behind all that could be read.
    Where nothing could, it is the only one.

    Args:
        data: The message, or its first bytes.
        limits: How much of it is shown.
        whole: No byte of it is missing: that it ends early is its own fault.
    """
    if len(data) < HEADER.size:
        return undecodable(), ["MALFORMED"] if whole else []
    ident, bits, *counts = HEADER.unpack_from(data)
    response = bits >= RESPONSE
    reader = Reader(data, limits, whole=whole)
    reader.sections(tuple(counts), response=response)
    if not reader.read and not plausible(bits):
        return undecodable(), ["MALFORMED"]
    flags = [name for bit, name in FLAGS.items() if bits & bit]
    members: dict[str, Any] = {"TransactionId": ident}
    if response:
        members["ResponseCode"] = rcode_name(reader.rcode | bits & 15)
        members["Flags"] = flags
        members["AnswerCount"] = counts[1]
    else:
        members["OpCode"] = opcode_name(bits >> 11 & 15)
        members["Flags"] = flags
    members["ResourceRecords"] = reader.rows
    notes = ["CUT"] if reader.cut else []
    if reader.complaint:
        members["_Exception"] = f"{EXCEPTION}: {reader.complaint}"
        notes.append("MALFORMED")
    elif whole and reader.at < len(data) and bits >> 11 & 15 != DSO:
        notes.append("TRAILING")
    return members, notes


def undecodable() -> dict[str, Any]:
    """Return the members of what is no DNS message."""
    return {"_Exception": EXCEPTION}


def plausible(bits: int) -> bool:
    """Say whether flags are those that a message has; a query has no response code."""
    if bits & RESERVED or bits >> 11 & 15 not in OPCODES:
        return False
    return bits >= RESPONSE or not bits & 15
