# SPDX-License-Identifier: Apache-2.0
"""One agent with --directories and --failed, for test_directories.py and test_failed.py."""

from functools import cached_property
from pathlib import Path

from tests.host import attempts, directories
from tests.host.agent import Agent, Record, Result
from tests.host.operations import forked
from tests.host.workloads import Done


class OptionalRun:
    """What an agent saw of the workloads, in which folder each was.

    Attributes:
        result: What the agent left.
        folder, done: Of directories.
        layers, overlaid: Of directories of an overlay.
        attempted, attempts: Of what failed.
    """

    result: Result
    done: Done
    overlaid: Done
    attempts: Done

    def __init__(self, base: Path) -> None:
        self.folder = directories.prepare(base / "plain")
        self.layers = directories.prepare_overlay(base / "overlay")
        self.attempted = attempts.prepare(base / "attempted")
        for path in (base, *base.parents[:2]):
            path.chmod(0o755)  # for nobody

    def run(self) -> None:
        """Run the workloads under one agent."""
        with Agent("-m", "file", "--directories", "--failed") as agent:
            self.done = forked(directories.directories, self.folder)
            self.overlaid = forked(directories.on_overlay, self.layers)
            self.attempts = forked(attempts.attempts, self.attempted)
            self.result = agent.stop()

    @cached_property
    def happened(self) -> list[Record]:
        """The records of what succeeded."""
        return [each for each in self.result.records if "FileEventsFailed" not in each]

    @cached_property
    def failed(self) -> list[Record]:
        """The records of what did not."""
        return [each for each in self.result.records if "FileEventsFailed" in each]
