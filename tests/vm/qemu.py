# SPDX-License-Identifier: Apache-2.0
"""What QEMU is given: its command line, and an initramfs that holds what the guest is asked for."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.vm import boot, cpio
from tests.vm.host import need
from tests.vm.image import Drive, drive_image, root_image
from tests.vm.kernels import Kernel

_GUEST_INIT = Path(__file__).with_name("guest") / "init.sh"
_PORTS = ("status", "output", "results")
# panic=-1 with -no-reboot: a panic ends QEMU. The watchdogs would only tell how busy the host is.
_KERNEL_LINE = (
    "panic=-1 oops=panic loglevel=5 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 "
    "random.trust_cpu=on net.ifnames=0"
)
_ENVIRONMENT = {"PYTHONPATH": "/project/src:/project/site-packages:/project", "KFLOWD_VM": "1"}
_FSTAB = """\
devpts /dev/pts devpts gid=5,mode=620,ptmxmode=666
tmpfs /dev/shm tmpfs mode=1777,nosuid,nodev
cgroup2 /sys/fs/cgroup cgroup2 nosuid,nodev,noexec
bpf /sys/fs/bpf bpf mode=700
securityfs /sys/kernel/security securityfs nosuid,nodev,noexec
debugfs /sys/kernel/debug debugfs nosuid,nodev,noexec
tracefs /sys/kernel/tracing tracefs nosuid,nodev,noexec
"""


@dataclass(frozen=True)
class Setup:
    """A machine and what it is to do; `run` of `tests.vm.machine` explains each part."""

    kernel: Kernel
    command: tuple[str, ...]
    drives: tuple[Drive, ...] = ()
    append: str = ""
    smp: int = 2
    memory: str = "1G"
    icount: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    terminal: tuple[int, int] | None = None


def write_initramfs(folder: Path, ready: boot.Boot, setup: Setup) -> None:
    """Write the kernel's initramfs with what this run asks for behind it."""
    mounts = [("modules", "/usr/lib/modules"), *((d.name, d.mount) for d in setup.drives)]
    fstab = _FSTAB + "".join(f"drive:{name} {mount} ext4 noatime\n" for name, mount in mounts)
    variables = {**_ENVIRONMENT, **setup.environment}
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    files = {
        "kflowd/init": _GUEST_INIT.read_bytes(),
        "kflowd/fstab": fstab.encode(),
        "kflowd/environment": "".join(exports).encode(),
        "kflowd/command": f"exec {shlex.join(setup.command)}\n".encode(),
    }
    if setup.terminal is not None:
        files["kflowd/terminal"] = "{} {}\n".format(*setup.terminal).encode()
    (folder / "initramfs").write_bytes(ready.initramfs + cpio.archive(files))


def command_line(folder: Path, ready: boot.Boot, setup: Setup) -> list[str]:
    """Return QEMU's command line; its files are in `folder`."""
    arch = setup.kernel.arch
    line = f"{arch.line} {_KERNEL_LINE} {setup.append}".strip()
    argv = [need("setpriv", "util-linux"), "--pdeathsig", "KILL", need(arch.qemu, arch.package)]
    argv += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", *arch.machine]
    argv += ["-m", setup.memory, "-kernel", str(ready.vmlinuz), "-append", line]
    argv += ["-initrd", str(folder / "initramfs"), "-serial", f"file:{folder / 'console'}"]
    if setup.icount:
        argv += ["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"]
    else:
        argv += ["-accel", "tcg,thread=multi", "-smp", str(setup.smp)]
    images = [("root", root_image(arch)), ("modules", ready.modules)]
    images += [(drive.name, drive_image(drive)) for drive in setup.drives]
    for name, path in images:
        options = f"file={path},format=raw,snapshot=on,if=none,cache=unsafe,id={name}"
        argv += ["-drive", options, "-device", f"virtio-blk-pci,drive={name},serial={name}"]
    argv += ["-device", "virtio-serial-pci"]
    for port in _PORTS:
        argv += ["-chardev", f"file,id={port},path={folder / port}"]
        argv += ["-device", f"virtserialport,chardev={port},name={port}"]
    if setup.terminal is not None:
        argv += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
    return argv
