# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the markers for real kernels, and that a required test is never skipped."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL_FOLDERS = {"host": ROOT / "tests" / "host", "vm": ROOT / "tests" / "vm"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns a skipped test into a failure."""
    parser.addoption(
        "--require-real",
        action="store_true",
        default=os.environ.get("KFLOWD_REQUIRE_REAL", "0") not in {"", "0"},
        help="a test that is skipped fails (also KFLOWD_REQUIRE_REAL=1)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and run the quick ones first."""
    for item in items:
        for name, folder in REAL_FOLDERS.items():
            if folder in item.path.parents:
                item.add_marker(name)
    items.sort(key=_cost)


def _cost(item: pytest.Item) -> int:
    for position, name in enumerate(("vm", "host")):
        if item.get_closest_marker(name):
            return 2 - position
    return 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped although it is required."""
    report = yield
    # unit tests, too: what programs they need beside theirs tools/install-deps installs
    if report.skipped and item.config.getoption("require_real"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --require-real is set: {_reason(call)}"
    return report


def _reason(call: pytest.CallInfo[None]) -> str:
    return str(call.excinfo.value) if call.excinfo else "no reason"
