# SPDX-License-Identifier: Apache-2.0
"""Numbers of DNS and their names, as IANA has them in "Domain Name System (DNS) Parameters"."""

OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}

RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    11: "DSOTYPENI",
    16: "BADVERS",
    17: "BADKEY",
    18: "BADTIME",
    19: "BADMODE",
    20: "BADNAME",
    21: "BADALG",
    22: "BADTRUNC",
    23: "BADCOOKIE",
}

# 0x8001 is IN with the top bit of multicast DNS (RFC 6762 10.2 and 5.4): flush the cache, or
# answer to me alone.
CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY", 0x8001: "IN"}

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41

TYPES = {
    A: "A", NS: "NS", 3: "MD", 4: "MF", CNAME: "CNAME", SOA: "SOA", 7: "MB", 8: "MG", 9: "MR",
    10: "NULL", 11: "WKS", PTR: "PTR", 13: "HINFO", 14: "MINFO", MX: "MX", TXT: "TXT", 17: "RP",
    18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP", 23: "NSAP-PTR", 24: "SIG",
    25: "KEY", 26: "PX", 27: "GPOS", AAAA: "AAAA", 29: "LOC", 30: "NXT", 31: "EID", 32: "NIMLOC",
    SRV: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 40: "SINK",
    OPT: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC",
    48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP",
    56: "NINFO", 57: "RKEY", 58: "TALINK", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY",
    62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 66: "DSYNC", 67: "HHIT", 68: "BRID",
    99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC", 104: "NID", 105: "L32",
    106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 128: "NXNAME", 249: "TKEY", 250: "TSIG",
    251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA",
    258: "AVC", 259: "DOA", 260: "AMTRELAY", 261: "RESINFO", 262: "WALLET", 32768: "TA",
    32769: "DLV",
}  # fmt: skip


def opcode_name(code: int) -> str:
    """Return "QUERY", or "OPCODE7" for what the registry does not have."""
    return OPCODES.get(code) or f"OPCODE{code}"


def rcode_name(code: int) -> str:
    """Return "NOERROR", or "RCODE12" for what the registry does not have."""
    return RCODES.get(code) or f"RCODE{code}"


def type_name(code: int) -> str:
    """Return "A", or "TYPE1234" (RFC 3597) for what the registry does not have."""
    return TYPES.get(code) or f"TYPE{code}"


def class_name(code: int) -> str:
    """Return "IN", or "CLASS2" (RFC 3597) for what the registry does not have."""
    return CLASSES.get(code) or f"CLASS{code}"
