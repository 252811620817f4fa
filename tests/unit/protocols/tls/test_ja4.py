# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest

from kflowd.protocols.tls.ja4 import Offer, fingerprint


def numbers(text: str) -> list[int]:
    return [int(it, 16) for it in text.split(",")]


# of a browser and of OpenSSL, as they are published; the order of ciphers and extensions is none
BROWSER = Offer(
    version=0x0304,
    ciphers=numbers(
        "5a5a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
    ),
    extensions=numbers(
        "aaaa,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,1a1a"
    ),
    signatures=numbers("0403,0804,0401,0503,0805,0501,0806,0601"),
    alpn=b"h2",
)
LIBRARY = Offer(
    version=0x0304,
    ciphers=numbers("1302,1303,1301,c02c,c030,c02b,c02f,cca9,cca8,00ff"),
    extensions=numbers("0000,000b,000a,0023,0010,0005,0017,000d,002b,002d,0033"),
    signatures=numbers("0503,0403,0807,0806,0805,0804,0601,0501,0401"),
    alpn=b"h2",
)


@pytest.mark.parametrize(
    ("offer", "known"),
    [
        (BROWSER, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
        (LIBRARY, "t13d1011h2_61a7ad8aa9b6_3fcd1a44f3e3"),
    ],
)
def test_fingerprints_are_those_that_are_published(offer: Offer, known: str) -> None:
    """What stands for nothing is left out."""
    assert fingerprint(offer) == known


def test_what_is_absent_is_zeroes() -> None:
    """No name, no protocol, no cipher, no extension."""
    nothing = Offer(version=0x9999, ciphers=[], extensions=[], signatures=[], alpn=b"")
    assert fingerprint(nothing) == "t00i000000_000000000000_000000000000"


@pytest.mark.parametrize(
    ("alpn", "ends"),
    [(b"http/1.1", "h1"), (b"h", "hh"), (b"\xab", "ab"), (b"\xab\xcd", "ad"), (b"0\xab", "3b"),
     (b"h2-", "6d")],
)  # fmt: skip
def test_ends_of_a_protocol(alpn: bytes, ends: str) -> None:
    """Of its digits, where one of both is no letter or number."""
    assert fingerprint(msgspec.structs.replace(BROWSER, alpn=alpn))[8:10] == ends


def test_counts_have_two_digits() -> None:
    """More than 99 are 99."""
    many = msgspec.structs.replace(BROWSER, ciphers=list(range(300)), extensions=[0] * 1000)
    assert fingerprint(many)[4:8] == "9999"
