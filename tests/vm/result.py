# SPDX-License-Identifier: Apache-2.0
"""What comes back from a machine, and the forms in which the guest sends it."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """What came back from a machine.

    Attributes:
        exit_code: the command's; 124 after a time-out, 125 if the machine died.
        output: the command's standard output and error, as far as it came.
        seconds: from the start of QEMU to its end, on the host's clock.
        failure: empty if the command ended by itself, else "timeout", "panic", "stopped" or "QEMU
            ended by signal NUMBER".
        console: the kernel's log.
        boot_seconds: from power-on to the start of the command, on the guest's clock.
        command_seconds: how long the command ran, on the guest's clock.
        results: the files that the command left in /results, by relative path.
        attempts: more than one if QEMU or the kernel died before the command was started.
    """

    exit_code: int
    output: str
    seconds: float
    failure: str = ""
    console: str = ""
    boot_seconds: float = 0.0
    command_seconds: float = 0.0
    results: Mapping[str, bytes] = field(default_factory=dict)
    attempts: int = 1


@dataclass(frozen=True)
class Status:
    """What the guest has said on its status port; times on the guest's clock."""

    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None


def parse_status(text: str) -> Status:
    """Return what the complete lines of the status port say: `start TIME`, `exit CODE TIME`."""
    started = ended = code = None
    for line in text.split("\n")[:-1]:
        match line.split():
            case ["start", when]:
                started = float(when)
            case ["exit", number, when]:
                code, ended = int(number), float(when)
    return Status(started, ended, code)


def unpack_results(data: bytes) -> dict[str, bytes]:
    """Return the files of the archive that the guest sent, if any; a cut one gives what it has."""
    files: dict[str, bytes] = {}
    if not data:
        return files
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    files[member.name.removeprefix("./")] = content.read()
    except tarfile.TarError:
        pass
    return files
