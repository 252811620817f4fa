# SPDX-License-Identifier: Apache-2.0
"""What a table of hooks is made of: classes, candidates, and what these attach to."""

from collections.abc import Iterable
from typing import NamedTuple

ANY_ATTACH_MODE = "any"  # served the same way in every attach mode; --attach does not touch it
UNIX_MOVES = tuple(
    f"unix_{kind}_{verb}"
    for verb in ("sendmsg", "recvmsg")
    for kind in ("stream", "dgram", "seqpacket")
)
# In the kprobe mode calls that can wait for ever have no kretprobe, each would hold one of a few
# instances: their result is that of the system call.
CALL_ALONE = frozenset(
    (
        *("vfs_read", "vfs_readv", "vfs_write", "vfs_writev", "iterate_dir"),
        *("splice_file_to_pipe", "aio_read", "aio_write", *UNIX_MOVES),
        *("vm_mmap_pgoff", "security_file_mprotect"),
    )
)
# Where a function of those is told apart from its call, which may make many: each begins there.
EACH_OF_A_CALL = {"aio_read": "io_submit_one", "aio_write": "io_submit_one"}
# What does the work of an optional program of the same object where the kernel does not take it:
# fentry refuses a function with an argument without a size, as this one has it in 6.18.
SUBSTITUTES = {"fentry__io_req_rw_complete": "kprobe__io_req_rw_complete"}


class Target(NamedTuple):
    """What a program attaches to.

    Attributes:
        how: fentry, fexit, kprobe, kretprobe, tp (typed tracepoint), cgroup or iter.
        name: Kernel function, tracepoint, cgroup hook or iterator.
    """

    how: str
    name: str


class Candidate(NamedTuple):
    """One way to serve a class.

    Attributes:
        attach_mode: fentry, kprobe, tracepoint or any.
        object: Name of the BPF object.
        programs: All of them are needed.
        optional: Loaded if the kernel takes them; without one the class is covered in part.
        gap: What the candidate cannot see; "" for nothing.
        unread: What it cannot see where its build makes no probe reads of kernel memory.
        beside: Its programs are there for other classes, and serve this one if they are loaded.
        exclusive: Its programs see every class of the subsystem, so they serve all classes or none:
            beside another attach mode they would count twice.
    """

    attach_mode: str
    object: str
    programs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    gap: str = ""
    unread: str = ""
    exclusive: bool = False
    beside: bool = False


class Hook(NamedTuple):
    """A class of events.

    Attributes:
        key: "file.open".
        title: For people.
        subsystem: file, socket, unix, process or clock.
        candidates: Best first.
        option: The class is wanted if this field of TraceSettings is set; "": always.
    """

    key: str
    title: str
    subsystem: str
    candidates: tuple[Candidate, ...]
    option: str = ""


def target(section: str) -> Target:
    """Return what a program attaches to, by its section: "fexit/vfs_open"."""
    how, _, name = section.partition("/")
    if how in ("fentry", "fexit", "kprobe", "kretprobe", "iter"):
        return Target(how, name)
    if how in ("tp_btf", "tp_btf_user"):
        return Target("tp", name)
    return Target("cgroup", name or how)


def _kprobes(programs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kprobe mode's programs for the same functions.

    A kretprobe does not see the arguments, so it has a kprobe that keeps them.
    """
    found: list[str] = []
    for program in programs:
        how, _, function = program.partition("__")
        if function in EACH_OF_A_CALL:
            found.append(f"kprobe__{EACH_OF_A_CALL[function]}")
        found.append(f"kprobe__{function}")
        if how == "fexit" and function not in CALL_ALONE:
            found.append(f"kretprobe__{function}")
    return tuple(dict.fromkeys(found))


def call_returns(objects: str, programs: tuple[str, ...]) -> tuple[str, ...]:
    """Return what sees the end of calls that no kretprobe sees; it is attached ahead of them."""
    if not any(program.startswith("fexit__") for program in programs):
        return ()
    return (f"tp__sys_exit_{objects}", f"tp__sched_process_exit_{objects}")


def _ends(programs: tuple[str, ...]) -> tuple[str, ...]:
    """Return what forgets, with its thread, an operation between whose entry and exit it is."""
    functions = [program.partition("__")[2] for program in programs]
    kept = len(set(functions)) < len(functions)
    return ("tp__sched_process_exit_pending",) if kept else ()


def attach_modes(
    objects: str,
    programs: tuple[str, ...],
    optional: tuple[str, ...],
    traced: Candidate,
    gap: str = "",
) -> tuple[Candidate, ...]:
    """Return fentry, then kprobe with the same functions, then the tracepoints.

    Args:
        objects: Name of the objects without the attach mode: "file".
        programs: Of the fentry mode.
        optional: Of the fentry mode.
        traced: The last resort.
        gap: Of the kprobe mode.
    """
    probes = call_returns(objects, programs) + _kprobes(programs)
    return (
        Candidate("fentry", f"{objects}_fentry", _ends(programs) + programs, optional),
        Candidate("kprobe", f"{objects}_kprobe", probes, _kprobes(optional), gap),
        traced,
    )


def around(function: str) -> tuple[str, str]:
    """Return the programs at entry and exit: what was, and whether it succeeded.

    The exit comes first, so that it is attached when the first entry is seen: an operation without
    an end would hide those that follow it on the thread.
    """
    return f"fexit__{function}", f"fentry__{function}"


def hook_text(targets: Iterable[Target]) -> str:
    """Return targets for people: "fexit vfs_read, vfs_readv; tracepoint sys_exit"."""
    words = {"tp": "tracepoint"}
    names: dict[str, list[str]] = {}
    for how, name in targets:
        names.setdefault(words.get(how, how), []).append(name)
    return "; ".join(f"{how} {', '.join(listed)}" for how, listed in names.items())


# Inode flags where each file system has an ioctl of its own. By kprobe the result is the call's.
IOCTLS = (
    Candidate(
        "fentry",
        "file_ioctl",
        ("fexit____x64_sys_ioctl",),
        ("fexit____ia32_compat_sys_ioctl",),
    ),
    Candidate(
        "kprobe",
        "file_kprobe",
        (
            *call_returns("file", ("fexit__security_file_ioctl",)),
            "kprobe__security_file_ioctl",
        ),
        ("kprobe__security_file_ioctl_compat",),
    ),
)
