# SPDX-License-Identifier: Apache-2.0
"""Which event class is served by which programs: the table that loader and doctor read.

A hook is a class of events with its candidates, best first. A candidate names the object and the
programs that serve the class together: one that is refused takes the candidate with it, not the
other classes. What a program needs of the kernel follows from its section (`target`).
"""

from kflowd.bpf.candidates import (
    ANY_ATTACH_MODE,
    IOCTLS,
    UNIX_MOVES,
    Candidate,
    Hook,
    around,
    attach_modes,
)
from kflowd.bpf.gaps import (
    ATTEMPTS,
    LEAPS,
    MAPPED_ALONE,
    NAMES_AS_TEXT,
    NO_IO_URING,
    NO_NESTED_SCRIPTS,
    NO_POLLED_RINGS,
    NO_RINGS,
    NO_SPLICE,
    NOT_CALLED,
    ONE_OF_TWO,
    STORES,
)

# Which mount a thread is about to write to: operations on names know none. Without these the mount
# is looked for, and a path that could be through several has a note.
MOUNTS = ("fentry__mnt_want_write", "fentry__mnt_want_write_file")
DIRECTORIES = "directories"  # the option that the classes of directories are wanted by
FAILED = "failed"  # and what has failed
# Reads and writes of io_uring: where they are done, and where what was done meanwhile ends.
RINGS = ("fentry__kiocb_done", "fentry__io_req_rw_complete")
AIO_END = "fentry__aio_complete_rw"  # of Linux AIO, ahead of what submits
STORED = "fentry__fault_dirty_shared_page"  # stores that the kernel tells of
# In the tracepoint mode, whatever there is of these tells which inode a name meant.
IDENTITIES = (
    "tp__ext4_unlink_enter",
    "tp__ext4_mark_inode_dirty",
    "tp__writeback_mark_inode_dirty",
    "tp__inode_set_ctime_to_ts",
    "tp__ctime_ns_xchg",
    "tp__ctime_xchg_skip",
)


def _traced(gap: str, *programs: str, optional: tuple[str, ...] = ()) -> Candidate:
    return Candidate("tracepoint", "file_tracepoint", programs, optional, gap, exclusive=True)


def _by_descriptor() -> Candidate:
    return _traced(NOT_CALLED, "tp__sys_enter", "tp__sys_exit")


def _by_name(gap: str = "") -> Candidate:
    return _traced(gap + NAMES_AS_TEXT, "tp__sys_enter", "tp__sys_exit", optional=IDENTITIES)


def _file(
    key: str,
    title: str,
    *programs: str,
    traced: Candidate,
    optional: tuple[str, ...] = (),
    older: tuple[Candidate, ...] = (),
    option: str = "",
    gap: str = "",
) -> Hook:
    """Return a class of file events.

    `traced` has no default: a class is served in the tracepoint mode only if somebody wrote that.
    `older` serve where the kernel lacks the functions; each stands behind that of its attach mode.
    `gap` is of fentry and kprobe.
    """
    fentry, kprobe, last = attach_modes("file", programs, optional, traced, gap)
    candidates = (fentry._replace(gap=gap), kprobe, last, *older)
    modes = [candidate.attach_mode for candidate in candidates]
    listed = sorted(candidates, key=lambda it: modes.index(it.attach_mode))
    return Hook(f"file.{key}", title, "file", tuple(listed), option)


def _older(*programs: str) -> tuple[Candidate, ...]:
    """Return fentry and kprobe at other functions, those of older kernels."""
    return attach_modes("file", programs, (), _by_name())[:2]


def _by_socket() -> Candidate:
    programs = ("tp__sys_enter_unix_call", "tp__sys_exit_unix_call")
    return Candidate("tracepoint", "unix_tracepoint", programs, gap=NO_SPLICE, exclusive=True)


def _unix(key: str, title: str, *programs: str, traced: Candidate, gap: str = "") -> Hook:
    """Return a class that the programs for UNIX sockets serve; `traced` as for `_file`."""
    return Hook(key, title, "unix", attach_modes("unix", programs, (), traced, gap))


def _any(
    key: str,
    title: str,
    object_name: str,
    *programs: str,
    optional: tuple[str, ...] = (),
    unread: str = "",
) -> Hook:
    """Return a class that is served the same way in every attach mode."""
    candidate = Candidate(ANY_ATTACH_MODE, object_name, programs, optional, unread=unread)
    return Hook(key, title, key.partition(".")[0], (candidate,))


def _attempt() -> Hook:
    """Return what fails: by the same program also where tracepoints serve all other classes."""
    candidate = Candidate(ANY_ATTACH_MODE, "file_failed", ("tp__sys_exit_failed",), gap=ATTEMPTS)
    return Hook(
        "file.failed",
        "attempt that failed",
        "file",
        (candidate, candidate._replace(exclusive=True)),
        FAILED,
    )


def _moved(verb: str) -> tuple[str, ...]:
    """Return the programs at what moves bytes of UNIX sockets, one for each type of socket."""
    return tuple(f"fexit__{function}" for function in UNIX_MOVES if function.endswith(verb))


# Who sends a datagram is seen with the packet.
_USES = ("fentry__release_sock", "fentry__skb_consume_udp")
_USED = attach_modes(
    "socket",
    _USES,
    (),
    Candidate(
        "tracepoint",
        "socket_tracepoint",
        ("tp__sys_exit_socket",),
        gap="who received a datagram by a call without room for the address is known if there is "
        "one peer; " + NO_IO_URING,
    ),
)

# When the wall clock was set. By system calls it is seen where they are looked at anyway.
_STEPS = (
    Candidate("fentry", "clock_fentry", ("fexit__clock_was_set", "fentry__clock_was_set")),
    Candidate("kprobe", "clock_kprobe", ("kretprobe__clock_was_set", "kprobe__clock_was_set")),
    *(
        Candidate("tracepoint", name, (program,), gap=LEAPS, beside=True)
        for name, program in (
            ("file_tracepoint", "tp__sys_exit"),
            ("socket_tracepoint", "tp__sys_exit_socket"),
        )
    ),
)

# The order of classes is the order in which they are loaded and shown: processes first, so that no
# record of another class names one that the table has not heard of.
HOOKS: tuple[Hook, ...] = (
    _any("process.exec", "program started", "process", "tp__sched_process_exec"),
    _any("process.fork", "process created", "process", "tp__sched_process_fork"),
    _any("process.exit", "process ended", "process", "tp__sched_process_exit"),
    _any("process.snapshot", "processes from before the start", "process", "iter__task"),
    _any(
        "socket.owner",
        "owner of a TCP or UDP socket",
        "socket",
        "cgroup__sock_create",
        "cgroup__connect4",
        "cgroup__connect6",
    ),
    _any(
        "socket.tcp",
        "TCP connection: states, totals, end",
        "socket",
        "tp__inet_sock_set_state",
        "tp__tcp_destroy_sock",
    ),
    _any("socket.passive", "TCP connection from outside", "socket", "cgroup__sockops"),
    _any(
        "socket.packet",
        "packets of TCP and UDP: UDP peers, flags, TTL, interface",
        "socket",
        "cgroup__skb_ingress",
        "cgroup__skb_egress",
        unread="which datagrams came in IP fragments is not seen",
    ),
    _any(
        "socket.queue",
        "datagrams dropped by a UDP socket, and its queue",
        "socket",
        "tp__udp_fail_queue_rcv_skb",
        optional=("tp__sk_data_ready",),
    ),
    _any("socket.close", "UDP socket closed", "socket", "cgroup__sock_release"),
    _any(
        "socket.snapshot",
        "TCP connections from before the start, and counters of live ones",
        "socket",
        "iter__tcp",
        "iter__task_file",
    ),
    _file("create", "file created", "fentry__vfs_open", traced=_by_descriptor()),
    _file(
        "mknod",
        "file made without opening it",
        *around("vfs_create"),
        optional=MOUNTS,
        traced=_by_name(),
    ),
    _file(
        "tmpfile",
        "file made without a name",
        "fexit__finish_open",
        traced=_by_descriptor(),
    ),
    _file(
        "open",
        "file opened",
        "fentry__fd_install",
        optional=("fentry__io_fixed_fd_install",),  # direct descriptors of io_uring, since 6.0
        traced=_by_descriptor(),
    ),
    _file(
        "exec",
        "file opened to be executed",
        "fexit__do_open_execat",
        traced=_traced(NO_NESTED_SCRIPTS, "tp__sched_process_exec_file"),
    ),
    _file(
        "read",
        "file read",
        "fexit__vfs_read",
        optional=("fexit__vfs_readv", "fexit____kernel_read", *RINGS, AIO_END, *around("aio_read")),
        traced=_by_descriptor(),
        gap=NO_POLLED_RINGS,
    ),
    _file(
        "write",
        "file written",
        "fexit__vfs_write",
        optional=("fexit__vfs_writev", *RINGS, AIO_END, *around("aio_write")),
        traced=_by_descriptor(),
        gap=NO_POLLED_RINGS,
    ),
    _file(
        "copy",
        "file copied inside the kernel",
        *around("vfs_copy_file_range"),
        optional=around("do_splice_direct"),
        traced=_by_descriptor(),
    ),
    _file(
        "splice",
        "file moved into a pipe or out of one",
        "fexit__do_splice",
        "fexit__splice_file_to_pipe",
        traced=_by_descriptor(),
        # sendfile to a pipe is a copy inside the kernel there
        older=_older("fexit__do_splice"),
    ),
    _file(
        "clone",
        "file content shared with another (reflink)",
        *around("vfs_clone_file_range"),
        traced=_by_descriptor(),
    ),
    _file(
        "allocate",
        "file space allocated or punched",
        "fexit__vfs_fallocate",
        traced=_by_descriptor(),
    ),
    _file(
        "mapped",
        "file mapped shared and writable, and stores through it",
        "fexit__vm_mmap_pgoff",
        optional=("fexit__security_file_mprotect", STORED),
        traced=_traced(MAPPED_ALONE, "tp__sys_enter", "tp__sys_exit"),
        gap=STORES,
    ),
    _file(
        "attribute",
        "file attributes or length changed",
        *around("notify_change"),
        optional=MOUNTS,
        traced=_by_name("the mode before a change by name is not known; "),
    ),
    _file(
        "xattr",
        "extended attributes changed",
        *around("vfs_setxattr"),
        *around("vfs_removexattr"),
        optional=MOUNTS,
        traced=_by_name(),
    ),
    _file(
        "acl",
        "access control list changed",
        *around("vfs_set_acl"),
        *around("vfs_remove_acl"),
        optional=MOUNTS,
        traced=_by_name(),
        # they are extended attributes there
        older=_older(*around("vfs_setxattr"), *around("vfs_removexattr")),
    ),
    _file(
        "flags",
        "inode flags changed",
        *around("vfs_fileattr_set"),
        optional=MOUNTS,
        traced=_by_name(),
        older=IOCTLS,
    ),
    _file(
        "close",
        "file closed",
        "fentry____fput",
        traced=_traced(
            NOT_CALLED,
            "tp__sys_enter",
            "tp__sys_exit",
            "tp__sched_process_exit_files",
            optional=("tp__exit_mmap",),
        ),
    ),
    _file(
        "rename",
        "file renamed",
        *around("vfs_rename"),
        optional=MOUNTS,
        traced=_by_name(ONE_OF_TWO),
    ),
    _file("link", "hard link made", *around("vfs_link"), optional=MOUNTS, traced=_by_name()),
    _file(
        "symlink", "symbolic link made", *around("vfs_symlink"), optional=MOUNTS, traced=_by_name()
    ),
    _file("unlink", "file deleted", *around("vfs_unlink"), optional=MOUNTS, traced=_by_name()),
    _file(
        "mkdir",
        "directory made",
        *around("vfs_mkdir"),
        optional=MOUNTS,
        traced=_by_name(),
        option=DIRECTORIES,
    ),
    _file(
        "rmdir",
        "directory removed",
        "fentry__d_delete",
        optional=MOUNTS,
        traced=_by_name("the inode of the directory is not known; "),
        option=DIRECTORIES,
    ),
    _file(
        "list",
        "directory listed",
        "fexit__iterate_dir",
        traced=_by_descriptor(),
        option=DIRECTORIES,
    ),
    _attempt(),
    Hook(
        "socket.accept",
        "process that accepts a TCP connection",
        "socket",
        attach_modes(
            "socket",
            ("fentry__security_sock_graft",),
            (),
            Candidate("tracepoint", "socket_tracepoint", ("tp__sys_exit_socket",), gap=NO_IO_URING),
        ),
    ),
    Hook("socket.use", "process that sends or receives over TCP or UDP", "socket", _USED),
    _unix(
        "unix.send",
        "sent over a UNIX socket",
        *_moved("sendmsg"),
        traced=_by_socket(),
        gap=NO_RINGS,
    ),
    _unix(
        "unix.receive",
        "received over a UNIX socket",
        *_moved("recvmsg"),
        traced=_by_socket(),
        gap=NO_RINGS,
    ),
    _unix("unix.close", "UNIX socket closed", "fentry__unix_release", traced=_by_socket()),
    Hook("clock.step", "wall clock set", "clock", _STEPS),
)
