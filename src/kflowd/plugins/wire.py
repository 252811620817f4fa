# SPDX-License-Identifier: Apache-2.0
"""What goes between the agent and the process of a plugin: frames of MessagePack, bounded.

The agent believes nothing of what comes: `answer_of` says what an answer may be.
"""

import math
import re
from typing import Annotated, Any

import msgspec

from kflowd.model import LABELLED_BY
from kflowd.protocols import NOTES, Piece

# Of the interface of plugins; one that is made for another is not loaded.
INTERFACE = 1
LENGTH_BYTES = 4
# two directions of a script with what is around their pieces
MAX_REQUEST = 1 << 18
MAX_ANSWER = 1 << 16
# Messages of a record, as of all applications.
SHOWN = 4
MAX_DEPTH = 8
MAX_NOTES = 8
MAX_MORE = 1 << 31
MAX_TS = 1 << 62
MAX_TEXT = 200
MAX_LABELS = 8
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
LabelName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_]{0,31}$")]
LabelText = Annotated[str, msgspec.Meta(max_length=256)]


class LabelRequest(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="label"):
    """A process to label.

    Attributes:
        number: Of the request, which the answer has.
        name: Of the enricher.
        facts: Values of what it asks by, by their names.
    """

    number: int
    name: str
    facts: dict[str, str | int]


class Request(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="read"):
    """A script to read.

    Attributes:
        number: Of the request, which the answer has.
        word: Of the application.
        conversation: Of this application.
        joined: Its beginning is not known.
        ended: It is the last of the conversation.
        user: Whose socket it is: what one user's conversations fill is not room of the others.
        shown: Messages that are wanted; more are counted.
        pieces: As of a Script.
    """

    number: int
    word: str
    conversation: int
    joined: bool
    ended: bool
    user: int
    shown: int
    pieces: tuple[Piece, ...]


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """The first that a plugin says.

    Attributes:
        version: Of the plugin, as it calls it.
        words: Applications that it reads.
        enrichers: Those that it has, with what each asks by.
        problem: Why it cannot be used, "" if it can.
    """

    version: str = ""
    words: list[str] = []
    problem: str = ""
    enrichers: dict[str, list[str]] = {}


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a plugin read.

    Attributes:
        number: Of the request.
        error: Of the plugin, in place of messages; "" if it read them.
        more: Messages beside those that are here.
        messages: Time, direction, members, notes, length of each; see protocols.Message.
        labels: Of a process, by their names.
    """

    number: int
    error: str = ""
    more: int = 0
    messages: list[tuple[int, int, dict[str, Any], list[str], int]] = []
    labels: dict[LabelName, LabelText] = {}


AnyRequest = Request | LabelRequest
_encode = msgspec.msgpack.Encoder().encode
_request: msgspec.msgpack.Decoder[AnyRequest] = msgspec.msgpack.Decoder(AnyRequest)
_answer = msgspec.msgpack.Decoder(Answer)
_hello = msgspec.msgpack.Decoder(Hello)


class WireError(Exception):
    """What came is no frame, or nothing that was asked for."""


def frame(value: AnyRequest | Hello | Answer) -> bytes:
    """Return a value as a frame.

    Raises:
        UnicodeEncodeError: It has text that is no UTF-8.
    """
    body = _encode(value)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class Frames:
    """Takes frames out of bytes.

    Args:
        limit: Bytes of one of them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._kept += data

    def next(self) -> bytes | None:
        """Return the next frame without its length, None if it is not whole.

        Raises:
            WireError: It is longer than it may be.
        """
        if len(self._kept) < LENGTH_BYTES:
            return None
        size = int.from_bytes(self._kept[:LENGTH_BYTES], "big")
        if size > self._limit:
            raise WireError(f"an answer of {size} bytes")
        if len(self._kept) < (end := LENGTH_BYTES + size):
            return None
        body = bytes(self._kept[LENGTH_BYTES:end])
        del self._kept[:end]
        return body


def request_of(body: bytes) -> AnyRequest:
    """Return the request in a frame."""
    return _request.decode(body)


def hello_of(body: bytes) -> Hello:
    """Return what a plugin says first.

    Raises:
        WireError: It is nothing of the kind.
    """
    try:
        hello = _hello.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise WireError("no greeting") from None
    enrichers = {
        name: by
        for name, by in hello.enrichers.items()
        if NAME.fullmatch(name) and set(by) <= set(LABELLED_BY) and 0 < len(by) <= len(LABELLED_BY)
    }
    words = [text(it) for it in hello.words[:64]]
    return Hello(text(hello.version), words, text(hello.problem), enrichers)


def answer_of(body: bytes, shown: int) -> Answer:
    """Return the answer in a frame, with nothing in it that a record cannot have.

    Args:
        body: Of the frame.
        shown: Messages that were wanted.

    Raises:
        WireError: It is no answer.
    """
    try:
        answer = _answer.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise WireError("an answer that is none") from None
    if len(answer.labels) > MAX_LABELS:
        raise WireError("an answer of more labels than there may be")
    if len(answer.messages) > shown or not 0 <= answer.more <= MAX_MORE:
        raise WireError("an answer of more messages than were asked for")
    for ts_ns, direction, members, notes, length in answer.messages:
        if not (0 <= ts_ns <= MAX_TS and direction in {0, 1} and 0 <= length <= MAX_TS):
            raise WireError("a message with a number that cannot be")
        if len(notes) > MAX_NOTES or not NOTES.keys() >= set(notes):
            raise WireError("a message with notes of its own")
        _check(members)
    return answer


def _check(members: dict[str, Any]) -> None:
    """Raise WireError if there is anything that JSON has not, or objects too deep in each other."""
    level: list[Any] = [members]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                if not all(type(key) is str for key in value):
                    raise WireError("a message with a key that is no text")
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float):
                if not math.isfinite(value):
                    raise WireError("a message with a number that is none")
            elif value is not None and type(value) not in {bool, int, str}:
                raise WireError(f"a message with a value of {type(value).__name__}")
        level = inner
        if not level:
            return
    raise WireError(f"a message deeper than {MAX_DEPTH}")


def text(value: object) -> str:
    """Return what a plugin says in one short line that drives no terminal."""
    line = " ".join(str(value)[: 4 * MAX_TEXT].split())[:MAX_TEXT]
    return "".join(it if it.isprintable() and it.isascii() else "?" for it in line)
