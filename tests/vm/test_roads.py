# SPDX-License-Identifier: Apache-2.0
"""The roads that this machine's kernel may not have, proven in virtual machines: a smoke test.

Each machine runs tests/host/test_one_run.py with one road: every workload once, one agent.
"""

import os
import shutil

import pytest

from tests.vm import run

SECONDS = 900
WORKLOADS = "tests/host/test_one_run.py"
COMMAND = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short", WORKLOADS]


@pytest.fixture(autouse=True)
def _qemu() -> None:
    """Skip where no machine can be made; `make test` turns that into a failure."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("needs qemu-system-x86_64")


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("road", ["fentry", "kprobe"])
def test_road(road: str) -> None:
    """Debian's 6.1 kernel reports all workloads exactly by this road."""
    environment = {"KFLOWD_TEST_ROAD": road, "KFLOWD_REQUIRE_REAL": "1"}

    result = run("6.1", COMMAND, timeout=SECONDS, environment=environment)

    assert result.exit_code == 0, f"{result.failure}\n{result.output[-8000:]}"
    assert " passed" in result.output
