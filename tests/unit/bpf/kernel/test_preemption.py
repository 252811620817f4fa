# SPDX-License-Identifier: Apache-2.0
"""How a kernel is preempted, by what it says of itself."""

import pytest

from kflowd.bpf.kernel.preemption import preempt_mode, read_preempt_mode

DYNAMIC = "#1 SMP PREEMPT_DYNAMIC Debian 6.18.15-1"


@pytest.mark.parametrize(
    ("mode", "cmdline", "config", "version", "wanted"),
    [
        ("none voluntary full (lazy) \n", "preempt=none", "", DYNAMIC, "lazy"),
        ("none (voluntary) full\n", "", "", DYNAMIC, "voluntary"),
        ("", "quiet preempt=full\n", "CONFIG_PREEMPT_NONE=y\n", DYNAMIC, "full"),
        ("", "xpreempt=full\n", "# x\nCONFIG_PREEMPT_NONE=y\n", DYNAMIC, "none"),
        ("", "", "CONFIG_PREEMPT_LAZY=y\n", DYNAMIC, "lazy"),
        ("", "", "CONFIG_PREEMPT=y\nCONFIG_PREEMPT_DYNAMIC=y\n", DYNAMIC, "full"),
        ("", "", "", DYNAMIC, "unknown"),
        ("", "", "", "#1 SMP PREEMPT_RT Debian 6.12.1", "rt"),
        ("", "", "", "#1 SMP PREEMPT Mon Jan 1", "full"),
        ("", "preempt=full", "", "#1 SMP Debian 5.10.223-1", "none"),
        ("", "", "", "", "none"),
    ],
)
def test_mode(mode: str, cmdline: str, config: str, version: str, wanted: str) -> None:
    """What the kernel was told counts before what it was built for."""
    assert preempt_mode(mode, cmdline, config, version) == wanted


def test_this_kernel_has_a_mode() -> None:
    """Whatever it is: nothing that is not readable is an error."""
    assert read_preempt_mode()
