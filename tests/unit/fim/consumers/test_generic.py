# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

from kflowd.fim.consumers.generic import digest


def test_a_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    """The same content in any pieces has the digest that others tell (W5, W42)."""
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    told = subprocess.check_output(["sha256sum", str(path)], text=True).split()[0]
    assert digest([path.read_bytes()]) == digest([b"abc"] * 1000) == told
