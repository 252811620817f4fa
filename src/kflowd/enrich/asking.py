# SPDX-License-Identifier: Apache-2.0
"""What enrichers have in common that ask somebody, and learn the answers from the stream."""

from collections.abc import Hashable, Iterable
from typing import Any

from kflowd.enrich.base import Enricher
from kflowd.model import Enriched, EnrichedProcess, EnrichedSocket, EnrichedUnix


class Asker(Enricher):
    """Keeps what `learn` has learned until the records that wait are given it."""

    def __init__(self) -> None:
        self._answers: list[tuple[Hashable, Any]] = []

    def learned(self, question: Hashable, answer: Any) -> None:  # noqa: ANN401 - of `answers`
        """Give the answer to records that wait for it."""
        self._answers.append((question, answer))

    def answers(self) -> Iterable[tuple[Hashable, Any]]:
        """Return what was learned since the last call."""
        answers, self._answers = self._answers, []
        return answers


class OwnerAsker(Asker):
    """Asks by the process of a record, which is the same for all kinds but files."""

    def enrich_owner(self, value: Enriched) -> None:
        """Fill in what is known of the process; ask for what is not."""

    def enrich_socket(self, value: EnrichedSocket) -> None:
        """Do so."""
        self.enrich_owner(value)

    def enrich_unix(self, value: EnrichedUnix) -> None:
        """Do so."""
        self.enrich_owner(value)

    def enrich_process(self, value: EnrichedProcess) -> None:
        """Do so."""
        self.enrich_owner(value)
