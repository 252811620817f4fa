# SPDX-License-Identifier: Apache-2.0
"""Numbers of TLS, and their names: IANA's registries, RFC 8446, 8701, 9849."""

from collections.abc import Iterable

SSL2 = 0x0002
SSL3_MAJOR = 3  # of SSL 3.0 and all TLS
DRAFT_MAJOR = 0x7F  # of TLS 1.3 before it was one
VERSIONS = {
    SSL2: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}

# of extensions
SERVER_NAME, SIGNATURES, ALPN, SUPPORTED_VERSIONS, ENCRYPTED_HELLO = 0, 13, 16, 43, 0xFE0D

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}


def is_grease(number: int) -> bool:
    """Return whether a number of two bytes stands for nothing (RFC 8701)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def version_name(number: int) -> str:
    """Return the name of a version, 0x0305 of one that has none."""
    if number >> 8 == DRAFT_MAJOR:
        return f"TLS 1.3 draft {number & 0xFF}"
    return VERSIONS.get(number) or f"0x{number:04x}"


def highest(numbers: Iterable[int]) -> int | None:
    """Return the highest version of those that are one, None if there is none.

    Drafts have higher numbers than TLS 1.3, and are lower; what nobody knows is lower than both.
    """
    known = [it for it in numbers if not is_grease(it)]
    return max(known, key=lambda it: (it in VERSIONS, it >> 8 == DRAFT_MAJOR, it), default=None)


def alert_name(number: int) -> str:
    """Return the name of an alert, ALERT99 of one that has none."""
    return ALERTS.get(number) or f"ALERT{number}"
