# SPDX-License-Identifier: Apache-2.0
"""Each tracing program takes its turn: one that does not reports an event once for each copy."""

import re
from pathlib import Path

import pytest

from tests.policy.tree import ROOT

# Between a section and its function there may be another section: one of two builds.
PROGRAM = re.compile(
    r'^SEC\("((?:tp_btf|tp_btf_user|fentry|fexit)/\w+)"\)\n[^{]*\n\{\n(.*)$', re.MULTILINE
)
# in softirqs too
WITHOUT = ("socket.bpf.c",)
SOURCES = sorted((ROOT / "ebpf").rglob("*.bpf.c"))


def programs(text: str) -> dict[str, str]:
    """Return the first line of each tracing program's body, by section."""
    return dict(PROGRAM.findall(text))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_tracing_program_takes_its_turn(path: Path) -> None:
    """KF_TURN comes first, or the object has no copies: what interrupts itself has none."""
    text = path.read_text()
    found = programs(text)
    first = "\tKF_TURN;" if '"standby.bpf.h"' in text else None
    assert found == {section: first or line for section, line in found.items()}
    assert first is not None or path.name in WITHOUT


def test_programs_are_found() -> None:
    """The pattern finds programs, and what the first line is."""
    text = 'SEC("tp_btf/x")\nint tp__x(u64 *ctx)\n{\n\treturn 0;\n}\n'
    assert programs(text) == {"tp_btf/x": "\treturn 0;"}
    assert sum(len(programs(path.read_text())) for path in SOURCES) > 40
