# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests with the real agent."""

import os
import signal
from pathlib import Path

import pytest

from tests.host.optional import OptionalRun

# A shell without job control starts what runs in the background with these ignored. kflowd keeps
# what was ignored at its start: the tests mean an agent that was started from a terminal.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _real() -> None:
    """Skip where the agent cannot run; `make test` turns that into a failure."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not list((ROOT / "src" / "kflowd" / "bpf" / "objects").glob("*.bpf.o")):
        pytest.skip("needs built objects: make build")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of this test alone, by its path without symbolic links."""
    return tmp_path.resolve()


@pytest.fixture(scope="session")
def optional_run(tmp_path_factory: pytest.TempPathFactory) -> OptionalRun:
    """Run what options report under one agent, once: an emulated machine starts it slowly."""
    run = OptionalRun(tmp_path_factory.mktemp("optional").resolve())
    run.run()
    return run
