# SPDX-License-Identifier: Apache-2.0
"""What is observed, by what is asked for."""

from kflowd.bpf.config import SourceConfig


def test_processes_are_always_observed() -> None:
    """The process table serves every record; UNIX sockets come with sockets."""
    assert SourceConfig(subsystems=frozenset(("file",))).hook_subsystems == {"file", "process"}
    assert SourceConfig(subsystems=frozenset(("socket",))).hook_subsystems == {
        "socket",
        "unix",
        "process",
    }
