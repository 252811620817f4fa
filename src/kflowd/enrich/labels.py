# SPDX-License-Identifier: Apache-2.0
"""Labels that plugins give to processes: asked once for the same facts, then again at times.

What it answers goes through the stream, so a replay has it at the same record and runs no plugin.
Records wait for the first answer as for a name of NSS.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import msgspec

from kflowd.constants import SECOND_NS
from kflowd.enrich.asking import OwnerAsker
from kflowd.enrich.shares import Shares
from kflowd.model import (
    LABELLED_BY,
    Actor,
    Enriched,
    EnrichedFile,
    facts_of,
)

# What was answered is asked again behind the records' back; what was not, sooner.
AGAIN_NS = 60 * SECOND_NS
FAILED_AGAIN_NS = 10 * SECOND_NS
# Facts of which the labels are known, each some 500 bytes; they count as those of their user.
MAX_KNOWN = 8192
Fact = str | int
Pairs = tuple[tuple[str, str], ...]


class Labelled(NamedTuple):
    """A question for labels.

    Attributes:
        name: Of the enricher.
        facts: Values of what it asks by, in its order.
    """

    name: str
    facts: tuple[Fact, ...]


class Labels(NamedTuple):
    """What became of it.

    Attributes:
        asked: The question.
        user: Whose process it was asked for.
        labels: By their names, checked; None: there was no answer.
    """

    asked: Labelled
    user: int
    labels: dict[str, str] | None


class Labellers(Protocol):
    """The processes of plugins; kflowd.plugins.service.Service is one."""

    def enrichers(self) -> Mapping[str, Sequence[str]]:
        """Return the enrichers with what each asks by."""

    def label(self, asked: Labelled, user: int, /) -> None:
        """Ask; returns at once."""

    def labels(self) -> Sequence[Labels]:
        """Return the answers since the last call."""


class LabelFacts(msgspec.Struct, frozen=True):
    """Enrichers with what they ask by; a recording keeps them."""

    labellers: dict[str, tuple[str, ...]] = {}


class LabelNews(msgspec.Struct, frozen=True):
    """Answers: name, facts, user, labels. Comes in the stream, as it is found."""

    labels: list[tuple[str, tuple[Fact, ...], int, dict[str, str] | None]] = []


class _Known(NamedTuple):
    pairs: Pairs
    late: bool
    again_ns: int


def facts_by(actor: Actor) -> dict[str, Fact]:
    """Return what an enricher can ask by, of a process that is known.

    What is no UTF-8 has U+FFFD in its place: any user names programs, and JSON takes no other text.
    """
    process, seen = actor.process, actor.seen
    ids = (process.uid, process.gid, process.login_uid) if process else (-1, -1, -1)
    exe = seen.exe if seen else ""
    texts = (actor.user, actor.group, exe, actor.container, actor.unit)
    return dict(zip(LABELLED_BY, (*ids, *map(_readable, texts)), strict=True))


def _readable(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class PluginLabels(OwnerAsker):
    """Has processes labelled.

    Args:
        enrichers: What each asks by.

    Attributes:
        labellers: Who labels them; None: the stream has the answers, as in a replay.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = LabelFacts
    DEAR: ClassVar[bool] = True

    def __init__(self, enrichers: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.labellers: Labellers | None = None
        self._enrichers = {name: tuple(by) for name, by in (enrichers or {}).items()}
        self._known: Shares[_Known] = Shares(MAX_KNOWN)
        # when what has no answer yet was asked
        self._asked: Shares[int] = Shares(MAX_KNOWN)
        self._now_ns = 0
        self._changed = False

    @classmethod
    def recorded(cls, facts: LabelFacts) -> Self:
        """Return one that learns from the stream."""
        known = set(LABELLED_BY)
        return cls({name: by for name, by in facts.labellers.items() if known >= set(by)})

    @property
    def needed(self) -> bool:
        """Whether there is an enricher that labels."""
        return bool(self._enrichers)

    def begin(self, labellers: Labellers) -> None:
        """Ask these from now on."""
        self.labellers = labellers
        self._enrichers = {name: tuple(by) for name, by in labellers.enrichers().items()}

    def facts(self) -> Mapping[str, Any]:
        """Return the enrichers."""
        return {"labellers": self._enrichers} if self._enrichers else {}

    def news(self) -> Mapping[str, Any]:
        """Return the answers since the last call."""
        if self.labellers is None or not (answers := self.labellers.labels()):
            return {}
        return {"labels": [(*it.asked, it.user, it.labels) for it in answers]}

    def learn(self, facts: bytes) -> None:
        """Know the labels that the stream tells of."""
        if not self._enrichers or b'"labels"' not in facts:
            return
        for name, values, user, labels in facts_of(LabelNews, facts).labels:
            answer = Labels(Labelled(name, values), user, labels)
            self._put(answer)
            self.learned(answer.asked, answer)

    def _put(self, answer: Labels) -> None:
        asked, before = answer.asked, self._known.look(answer.asked)
        self._asked.drop(asked)
        if answer.labels is None:
            # what was true a while ago is taken for true
            pairs, late = (before.pairs, before.late) if before else ((), True)
            known = _Known(pairs, late, self._now_ns + FAILED_AGAIN_NS)
        else:
            named = ((f"{asked.name}.{key}", text) for key, text in answer.labels.items())
            known = _Known(tuple(sorted(named)), late=False, again_ns=self._now_ns + AGAIN_NS)
        self._changed |= before is None or before[:2] != known[:2]
        self._known.put(asked, answer.user, known)

    def refresh(self, now_ns: int) -> bool:
        """Take the time; say whether labels have changed."""
        self._now_ns = max(self._now_ns, now_ns)
        changed, self._changed = self._changed, False
        return changed

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in the labels that are known."""
        if actor.process is not None:
            known = [self._known.look(asked) for asked in self._questions(actor)]
            actor.labels, actor.labels_late = _joined([it for it in known if it is not None])

    def enrich_file(self, value: EnrichedFile) -> None:
        """Ask for the labels of the process that are not known."""
        self.enrich_owner(value)

    def enrich_owner(self, value: Enriched) -> None:
        """Fill in the labels that are known; ask for the others."""
        actor = value.actor
        process = actor.process
        if process is None:
            return
        found: list[_Known] = []
        for asked in self._questions(actor):
            known = self._known.use(asked)
            if known is None:
                value.questions += (asked,)
            else:
                found.append(known)
            if known is None or self._now_ns >= known.again_ns:
                self._ask(asked, process.uid)
        labels, late = _joined(found)
        if (labels, late) != (actor.labels, actor.labels_late):
            value.actor = msgspec.structs.replace(actor, labels=labels, labels_late=late)

    def answer(self, value: Enriched, answer: Labels) -> None:
        """Fill in labels, or that they are not known."""
        named = (answer.labels or {}).items()
        new = tuple((f"{answer.asked.name}.{key}", text) for key, text in named)
        actor = value.actor
        others = tuple(it for it in actor.labels if not it[0].startswith(f"{answer.asked.name}."))
        late = actor.labels_late or answer.labels is None
        value.actor = msgspec.structs.replace(
            actor, labels=tuple(sorted((*others, *new))), labels_late=late
        )

    def unanswered(self, value: Enriched, question: Hashable) -> None:
        """Note that labels come too late for this record."""
        if isinstance(question, Labelled):
            self.answer(value, Labels(question, 0, None))

    def _questions(self, actor: Actor) -> list[Labelled]:
        facts = facts_by(actor)
        return [
            Labelled(name, tuple(facts[each] for each in by))
            for name, by in self._enrichers.items()
        ]

    def _ask(self, asked: Labelled, user: int) -> None:
        if self.labellers is None:
            return
        since_ns = self._asked.look(asked)
        if since_ns is None or self._now_ns >= since_ns + FAILED_AGAIN_NS:
            self._asked.put(asked, user, self._now_ns)
            self.labellers.label(asked, user)


def _joined(found: Sequence[_Known]) -> tuple[Pairs, bool]:
    """Return the labels of all enrichers, and whether some are late."""
    pairs = sorted(pair for each in found for pair in each.pairs)
    return tuple(pairs), any(each.late for each in found)
