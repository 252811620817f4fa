# SPDX-License-Identifier: Apache-2.0
"""Messages that a plugin's decoder reads: asked of its process, and a record waits for them.

What it answers goes through the stream, so a replay has it at the same record and runs no plugin.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import msgspec

from kflowd.enrich.asking import Asker
from kflowd.model import Enriched, EnrichedSocket, Messages, facts_of
from kflowd.protocols import Asked, Direction, Message, Script

FAILED, LATE = "PLUGIN_FAILED", "PLUGIN_LATE"
# One message as it goes through the stream: time, direction, members, notes, length.
Spoken = tuple[int, int, dict[str, Any], list[str], int]


class Read(NamedTuple):
    """What became of a script.

    Attributes:
        asked: Which it is.
        note: Why there are no messages, "" if there are.
        more: Messages beside those that are here.
        messages: In their order, checked.
    """

    asked: Asked
    note: str = ""
    more: int = 0
    messages: Sequence[Spoken] = ()


class Readers(Protocol):
    """The processes of plugins; kflowd.plugins.service.Service is one."""

    def ask(self, script: Script, user: int, /) -> None:
        """Have a script read; returns at once."""

    def news(self) -> Sequence[Read]:
        """Return the answers since the last call."""

    def counters(self) -> Mapping[str, int]:
        """Return how many faults there were, and what they cost: members of model.Lost."""


class PluginFacts(msgspec.Struct, frozen=True):
    """Answers: word, conversation, turn, note, more, messages. Comes in the stream."""

    plugin_messages: list[tuple[str, int, int, str, int, list[Spoken]]] = []


class Plugins(Asker):
    """Has scripts of sockets read by the plugin of their application.

    Attributes:
        readers: Who reads them; None: the stream has the answers, as in a replay.
        redact: Takes secrets out of a message, in place; None: they stay.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = PluginFacts

    def __init__(self) -> None:
        super().__init__()
        self.readers: Readers | None = None
        self.redact: Callable[[Message], None] | None = None
        self._told: dict[str, int] = {}

    @classmethod
    def recorded(cls, facts: PluginFacts) -> Self:
        """Return one that learns from the stream alone; the first session has no answers."""
        del facts
        return cls()

    def news(self) -> Mapping[str, Any]:
        """Return the answers since the last call, and what was lost."""
        if self.readers is None:
            return {}
        news: dict[str, Any] = {}
        if answers := self.readers.news():
            news["plugin_messages"] = [
                (*it.asked, it.note, it.more, list(it.messages)) for it in answers
            ]
        counters = self.readers.counters()
        if any(counters.values()) and counters != self._told:
            self._told = dict(counters)
            news |= counters
        return news

    def learn(self, facts: bytes) -> None:
        """Know the answers that the stream tells of."""
        if b'"plugin_messages"' not in facts:
            return
        for word, conversation, turn, note, more, messages in facts_of(
            PluginFacts, facts
        ).plugin_messages:
            asked = Asked(word, conversation, turn)
            self.learned(asked, Read(asked, note, more, messages))

    def enrich_socket(self, value: EnrichedSocket) -> None:
        """Have read what is to be read by a plugin."""
        said = value.aggregate.messages
        if said is None or said.script is None:
            return
        script = said.script
        # what it holds is the reader's from now on: records that wait are many
        value.aggregate.messages = msgspec.structs.replace(said, script=None)
        value.questions += (script.asked,)
        if self.readers is not None:
            self.readers.ask(script, value.aggregate.process.uid)

    def answer(self, value: Enriched, answer: Read) -> None:
        """Fill in messages, or why there are none."""
        if not isinstance(value, EnrichedSocket) or value.aggregate.messages is None:
            return  # only sockets ask for them
        value.aggregate.messages = with_messages(value.aggregate.messages, answer, self.redact)
        if answer.note:
            value.notes += (answer.note,)

    def unanswered(self, value: Enriched, question: Hashable) -> None:
        """Note that the messages come too late for this record."""
        if isinstance(question, Asked):
            self.answer(value, Read(question, LATE))


def with_messages(
    said: Messages, answer: Read, redact: Callable[[Message], None] | None
) -> Messages | None:
    """Return what was said with the messages of a plugin, None if there are none."""
    messages = tuple(
        Message(ts_ns, Direction(direction), members, notes, length)
        for ts_ns, direction, members, notes, length in answer.messages
    )
    if not messages:
        return None
    if redact is not None:
        for message in messages:
            redact(message)
    return msgspec.structs.replace(said, messages=messages, more=answer.more, script=None)
