# SPDX-License-Identifier: Apache-2.0
"""Data of resource records as text: `10 mail.example.com` for the bytes of an MX."""

from kflowd.protocols.dns import fields
from kflowd.protocols.dns.codes import AAAA, CNAME, A
from kflowd.protocols.dns.fields import Read
from kflowd.protocols.dns.names import UnreadableError, read_name
from kflowd.protocols.dns.service import parameters

# In class CH the data of type A are no address of the Internet.
CHAOS = 3

FIELDS: dict[str, Read] = {
    "1": fields.number(1),
    "2": fields.number(2),
    "4": fields.number(4),
    "name": read_name,
    "type": fields.covered,
    "scheme": fields.scheme,
    "time": fields.moment,
    "string": fields.quoted,
    "string?": fields.maybe_quoted,
    "strings": fields.all_quoted,
    "word": fields.unquoted,
    "text": fields.rest_quoted,
    "hex": fields.rest_hex,
    "base64": fields.rest_base64,
    "dashed": fields.all_dashed,
    "salt": fields.salt,
    "hash": fields.hashed,
    "types": fields.bitmap,
    "parameters": parameters,
}

# Fields by the number of the type, in the order of the wire.
_WORDS = {
    "name": (2, 5, 12, 23, 39),  # NS CNAME PTR NSAP-PTR DNAME
    "name name 4 4 4 4 4": (6,),  # SOA
    "string string": (13,),  # HINFO
    "2 name": (15, 18, 21, 36, 107),  # MX AFSDB RT KX LP
    "strings": (16, 56, 99, 258, 261, 262),  # TXT NINFO SPF AVC RESINFO WALLET
    "name name": (17, 58),  # RP TALINK
    "string": (19,),  # X25
    "string string?": (20,),  # ISDN
    "type 1 1 4 time time 2 name base64": (24, 46),  # SIG RRSIG
    "2 1 1 base64": (25, 48, 57, 60),  # KEY DNSKEY RKEY CDNSKEY
    "2 name name": (26,),  # PX
    "2 2 2 name": (33,),  # SRV
    "2 2 string string string name": (35,),  # NAPTR
    "2 1 1 hex": (43, 59, 32768, 32769),  # DS CDS TA DLV
    "1 1 hex": (44,),  # SSHFP
    "name types": (47,),  # NSEC
    "base64": (49, 61, 67, 68),  # DHCID OPENPGPKEY HHIT BRID
    "1 1 2 salt hash types": (50,),  # NSEC3
    "1 1 2 salt": (51,),  # NSEC3PARAM
    "1 1 1 hex": (52, 53),  # TLSA SMIMEA
    "4 2 types": (62,),  # CSYNC
    "4 1 1 hex": (63,),  # ZONEMD
    "2 name parameters": (64, 65),  # SVCB HTTPS
    "type scheme 2 name": (66,),  # DSYNC
    "dashed": (108, 109),  # EUI48 EUI64
    "2 2 text": (256,),  # URI
    "1 word text": (257,),  # CAA
}
LAYOUTS: dict[int, tuple[Read, ...]] = {
    code: tuple(FIELDS[word] for word in words.split())
    for words, codes in _WORDS.items()
    for code in codes
}


def rdata_text(kind: int, group: int, data: bytes, at: int, end: int) -> str:
    """Return the data of a record as text.

    Args:
        kind: Number of its type.
        group: Number of its class.
        data: The message: names in the data may point back into it.
        at: Where the data begin.
        end: Where they end, within the message.

    Raises:
        UnreadableError: They are not as the type has them.
    """
    if kind == A and group != CHAOS:
        if end - at == 4:
            return fields.ipv4(data[at:end])
        raise UnreadableError("address has not 4 bytes")
    if kind == AAAA:
        if end - at == 16:
            return fields.ipv6(data[at:end])
        raise UnreadableError("address has not 16 bytes")
    if kind == CNAME:
        text, at = read_name(data, at, end)
    else:
        layout = LAYOUTS.get(kind)
        if layout is None:
            return generic_text(data[at:end])
        texts = []
        for read in layout:
            text, at = read(data, at, end)
            texts.append(text)
        text = " ".join(filter(None, texts))
    if at != end:
        raise UnreadableError("data are longer than their type has them")
    return text


def generic_text(raw: bytes) -> str:
    r"""Return any data as `\# 4 c0000201` (RFC 3597 5)."""
    return f"\\# {len(raw)} {raw.hex()}" if raw else "\\# 0"
