# SPDX-License-Identifier: Apache-2.0
"""The table of hooks against the programs in the built objects, both ways."""

from pathlib import Path
from typing import get_args

import pytest

from kflowd.bpf.candidates import ANY_ATTACH_MODE, SUBSTITUTES, Candidate, target
from kflowd.bpf.gaps import NO_POLLED_RINGS
from kflowd.bpf.hooks import FAILED, HOOKS
from kflowd.bpf.loading.object import BpfObject
from kflowd.settings import AttachMode

CANDIDATES = [(hook.key, each) for hook in HOOKS for each in hook.candidates]
OBJECT_NAMES = sorted({each.object for _, each in CANDIDATES})
SOURCES = Path(__file__).parents[3] / "ebpf"


def sections_of(name: str) -> dict[str, str]:
    """Return programs and sections of a built object."""
    with BpfObject(name) as it:
        return it.sections


def object_name(source: Path) -> str:
    """Return the object of a source: room and file, once where they are the same."""
    room, name = source.parent.name, source.name.removesuffix(".bpf.c")
    return room if room == name else f"{room}_{name}"


def programs_of(candidate: Candidate) -> tuple[str, ...]:
    """Return all programs of a candidate, and what may be loaded in the place of one."""
    instead = (SUBSTITUTES[it] for it in candidate.optional if it in SUBSTITUTES)
    return candidate.programs + candidate.optional + tuple(instead)


@pytest.mark.parametrize("name", OBJECT_NAMES)
def test_table_and_object_name_the_same_programs(name: str) -> None:
    """Each program of an object serves a class, and each program of the table exists."""
    listed = {
        program for _, each in CANDIDATES if each.object == name for program in programs_of(each)
    }
    assert listed == set(sections_of(name))


def test_each_source_is_an_object_of_the_table() -> None:
    """No BPF source is left out of the table."""
    assert sorted(object_name(path) for path in SOURCES.glob("*/*.bpf.c")) == OBJECT_NAMES


@pytest.mark.parametrize("name", OBJECT_NAMES)
def test_names_of_programs_say_what_they_attach_to(name: str) -> None:
    """A program is named <how>__<what>, as its section has it."""
    for program, section in sections_of(name).items():
        how, what = target(section)
        assert program.startswith(f"{how}__"), section
        assert how == "cgroup" or program.partition("__")[2].startswith(what), section


def test_keys_are_unique_and_say_the_domain() -> None:
    """A class is named once, "domain.event"."""
    keys = [hook.key for hook in HOOKS]
    assert len(set(keys)) == len(keys)
    assert {key.partition(".")[0] for key in keys} == {"clock", "file", "process", "socket", "unix"}


@pytest.mark.parametrize(
    "hook",
    [
        it
        for it in HOOKS
        if (it.subsystem in {"file", "unix"} or it.key == "socket.accept") and it.option != FAILED
    ],
    ids=lambda it: it.key,
)
def test_what_depends_on_the_attach_mode_has_all_three(hook: object) -> None:
    """Files, UNIX sockets and accept are served in every attach mode, the best first."""
    attach_modes = dict.fromkeys(each.attach_mode for each in getattr(hook, "candidates"))  # noqa: B009 - a typed object
    assert tuple(attach_modes) == get_args(AttachMode)


def test_only_the_tracepoint_attach_mode_is_exclusive() -> None:
    """Programs at system calls see all classes, so they serve all or none; failures are beside."""
    exclusive = {(key, each.attach_mode) for key, each in CANDIDATES if each.exclusive}
    assert ("file.failed", ANY_ATTACH_MODE) in exclusive
    assert {how for key, how in exclusive if key != "file.failed"} == {"tracepoint"}


def test_a_kretprobe_has_its_kprobe() -> None:
    """In the kprobe mode arguments are kept at entry, and the call's end finishes what is left."""
    by_key = {hook.key: hook.candidates[1] for hook in HOOKS if len(hook.candidates) == 3}
    ends = ("tp__sys_exit_file", "tp__sched_process_exit_file")
    assert by_key["file.unlink"] == Candidate(
        "kprobe",
        "file_kprobe",
        (*ends, "kprobe__vfs_unlink", "kretprobe__vfs_unlink"),
        ("kprobe__mnt_want_write", "kprobe__mnt_want_write_file"),
    )
    assert by_key["file.open"].programs == ("kprobe__fd_install",)


def test_what_can_wait_for_ever_has_no_kretprobe() -> None:
    """Each call inside would hold one of few instances: the system call has the result."""
    by_key = {hook.key: hook.candidates[1] for hook in HOOKS if len(hook.candidates) == 3}
    ends = ("tp__sys_exit_file", "tp__sched_process_exit_file")
    assert by_key["file.write"] == Candidate(
        "kprobe",
        "file_kprobe",
        (*ends, "kprobe__vfs_write"),
        (
            *("kprobe__vfs_writev", "kprobe__kiocb_done", "kprobe__io_req_rw_complete"),
            *("kprobe__aio_complete_rw", "kprobe__io_submit_one", "kprobe__aio_write"),
        ),
        gap=NO_POLLED_RINGS,
    )
    assert by_key["file.create"].programs == ("kprobe__vfs_open",)
    unix = [each for key, each in by_key.items() if key.startswith("unix.")]
    assert unix
    assert not [name for each in unix for name in each.programs if name.startswith("kretprobe")]


def test_the_return_of_the_call_is_attached_first() -> None:
    """What a kprobe keeps of a call must find its end: no call may be seen to begin before."""
    kprobes = [each for _, each in CANDIDATES if each.attach_mode == "kprobe"]
    ends = [[name.startswith("tp__") for name in each.programs] for each in kprobes]
    assert [True, False] in [[*dict.fromkeys(each)] for each in ends]
    assert ends == [sorted(each, reverse=True) for each in ends]


def test_what_an_entry_keeps_ends_with_its_thread() -> None:
    """Where the exit of an operation was not seen, nothing else would ever forget it."""
    by_key = {hook.key: hook.candidates[0] for hook in HOOKS if hook.subsystem == "file"}
    ends = "tp__sched_process_exit_pending"
    assert {key for key, each in by_key.items() if each.programs[0] == ends} == {
        f"file.{what}"
        for what in (
            *("mknod", "copy", "clone", "attribute", "xattr", "acl", "flags"),
            *("rename", "link", "symlink", "unlink", "mkdir"),
        )
    }
    assert [ends in each.programs[1:] + each.optional for each in by_key.values()].count(True) == 0


def test_an_exit_is_attached_before_its_entry() -> None:
    """An operation that was seen to begin, and not to end, would hide the next of its thread."""
    found = 0
    for _, each in CANDIDATES:
        listed = programs_of(each)
        for name in listed:
            entry = name.replace("fexit__", "fentry__")
            if name.startswith("fexit__") and entry in listed:
                found += 1
                assert listed.index(name) < listed.index(entry)
    assert found >= 6


def test_fragments_are_what_a_build_without_probe_reads_cannot_see() -> None:
    """Packets say so in one place, kf_packet__knows_fragments; no other class is asked there."""
    assert [key for key, each in CANDIDATES if each.unread] == ["socket.packet"]
    packet = (SOURCES / "socket" / "packet.bpf.h").read_text()
    assert packet.count("KF_ENABLED(KF_CAST)") == 1
