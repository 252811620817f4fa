# SPDX-License-Identifier: Apache-2.0
"""What dnspython reads in a message, in the form of a record."""

import re
from typing import Any, NamedTuple

import dns.exception
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from kflowd.protocols.base import Limits
from kflowd.protocols.dns.message import decode

ALL = Limits(items=10000, text_bytes=1 << 20)
# of the registry, but not of dnspython
NAMES = {
    31: "EID",
    32: "NIMLOC",
    34: "ATMA",
    40: "SINK",
    57: "RKEY",
    58: "TALINK",
    100: "UINFO",
    101: "UID",
    102: "GID",
    259: "DOA",
}
# What dnspython refuses and we show, each with the reason.
LENIENT = (
    # multicast DNS compresses in all data, RFC 6762 18.14
    "A name has a compression pointer but decompression is forbidden",
    # what data mean is for who uses them: digests of a length that their kind has not
    "digest ",
    "certificate association data length inconsistent",
    "invalid ECHConfigList",
    "scheme 0 is reserved",
    "hash_algorithm 0 is reserved",
    # bytes that say nothing, where a reader can go on
    "bad NSEC",
    "fingerprint length inconsistent",
    "bad CSYNC",
    # the parameter that is missing is not in what is shown either
    "key ",
    "mandatory keys not in",
    "no-default-alpn present",
    "parameters in AliasMode",
    "tag is not alphanumeric",
)
NAMING = frozenset([24, 46, 47, 50, 62, 66])  # types whose data name types
STYLE = dns.rdata.RdataStyle(omit_final_dot=True, base64_chunk_size=0, hex_chunk_size=0)


class Read(NamedTuple):
    """A message, as dnspython has it; errors are those that it went over."""

    questions: list[list[Any]]
    answers: list[list[Any]]
    rcode: str
    errors: list[str]


def type_text(kind: int) -> str:
    """Return the name of a type, as the registry spells it."""
    if kind in NAMES:
        return NAMES[kind]
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(kind)).replace("_", "-")


def data_text(data: dns.rdata.Rdata) -> str:
    """Return data as text; types in it have the names above."""
    text = data.to_styled_text(STYLE).rstrip(" ")
    if data.rdtype in NAMING:
        text = re.sub(r"\bTYPE([0-9]+)\b", lambda it: type_text(int(it[1])), text)
        text = text.replace("NSAP_PTR", "NSAP-PTR")
    return text


def rows(sets: list[dns.rrset.RRset]) -> list[list[Any]]:
    """Return the records of a section."""
    found = []
    for each in sets:
        group = dns.rdataclass.to_text(each.deleting or each.rdclass)
        head = [type_text(each.rdtype), each.name.to_text(omit_final_dot=True)]
        if not len(each):
            found.append([*head, each.ttl, group, ""])
        found += [[*head, each.ttl, group, data_text(data)] for data in each]
    return found


def read(wire: bytes) -> Read | None:
    """Return what is in a message, None where nothing is."""
    try:
        it = dns.message.from_wire(
            wire, keyring=False, ignore_trailing=True, continue_on_error=True, one_rr_per_rrset=True
        )
    except (dns.exception.DNSException, ValueError):
        return None
    rcode = dns.rcode.to_text(it.rcode())
    return Read(
        [[type_text(each.rdtype), each.name.to_text(omit_final_dot=True)] for each in it.question],
        rows(it.answer),
        f"RCODE{rcode}" if rcode.isdigit() else rcode,
        [str(error.exception) for error in it.errors],
    )


def differs(data: bytes) -> bool:
    """Say whether a message has what both take for something else, each with its reason."""
    members, _ = decode(data, ALL, whole=True)
    if data[2] >> 3 & 15 not in (0, 4) or "ResourceRecords" not in members:
        return True  # an UPDATE has other sections there; of others we know more
    rows = [row for row in members["ResourceRecords"] if len(row) == 5]
    return any(
        # data of the Internet in another class: dnspython shows their bytes
        row[3] != "IN"
        # there the top bit of a class is that of multicast DNS
        or b"\x80\1" in data
        # dnspython has no use for an OPT that is an answer, nor for signatures that are not last
        or row[0] in ("OPT", "TSIG", "SIG")
        # it shows the bytes of these alone
        or row[0] in ("RKEY", "TALINK", "TA")
        # it takes a TTL with its top bit for 0 (RFC 2181 8): we show what was sent
        or row[2] > 0x7FFFFFFF
        for row in rows
    ) or "pointer does not go back to a name" in str(members.get("_Exception"))  # into the header
