# SPDX-License-Identifier: Apache-2.0
"""What libbpf's messages say about a failed load."""

from pathlib import Path

import pytest

from kflowd.bpf.ffi import BpfCallError
from kflowd.bpf.loading.object import BpfObject, failed_map, failed_program, verifier_reason
from kflowd.errors import BpfError

REFUSED = """\
libbpf: prog 'fexit__vfs_read': BPF program load failed: Permission denied
libbpf: prog 'fexit__vfs_read': -- BEGIN PROG LOAD LOG --
0: R1=ctx(off=0,imm=0) R10=fp0
; int fexit__vfs_read(u64 *ctx)
0: (79) r1 = *(u64 *)(r1 +0)
1: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'scalar'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0
-- END PROG LOAD LOG --
libbpf: prog 'fexit__vfs_read': failed to load: -13
libbpf: failed to load object 'file_fentry'
"""
NO_FUNCTION = """\
libbpf: prog 'fentry__gone': failed to find kernel BTF type ID of 'gone': -3
libbpf: prog 'fentry__gone': failed to prepare load attributes: -3
libbpf: prog 'fentry__gone': failed to load: -3
libbpf: failed to load object 'file_fentry'
"""
RELOCATION = """\
libbpf: prog 'tp__a': relo #3: parsing [12] struct x + 0:1 failed: -22
libbpf: prog 'tp__a': relo #3: failed to relocate: -22
libbpf: failed to perform CO-RE relocations: -22
libbpf: failed to load object 'process'
"""
NO_MEMORY = """\
libbpf: Error in bpf_create_map_xattr(kf_ring):Operation not permitted(-1). Retrying without BTF.
libbpf: map 'kf_ring': failed to create: Operation not permitted(-1)
libbpf: permission error while running as root; try raising 'ulimit -l'? current value: 64.0 KiB
libbpf: failed to load object 'process'
"""


@pytest.mark.parametrize(
    ("log", "program"),
    [
        (REFUSED, "fexit__vfs_read"),
        (NO_FUNCTION, "fentry__gone"),
        (RELOCATION, "tp__a"),
        (NO_MEMORY, None),
        ("", None),
    ],
)
def test_the_program_that_failed_is_named(log: str, program: str | None) -> None:
    """Whatever made a load fail, the program is found if it was a program's fault."""
    assert failed_program(log) == program


def test_the_map_that_failed_is_named() -> None:
    """A map that could not be made is told from a program."""
    assert failed_map(NO_MEMORY) == "kf_ring"
    assert failed_map(REFUSED) is None


def test_the_verifier_s_reason_is_its_last_word() -> None:
    """Traces and the summary are no reasons."""
    assert verifier_reason(REFUSED) == "R1 invalid mem access 'scalar'"
    assert verifier_reason(NO_FUNCTION) == ""


def test_a_log_that_lost_its_beginning_still_has_its_reason() -> None:
    """Of a long log only the end is kept."""
    assert verifier_reason(REFUSED[REFUSED.index("1: (61)") :]) == "R1 invalid mem access 'scalar'"


def test_a_file_that_is_no_object_is_an_error(tmp_path: Path) -> None:
    """Opening garbage or nothing raises, and says what was opened."""
    with pytest.raises(BpfError, match=r"opening x\.bpf\.o: No such file"):
        BpfObject("x", tmp_path)
    (tmp_path / "x.bpf.o").write_bytes(b"garbage")
    with pytest.raises(BpfCallError, match=r"opening x\.bpf\.o"):
        BpfObject("x", tmp_path)


def test_own_sections_are_named_after_the_object_alone() -> None:
    """The name of a map says which object it is of, not which build."""
    with BpfObject("process.noloop") as it:
        assert "process.rodata" in it._maps


def test_constants_are_found_by_name() -> None:
    """The variables of .rodata have names, places and sizes."""
    with BpfObject("process") as it:
        variables = it.variables(".rodata")
        assert variables["kf_self_tgid"].size == 4
        assert variables["kf_can_probe"].size == 1
        it.set_constants({"kf_self_tgid": 4711, "kf_unheard_of": 1}.get)
        assert it.variables(".no such section") == {}


def test_a_constant_that_does_not_fit_is_an_error() -> None:
    """A value is never cut."""
    with (
        BpfObject("process") as it,
        pytest.raises(OverflowError),
    ):
        it.set_constants({"kf_can_probe": 256}.get)


def test_maps_and_programs_have_names() -> None:
    """Own sections are not among the shared maps, but for one that is made to be shared."""
    with BpfObject("process") as it:
        assert {"kf_ring", "kf_counters"} <= set(it.shared_maps)
        own = [name for name in it.shared_maps if "." in name]
        assert own == [".bss.follow", ".bss.left_out"]
        assert it.variables(".bss")
        assert it.sections["iter__task"] == "iter/task"


def test_a_section_for_shared_variables_is_a_shared_map() -> None:
    """All copies of the programs count in one place, and `.rodata` stays apart."""
    with BpfObject("file_tracepoint") as it:
        shared = {name for name in it.shared_maps if "." in name}
        assert shared == {".bss.moves", ".bss.left_out", ".bss.follow"}
        assert {"kf_moves", "kf_several"} == set(it.variables(".bss.moves"))
