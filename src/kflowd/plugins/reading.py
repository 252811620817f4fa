# SPDX-License-Identifier: Apache-2.0
"""Runs the decoders of a plugin over scripts, keeps connections that go on; and its enrichers."""

from collections.abc import Mapping
from typing import Any

from kflowd.plugins.loading import Labeller
from kflowd.plugins.wire import MAX_TEXT, Answer, AnyRequest, LabelRequest, Request
from kflowd.protocols import Application, Conversation, Direction, Message, Piece, PieceKind

# Connections that go on, each with what its decoder keeps. Without room the user who has most of
# them loses the one that was silent longest: what it says next begins inside a message.
MAX_OPEN = 1024
_Key = tuple[str, int]


class Reader:
    """The decoders and enrichers of a plugin.

    Args:
        decoders: By their words.
        limit: Connections that go on.
        enrichers: By their names.
    """

    def __init__(
        self,
        decoders: Mapping[str, Application],
        limit: int = MAX_OPEN,
        enrichers: Mapping[str, Labeller] | None = None,
    ) -> None:
        self._decoders = decoders
        self._enrichers = enrichers or {}
        self._limit = limit
        self._count = 0
        # of each user, the one that was silent longest first
        self._open: dict[int, dict[_Key, Conversation]] = {}

    def answer(self, request: AnyRequest) -> Answer:
        """Return the answer to a request; an error of the plugin is one, too.

        Raises:
            MemoryError: The process has reached its limit.
        """
        try:
            if isinstance(request, LabelRequest):
                return self._label(request)
            return self._read(request)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a decoder's own: it costs its conversation
            said = f"{type(error).__name__}: {error}"[:MAX_TEXT]
            return Answer(request.number, said.encode("utf-8", "replace").decode())

    def _label(self, request: LabelRequest) -> Answer:
        labels = self._enrichers[request.name].enrich_actor(request.facts)
        return Answer(request.number, labels=_readable(dict(labels)))

    def _read(self, request: Request) -> Answer:
        messages = self._messages(request)
        messages.sort(key=lambda it: it.ts_ns)
        shown = [_plain(it) for it in messages[: request.shown]]
        return Answer(request.number, "", len(messages) - len(shown), shown)

    def _messages(self, request: Request) -> list[Message]:
        decoder = self._decoders[request.word]
        key = request.word, request.conversation
        conversation = self._taken(request.user, key)
        found: list[Message] = []
        overlaps: set[int] = set()
        for piece in request.pieces:
            direction = Direction(piece.direction)
            if piece.kind == PieceKind.DATAGRAM:
                found += decoder.datagram(direction, piece.data, piece.size, piece.ts_ns)
                continue
            if piece.kind == PieceKind.OVERLAP:
                overlaps.add(direction)
                continue
            if conversation is None:
                conversation = decoder.conversation(joined=request.joined)
            told = _fed(conversation, piece, direction)
            if told and direction in overlaps:
                overlaps.discard(direction)
                told[0].notes = _noted(told[0].notes, "OVERLAP")
            found += told
        if conversation is not None and not request.ended:
            self._keep(request.user, key, conversation)
        return found

    def _taken(self, user: int, key: _Key) -> Conversation | None:
        conversations = self._open.get(user, {})
        found = conversations.pop(key, None)
        if found is not None:
            self._count -= 1
            if not conversations:
                del self._open[user]
        return found

    def _keep(self, user: int, key: _Key, conversation: Conversation) -> None:
        self._open.setdefault(user, {})[key] = conversation
        self._count += 1
        if self._count > self._limit:
            most = max(self._open, key=lambda it: len(self._open[it]))
            self._taken(most, next(iter(self._open[most])))


def _fed(conversation: Conversation, piece: Piece, direction: Direction) -> list[Message]:
    if piece.kind == PieceKind.DATA:
        return conversation.feed(direction, piece.data, piece.ts_ns)
    if piece.kind == PieceKind.GAP:
        return conversation.gap(direction, piece.size, piece.ts_ns)
    told = conversation.end(direction)
    for message in told if piece.kind == PieceKind.CUT else ():
        message.notes = _noted(message.notes, "UNFINISHED")
    return told


def _noted(notes: list[str], word: str) -> list[str]:
    return notes if word in notes else [*notes, word]


def _plain(message: Message) -> tuple[int, int, dict[str, Any], list[str], int]:
    if not isinstance(message, Message):
        raise TypeError("a decoder returned what is no Message")
    members = _readable(message.members)
    notes = list(message.notes)
    return int(message.ts_ns), int(message.direction), members, notes, int(message.length)


def _readable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value with U+FFFD for what is no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_readable(key): _readable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    return value
