# SPDX-License-Identifier: Apache-2.0
"""Whether the running kernel is preempted inside itself, by how it was built and started."""

import os
import re
from pathlib import Path

from kflowd.bpf.kernel.kconfig import read_config

SCHED_PREEMPT = Path("/sys/kernel/debug/sched/preempt")
CMDLINE = Path("/proc/cmdline")
# Modes in which a task leaves its CPU inside the kernel only where it asks to.
UNPREEMPTED = ("none", "voluntary")


def preempt_mode(mode: str, cmdline: str, config: str, version: str) -> str:
    """Return how the kernel is preempted: none, voluntary, full, lazy, rt or unknown.

    Of a kernel that can be told to (PREEMPT_DYNAMIC), what it was told.

    Args:
        mode: /sys/kernel/debug/sched/preempt: "none voluntary full (lazy)"; "" if unreadable.
        cmdline: /proc/cmdline.
        config: Its configuration, "" if unknown.
        version: As `uname -v` shows it: "#1 SMP PREEMPT_DYNAMIC ...".
    """
    words = version.split()
    if found := re.search(r"\((\w+)\)", mode):
        return found[1]
    if "PREEMPT_RT" in words:
        return "rt"
    if "PREEMPT_DYNAMIC" in words:
        told = re.findall(r"(?:^|\s)preempt=(\w+)", cmdline)
        built = re.search(r"^CONFIG_PREEMPT_(NONE|VOLUNTARY|LAZY)=y$", config, re.MULTILINE)
        if told:
            return str(told[-1])
        if built:
            return built[1].lower()
        return "full" if re.search(r"^CONFIG_PREEMPT=y$", config, re.MULTILINE) else "unknown"
    return "full" if "PREEMPT" in words else "none"


def read_preempt_mode() -> str:
    """Return how the running kernel is preempted; see `preempt_mode`."""
    return preempt_mode(_text(SCHED_PREEMPT), _text(CMDLINE), read_config(), os.uname().version)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
