# SPDX-License-Identifier: Apache-2.0
"""What is loaded under lockdown=confidentiality reads kernel memory by no helper.

The kernel would refuse it; but of a helper in code that never runs it says nothing, and in programs
of the section tp_btf_user it would be taken for a read of user memory (glue_reads.c).
"""

import io
import re
import struct
from collections.abc import Iterator

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from kflowd.bpf.candidates import ANY_ATTACH_MODE
from kflowd.bpf.hooks import HOOKS
from kflowd.bpf.loading import builds
from kflowd.bpf.loading.object import BpfObject

PROBE_READ, PROBE_READ_STR = 4, 45
PROBE_READ_USER, PROBE_READ_KERNEL, PROBE_READ_USER_STR, PROBE_READ_KERNEL_STR = range(112, 116)
READS_KERNEL = {PROBE_READ, PROBE_READ_STR, PROBE_READ_KERNEL, PROBE_READ_KERNEL_STR}
READS_USER = {PROBE_READ_USER, PROBE_READ_USER_STR}
CALL, TWO_SLOTS = 0x85, 0x18
# Of programs that the kernel takes there: no kprobes, no classic tracepoints.
SECTIONS = re.compile(r"(fentry|fexit|tp_btf|tp_btf_user|iter|cgroup|cgroup_skb|sockops)(/|$)")

# for kernels before vfs_fileattr_set [5.13]; lockdown needs bpf_rdonly_cast [6.2]
OLDER = {"file_ioctl"}
# there doctor says not covered: descriptors of the process are found by probe reads
NOT_THERE = {"file_failed"}
LOADED = sorted(
    {
        candidate.object
        for hook in HOOKS
        for candidate in hook.candidates
        if candidate.attach_mode in ("fentry", ANY_ATTACH_MODE)
    }
    - OLDER
    - NOT_THERE
)


def code(name: str) -> Iterator[tuple[str, bytes]]:
    """Return the executable sections of an object, by name."""
    for section in ELFFile(io.BytesIO(builds.read(name))).iter_sections("SHT_PROGBITS"):
        if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and section.data_size:
            yield section.name, section.data()


def helpers(name: str) -> dict[str, set[int]]:
    """Return the numbers of the helpers that each section calls, in dead code too."""
    found: dict[str, set[int]] = {}
    for section, body in code(name):
        called = found.setdefault(section, set())
        at = 0
        while at < len(body):
            opcode, registers, _, immediate = struct.unpack_from("<BBhi", body, at)
            if opcode == CALL and registers >> 4 == 0:
                called.add(immediate)
            at += 16 if opcode == TWO_SLOTS else 8
    return found


@pytest.mark.parametrize("name", LOADED)
def test_no_kernel_memory_is_read_by_helpers(name: str) -> None:
    """Of each object there is a build for lockdown; user memory is read where that is safe."""
    for section, called in helpers(f"{name}.cast").items():
        assert not called & READS_KERNEL, section
        assert section.startswith("tp_btf_user/") or not called & READS_USER, section


@pytest.mark.parametrize("name", LOADED)
def test_no_other_kind_of_program_is_loaded(name: str) -> None:
    """Kprobes and classic tracepoints are for kernels that allow them."""
    with BpfObject(f"{name}.cast") as it:
        assert all(SECTIONS.match(section) for section in it.sections.values())


def test_helpers_are_found_where_they_are() -> None:
    """The builds for other kernels have what those for lockdown may not have."""
    assert PROBE_READ_USER in helpers("process")["tp_btf/sched_process_exec"]
    assert PROBE_READ_USER in helpers("process.cast")["tp_btf_user/sched_process_exec"]
    assert PROBE_READ_KERNEL_STR in set.union(*helpers("file_fentry").values())


@pytest.mark.parametrize("name", builds.names())
def test_only_builds_for_lockdown_have_the_section_for_user_memory(name: str) -> None:
    """A read of kernel memory in it would give zeros and no refusal."""
    sections = helpers(name)
    special = [section for section in sections if section.startswith("tp_btf_user/")]
    assert not special or name.endswith(".cast")
