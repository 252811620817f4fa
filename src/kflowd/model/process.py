# SPDX-License-Identifier: Apache-2.0
"""Processes: as records carry them, as they come and go, and as the enrichers name them."""

from collections.abc import Hashable

import msgspec


class ProcessFlag:
    """Flags of a process: the contract's KF_PROC_*, and what the decoder found."""

    KTHREAD = 1
    ARGS_TRUNCATED = 1 << 30
    INCOMPLETE = 1 << 31  # what it runs is not known: a record before this one was lost


class ExeFlag:
    """Flags of an executable beside FileFlag.PATH_*; the contract's KF_EXE_*."""

    DELETED = 16384
    FILELESS = 32768


class ProcessSource:
    """Where a process record comes from; the contract's enum kf_proc_source."""

    EXEC = 1
    FORK = 2
    SNAPSHOT = 3


class Process(msgspec.Struct, frozen=True, gc=False):
    """A process as each record carries it, in the state of the moment when it acted.

    Ids are those of the initial namespaces. `start_ns` (of the group leader) and `tgid` are its
    identity; `comm` has 15 bytes at most. `execs` is another number for each program that it runs;
    a child begins with its parent's. Login and session are the audit system's, UNSET_ID if not set.
    Namespaces are 0 of a thread that has left them because it exits.
    """

    start_ns: int
    parent_start_ns: int
    tgid: int
    tid: int
    ppid: int
    uid: int
    gid: int
    euid: int
    egid: int
    cgroup_id: int
    login_uid: int
    session_id: int
    mnt_ns: int
    net_ns: int
    flags: int
    comm: str
    execs: int = 0


class ProcessSeen(msgspec.Struct, frozen=True, gc=False):
    """A process started, executed a program, or ran already.

    `exe` is "" for kernel threads, `exe_flags` are its FileFlag.PATH_* and ExeFlag; `flags` are
    ProcessFlag; `pid_ns` is the PID namespace that it was made in. `creator` is the identity of who
    forked it: not the parent after CLONE_PARENT; (0, 0) if it was not forked. `workdir` is the
    working directory in which this found it, as d_path of the kernel has it, `workdir_flags` its
    FileFlag.PATH_*; `tty` is its controlling terminal below /dev; "" of both: it had none.
    """

    ts_ns: int
    process: Process
    source: int
    pid_ns: int
    exe_flags: int
    flags: int
    exe: str
    args: tuple[str, ...]
    creator: tuple[int, int] = (0, 0)
    workdir: str = ""
    workdir_flags: int = 0
    tty: str = ""


class ProcessExit(msgspec.Struct, frozen=True, gc=False):
    """A process ended: its last thread did.

    Attributes:
        status: As wait(2) has it.
        cpu_ns: Time on CPUs, user and system, of all its threads; not of its children.
        peak_rss: Bytes; of all programs that it ran.
    """

    ts_ns: int
    process: Process
    status: int = 0
    cpu_ns: int = 0
    peak_rss: int = 0


class ProcessAggregate(msgspec.Struct, frozen=True, gc=False):
    """What a process did since its last record, or since it began or kflowd did.

    Attributes:
        ts_ns: When it ended, or when this was taken.
        process: In the state of the last event, or as it was seen last.
        execs: Programs that it began to run.
        forks: 1 if it was forked meanwhile.
        end: How it ended, None while it runs.
        children: Processes that it forked.
        files_written: Files whose content it changed.
        connections: TCP connections, and peers of its UDP sockets.
        rough: The last two may have counted one more than once.
        exit_told: Its EXIT is among its events; else a filter leaves it out.
        partial: It had no room and was taken early: what it did since is in another.
    """

    ts_ns: int
    process: Process
    execs: int
    forks: int
    end: ProcessExit | None
    children: int
    files_written: int
    connections: int
    rough: bool = False
    partial: bool = False
    exit_told: bool = True


# What plugins can ask by for the labels of a process; kflowd.enrich.labels has the values.
LABELLED_BY = ("uid", "gid", "login_uid", "user", "group", "exe", "container", "unit")


class Actor(msgspec.Struct, gc=False):
    """Who did it: one image of a process with what the enrichers know of it.

    One object serves all records of that image, so what is made of it is made once. The enrichers
    fill it in before it is used the first time; it does not change afterwards.

    Attributes:
        process: As the records carry it; None: a socket without a known owner.
        seen: What the process table knows of it, None if nothing.
        incomplete: It ran a program that nobody told of; `seen` may be None though it is known.
        proc, parent, user, group: As in the contract's Proc fields.
        names_late: User or group is "" because NSS has not answered in time.
        labels: Of plugins, in the order of their names: "owner.Team" and its text.
        labels_late: A plugin has not answered in time, or not at all.
        version: Package version of its executable, "" if it is of none or was not asked for.
        cgroup: Path of its control group, "" not known.
        cgroup_read: It is of cgroup v1, as proc had it, and not surely that of the moment.
        by_number: The number of its group alone says where it is, as of all in that group.
        runtime, container: Kind and id of the innermost container; "" of both: in none.
        unit: The innermost systemd unit.
        ancestors: (process, name of its executable), the parent first.
    """

    process: Process | None
    seen: ProcessSeen | None = None
    incomplete: bool = False
    proc: str = ""
    parent: str = ""
    user: str = ""
    group: str = ""
    ancestors: tuple[tuple[int, str], ...] = ()
    runtime: str = ""
    container: str = ""
    unit: str = ""
    cgroup: str = ""
    cgroup_read: bool = False
    by_number: bool = True
    version: str = ""
    names_late: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    labels_late: bool = False


class EnrichedProcess(msgspec.Struct, gc=False):
    """A process aggregate with names; `questions` as of a file."""

    actor: Actor
    aggregate: ProcessAggregate
    questions: tuple[Hashable, ...] = ()
