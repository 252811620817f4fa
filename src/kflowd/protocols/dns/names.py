# SPDX-License-Identifier: Apache-2.0
"""Names and strings of a DNS message, as text (RFC 1035 3.1, 4.1.4 and 5.1)."""

NAME_BYTES = 255
# Pointers followed for one name. A writer needs one, two where it compresses what is compressed.
CHAIN = 20
POINTER = 0xC0
# in names; a dot or a backslash in a label is told apart from those of the text
ESCAPED = b'"().;\\@$'
LABEL = {
    byte: chr(byte)
    if 0x20 < byte < 0x7F and byte not in ESCAPED
    else f"\\{byte:c}"
    if byte in ESCAPED
    else f"\\{byte:03d}"
    for byte in range(256)
}
STRING = {
    byte: f"\\{byte:c}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"
    for byte in range(256)
}
PLAIN = bytes(byte for byte in range(256) if len(LABEL[byte]) == 1)


class UnreadableError(ValueError):
    """Bytes are not as DNS has them; the text says how."""


class EndsError(UnreadableError):
    """The bytes end too early."""


def escaped(data: bytes) -> str:
    """Return the text of a character string, without quotes around it."""
    return "".join([STRING[byte] for byte in data])


def read_name(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Return the name at an offset as text, without the last dot, and where it ends there.

    The root is ".". Pointers go back only, each to what is ahead of all that was read of this
    name, so that none is followed twice.

    Args:
        data: The message.
        at: Where the name begins.
        end: Where what it is part of ends.

    Raises:
        UnreadableError: It is none.
    """
    labels: list[str] = []
    after, start, chain, left = 0, at, CHAIN, NAME_BYTES
    while True:
        if at >= end:
            raise EndsError("name ends early")
        size = data[at]
        if size < 64:
            at += 1
            left -= size + 1
            if left < 0:
                raise UnreadableError(f"name has more than {NAME_BYTES} bytes")
            if not size:
                return ".".join(labels) or ".", after or at
            label = data[at : at + size]
            at += size
            if at > end:
                raise EndsError("name ends early")
            labels.append(label_text(label))
        elif size >= POINTER:
            if at + 2 > end:
                raise EndsError("name ends early")
            after = after or at + 2
            at = (size & 63) << 8 | data[at + 1]
            chain -= 1
            if at >= start or at < 12:
                raise UnreadableError("pointer does not go back to a name")
            if chain < 0:
                raise UnreadableError(f"name has more than {CHAIN} pointers")
            start, end = at, len(data)
        else:
            raise UnreadableError("label has a type that is not known")


def label_text(label: bytes) -> str:
    """Return a label as text."""
    # most have nothing that is escaped
    if label.isalnum() or not label.translate(None, PLAIN):
        return label.decode("ascii")
    return "".join([LABEL[byte] for byte in label])


def skip_name(data: bytes, at: int, end: int) -> int:
    """Return where a name ends that nobody asks for: its pointer is not followed.

    Raises:
        UnreadableError: It is none.
    """
    start = at
    while at < end:
        size = data[at]
        if not size:
            return at + 1
        if size >= POINTER:
            if at + 2 > end:
                break
            if not 12 <= (size & 63) << 8 | data[at + 1] < start:
                raise UnreadableError("pointer does not go back to a name")
            return at + 2
        if size >= 64:
            raise UnreadableError("label has a type that is not known")
        at += size + 1
        if at - start >= NAME_BYTES:
            raise UnreadableError(f"name has more than {NAME_BYTES} bytes")
    raise EndsError("name ends early")
