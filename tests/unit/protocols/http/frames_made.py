# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2 as its tests send them."""

import hpack

from kflowd.protocols.http.frames import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Pairs = list[tuple[str, str]]
ASK: Pairs = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a.example"),
    (":path", "/x"),
    ("user-agent", "test"),
]
ANSWER: Pairs = [(":status", "200"), ("content-type", "text/plain")]


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    """Return a frame."""
    head = len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4)
    return head + payload


SETTINGS = frame(4)


class Sender:
    """Packs headers as hpack does, with its table."""

    def __init__(self) -> None:
        self._encoder = hpack.Encoder()

    def block(self, pairs: Pairs, *, huffman: bool = True) -> bytes:
        """Return a header block."""
        return self._encoder.encode(pairs, huffman=huffman)

    def headers(self, pairs: Pairs, stream: int = 1, *, ends: bool = True, parts: int = 1) -> bytes:
        """Return a header block in a HEADERS frame, or with more frames of CONTINUATION."""
        block = self.block(pairs)
        size = -(-len(block) // parts)
        pieces = [block[at : at + size] for at in range(0, len(block), size)]
        said = b""
        for number, piece in enumerate(pieces):
            flags = END_HEADERS if number == len(pieces) - 1 else 0
            flags |= END_STREAM if ends and not number else 0
            said += frame(CONTINUATION if number else HEADERS, piece, flags=flags, stream=stream)
        return said


def data(payload: bytes, stream: int = 1, *, ends: bool = True) -> bytes:
    """Return a DATA frame."""
    return frame(DATA, payload, flags=END_STREAM if ends else 0, stream=stream)
