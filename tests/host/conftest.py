# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests with the real agent."""

import os
from pathlib import Path

import pytest

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
