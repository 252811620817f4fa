# SPDX-License-Identifier: Apache-2.0
"""Each tracing program takes its turn: one that does not reports an event once for each copy."""

import re

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


def test_each_tracing_program_takes_its_turn() -> None:
    """KF_TURN comes first, or the object has no copies: what interrupts itself has none."""
    late: dict[str, str] = {}
    without = []
    for path in SOURCES:
        text = path.read_text()
        if '"standby.bpf.h"' in text:
            late |= {s: line for s, line in programs(text).items() if line != "\tKF_TURN;"}
        elif programs(text):
            without.append(path.name)
    assert not late
    assert without == list(WITHOUT)


def test_programs_are_found() -> None:
    """The pattern finds programs, and what the first line is."""
    text = 'SEC("tp_btf/x")\nint tp__x(u64 *ctx)\n{\n\treturn 0;\n}\n'
    assert programs(text) == {"tp_btf/x": "\treturn 0;"}
    assert sum(len(programs(path.read_text())) for path in SOURCES) > 40
