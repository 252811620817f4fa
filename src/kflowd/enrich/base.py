# SPDX-License-Identifier: Apache-2.0
"""What every enricher is: a source of facts that names things in passing records."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar, Self

import msgspec

from kflowd.model import (
    Actor,
    Enriched,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    MountSeen,
    ProcessExit,
    ProcessSeen,
)


class NoFacts(msgspec.Struct, frozen=True):
    """Of an enricher that needs nothing to replay a recording."""


class Enricher:
    """Fills in what it knows. Each method does nothing unless an enricher has its own.

    Names of processes are filled in once for an actor, not for each of its records; an enricher
    whose names of processes have changed says so in `refresh`, and actors are made anew.

    Attributes:
        FACTS: Struct of what a recording keeps of this host for it: JSON keys of the session.
        DEAR: What it does for a file takes system calls: it is not done for what filters hide.
    """

    FACTS: ClassVar[type[msgspec.Struct]] = NoFacts
    DEAR: ClassVar[bool] = False

    @classmethod
    def live(cls) -> Self:
        """Return one that looks at this host and follows its changes."""
        return cls()

    @classmethod
    def recorded(cls, facts: Any) -> Self:  # noqa: ANN401 - a FACTS of the class
        """Return one that knows the facts of a recording, and asks this host nothing."""
        del facts
        return cls()

    def prepare(self) -> None:
        """Wait for what it needs from the first record on; called once, before tracing begins."""

    def facts(self) -> Mapping[str, Any]:
        """Return the members of FACTS as they are now on this host."""
        return {}

    def ahead(self, tid: int, user: int, cgroup: int, image: tuple[int, int, int]) -> None:
        """Take note of a task that the next batch tells of; not in a replay, `news` has it there.

        Args:
            tid: The task.
            user: Its real user.
            cgroup: Number of its control group.
            image: What it runs: tgid and start time of its process, number of the program.
        """

    def news(self) -> Mapping[str, Any]:
        """Return facts that are to be known from now on; asked before each batch.

        They come back by `learn`, through the stream: a replay knows them at the same record.
        """
        return {}

    def learn(self, facts: bytes) -> None:
        """Take facts out of a session, the first one or a later one, as a JSON object."""

    def refresh(self, now_ns: int) -> bool:
        """Look whether anything has changed; called at the session and at each tick.

        Args:
            now_ns: CLOCK_BOOTTIME of the tick, not of this moment.

        Returns:
            Whether names of processes may be other ones from now on.
        """
        del now_ns
        return False

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        """Take note of a process that comes or goes."""

    def mounted(self, value: MountSeen) -> None:
        """Take note of a mount; it comes ahead of the files whose paths go through it."""

    def enrich_actor(self, actor: Actor) -> None:
        """Fill in what is known of a process image; `actor.process` may be None."""

    def enrich_file(self, value: EnrichedFile) -> None:
        """Fill in what is known of a file; may correct path and flags of the aggregate.

        What is to be known later is added to `value.questions`: the record waits for the answers.
        """

    def answers(self) -> Iterable[tuple[Hashable, Any]]:
        """Return the questions that `learn` has answered since the last call, with the answers."""
        return ()

    def answer(self, value: Enriched, answer: Any) -> None:  # noqa: ANN401 - of `answers`
        """Fill in the answer to a question of a record that has waited for it."""

    def unanswered(self, value: Enriched, question: Hashable) -> None:
        """Note that a record goes without an answer; the question may be another enricher's."""

    def enrich_socket(self, value: EnrichedSocket) -> None:
        """Fill in what is known of a TCP or UDP socket; questions are as those of a file."""

    def enrich_unix(self, value: EnrichedUnix) -> None:
        """Fill in what is known of a UNIX socket."""

    def enrich_process(self, value: EnrichedProcess) -> None:
        """Fill in what is known of a process aggregate; the same."""
