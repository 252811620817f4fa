# SPDX-License-Identifier: Apache-2.0
"""Run a command under Debian's own kernels in throw-away QEMU machines.

The way of a run: ``kernels`` (what to boot) -> ``mirror`` (its packages) -> ``boot`` and ``image``
(cached kernel, initramfs and drives) -> ``qemu`` (its command line) -> ``machine`` (one run).
"""

from tests.vm.errors import VmError
from tests.vm.image import Drive, project_drives
from tests.vm.kernels import KERNELS, Kernel, get
from tests.vm.machine import run
from tests.vm.result import Result

__all__ = ["KERNELS", "Drive", "Kernel", "Result", "VmError", "get", "project_drives", "run"]
