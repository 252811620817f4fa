# SPDX-License-Identifier: Apache-2.0
"""Keys of the process, in file and socket records."""

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from kflowd.serialize.keys import Block, ConstantBlock, Duration, Says

OWNED = "the process is known"
AT_HOME = "the process is known, and had not left it to exit"
LISTED = "the process table has it"
NOTED = "there is something to say"

PROC_NOTES = {
    "NO_OWNER": "no process is known for this socket",
    "UNKNOWN_PROCESS": "the process table does not know it: Proc is the task's name",
    "PROCESS_INCOMPLETE": "a record of its exec was lost: what it runs is not known, and Proc is "
    "the task's name",
    "EXE_TRUNCATED": "ProcExe is not complete",
    "FILELESS": "the executable is in memory alone: a memfd",
    "DELETED": "the executable had no name any more (or never: O_TMPFILE) when it was started; of "
    "what is older than kflowd, when kflowd began",
    "ARGS_TRUNCATED": "ProcArgs is not complete",
    "WORKDIR_TRUNCATED": "ProcWorkDir is not complete, or begins at no root of a mount namespace",
    "NAME_LATE": "ProcUser or ProcGroup is not known: NSS did not answer in time, or too many "
    "records waited",
    "LABEL_MISSING": "a plugin did not give its labels in time, or met an error",
    "CGROUP_READ": "ProcContainer and ProcUnit are by a group of cgroup v1 that was read in /proc "
    "behind the start, or is the parent's: a process that was moved had others meanwhile",
}


class ProcessBlock(ConstantBlock, frozen=True, kw_only=True, gc=False):
    """Who did it."""

    ProcParent: Annotated[str, Says("name of the parent's executable")]
    Proc: Annotated[
        str, Says("name of the executable, and of the task if that is another: dash/sh")
    ]
    ProcVersion: Annotated[
        str | UnsetType, Says('package version of the executable, "" not known', "-v")
    ]
    ProcUser: Annotated[str, Says('name of ProcUID, "" not known')]
    ProcGroup: Annotated[str, Says('name of ProcGID, "" not known')]
    ProcPPID: Annotated[int | UnsetType, Says("parent process", OWNED)]
    ProcPID: Annotated[int | UnsetType, Says("process", OWNED)]
    ProcTID: Annotated[int | UnsetType, Says("thread of the first event", OWNED)]
    ProcUID: Annotated[int | UnsetType, Says("real user", OWNED)]
    ProcGID: Annotated[int | UnsetType, Says("real group", OWNED)]


class ProcessAge(Block, frozen=True, kw_only=True, gc=False):
    """How old it was."""

    ProcAge: Annotated[Duration, Says("age of the process at the last event", OWNED)]


class ProcessDetails(ConstantBlock, frozen=True, kw_only=True, gc=False):
    """Its program, and where it was at the moment of its ids, beyond the contract."""

    ProcEUID: Annotated[int | UnsetType, Says("effective user", OWNED)]
    ProcEGID: Annotated[int | UnsetType, Says("effective group", OWNED)]
    ProcExe: Annotated[str | UnsetType, Says("path of the executable", LISTED)]
    ProcArgs: Annotated[
        tuple[str, ...] | UnsetType,
        Says("arguments, 2048 bytes at most; a secret is `***`", LISTED),
    ]
    ProcWorkDir: Annotated[
        str | UnsetType,
        Says("working directory when it was forked or its program began", LISTED),
    ]
    ProcTTY: Annotated[
        str | UnsetType,
        Says("controlling terminal, below /dev, at that moment: pts/3", "it had one"),
    ]
    ProcLoginUID: Annotated[int | UnsetType, Says("user of the login session", "it was set")]
    ProcSessionID: Annotated[
        int | UnsetType, Says("login session of the audit system", "it was set")
    ]
    ProcCgroupID: Annotated[int | UnsetType, Says("control group (its inode number)", OWNED)]
    ProcMntNS: Annotated[int | UnsetType, Says("mount namespace (its inode number)", AT_HOME)]
    ProcPidNS: Annotated[
        int | UnsetType, Says("PID namespace, the innermost one (its inode number)", LISTED)
    ]
    ProcNetNS: Annotated[int | UnsetType, Says("network namespace (its inode number)", AT_HOME)]
    ProcContainer: Annotated[
        dict[str, str] | UnsetType,
        Says(
            "innermost container by its cgroup: {Id, Runtime}",
            "its path is known, names one",
        ),
    ]
    ProcUnit: Annotated[
        str | UnsetType,
        Says("innermost systemd unit by its cgroup", "its path is known, names one"),
    ]
    ProcAncestors: Annotated[
        list[dict[str, Any]] | UnsetType,
        Says(
            "parent, its parent and so on at the start, 8 at most: {Pid, Name}",
            "the parent is known",
        ),
    ]
    ProcNotes: Annotated[
        tuple[str, ...] | UnsetType,
        Says("words that say what is not known or not complete", NOTED),
    ]
    ProcLabels: Annotated[
        dict[str, str] | UnsetType,
        Says("labels of plugins: {PLUGIN.LABEL, ...}", "a plugin gave some"),
    ] = UNSET
