# SPDX-License-Identifier: Apache-2.0
"""Hellos of SSL 2.0, and those in its form that offer more (RFC 5246 E.2, RFC 6101 E)."""

import struct

from kflowd.protocols.tls.codes import SSL2, SSL3_MAJOR

BYTES = 11  # that tell such a hello from anything else
LONG = 0x8000  # of a length: without padding, as hellos are
CLIENT_HELLO, SERVER_HELLO = 1, 4
CIPHER_BYTES = 3
CHALLENGE = range(16, 33)
CLIENT = struct.Struct(">HBHHHH")  # length, type, version, bytes of ciphers, session, challenge
SERVER = struct.Struct(">HBBBHHH")  # length, type, flag, certificate, version, bytes of two


def may_begin(data: bytes | bytearray) -> bool:
    """Return whether a hello may begin with these bytes, which are fewer than needed to know it."""
    return data[0] >= LONG >> 8 and (len(data) < 3 or data[2] in (CLIENT_HELLO, SERVER_HELLO))


def version_of(data: bytes | bytearray) -> int | None:
    """Return the version of the hello that begins with these bytes, None if none does."""
    if data[2] == CLIENT_HELLO:
        length, _, version, ciphers, session, challenge = CLIENT.unpack_from(data)
        known = (
            length & ~LONG == CLIENT.size - 2 + ciphers + session + challenge
            and ciphers
            and ciphers % CIPHER_BYTES == 0
            and challenge in CHALLENGE
            and (version == SSL2 or version >> 8 == SSL3_MAJOR)
        )
        return version if known else None
    _, kind, flag, certificate, version, *_ = SERVER.unpack_from(data)
    known = kind == SERVER_HELLO and flag <= 1 and certificate <= 1 and version == SSL2
    return version if known else None
