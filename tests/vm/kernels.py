# SPDX-License-Identifier: Apache-2.0
"""The kernels of the matrix and the machines that boot them: data only."""

from dataclasses import dataclass

from tests.vm.errors import VmError


@dataclass(frozen=True)
class Arch:
    """A processor architecture: its name in Debian and how QEMU emulates it.

    Attributes:
        name: Debian's name of the architecture.
        qemu: the emulator's program name.
        package: the Debian package that holds the emulator.
        machine: board and processor options.
        line: kernel parameters: the first serial port as console, and what emulation needs.
    """

    name: str
    qemu: str
    package: str
    machine: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Kernel:
    """A Debian kernel: the newest package of `suite` whose name matches `pattern` is taken."""

    name: str
    suite: str
    pattern: str
    arch: Arch


# cx16=off: under QEMU 7.2's emulation of cmpxchg16b the 6.12 kernel panics at random.
# la57=off: five-level page tables only make emulated page walks longer.
AMD64 = Arch(
    name="amd64",
    qemu="qemu-system-x86_64",
    package="qemu-system-x86",
    machine=("-machine", "q35", "-cpu", "max,la57=off,cx16=off"),
    # The emulated clock is steady, but on a busy host its calibration fails, and the kernel falls
    # back to a clock source that is slow to read.
    line="console=ttyS0 tsc=reliable",
)
ARM64 = Arch(
    name="arm64",
    qemu="qemu-system-aarch64",
    package="qemu-system-arm",
    machine=("-machine", "virt", "-cpu", "cortex-a72"),
    line="console=ttyAMA0",
)

_TABLE = (
    ("5.10", "bullseye", r"linux-image-5\.10\..*-cloud-", AMD64),
    ("6.1", "bookworm", r"linux-image-6\.1\..*-cloud-", AMD64),
    ("6.12", "trixie", r"linux-image-6\.12\..*-cloud-", AMD64),
    ("6.18", "trixie-backports", r"linux-image-6\.18\..*-cloud-", AMD64),
    ("7.3", "trixie-backports", r"linux-image-7\.3\..*-cloud-", AMD64),
    ("5.10-arm64", "bullseye", r"linux-image-5\.10\..*-cloud-", ARM64),
    ("6.1-arm64", "bookworm", r"linux-image-6\.1\..*-cloud-", ARM64),
    ("7.3-arm64", "trixie-backports", r"linux-image-7\.3\..*-cloud-", ARM64),
)

KERNELS = {
    name: Kernel(name, suite, f"^{pattern}{arch.name}$", arch)
    for name, suite, pattern, arch in _TABLE
}


def get(name: str) -> Kernel:
    """Return the kernel called `name`.

    Raises:
        VmError: there is no such kernel.
    """
    try:
        return KERNELS[name]
    except KeyError:
        raise VmError(f"unknown kernel {name!r}: choose from {', '.join(KERNELS)}") from None
