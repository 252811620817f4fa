# SPDX-License-Identifier: Apache-2.0
"""The blocks of a process: made once for an actor, then shared by its records."""

from msgspec import UNSET, UnsetType

from kflowd.constants import UNSET_ID
from kflowd.model import Actor, ExeFlag, FileFlag, ProcessFlag, ProcessSeen
from kflowd.serialize.blocks.process import ProcessAge, ProcessBlock, ProcessDetails

# Actors whose blocks are kept; as many as are active within some seconds.
MAX_CACHED = 4096
_INCOMPLETE = (
    FileFlag.PATH_TRUNCATED | FileFlag.PATH_UNKNOWN | FileFlag.PATH_NO_MOUNT | FileFlag.PATH_TEXT
)
_WORKDIR_INCOMPLETE = _INCOMPLETE | FileFlag.PATH_UNREACHABLE


class ProcessBlocks:
    """Makes the blocks of actors and keeps them.

    Args:
        strict: Leave out what goes beyond the contract.
        versions: With that of the package.
    """

    def __init__(self, *, strict: bool, versions: bool = False) -> None:
        self._strict = strict
        self._versions = versions
        # by id of the actor, which is kept too so that the id stays its own
        self._known: dict[int, tuple[Actor, ProcessBlock, ProcessDetails | None]] = {}

    def of(self, actor: Actor) -> tuple[Actor, ProcessBlock, ProcessDetails | None]:
        """Return an actor with its blocks."""
        known = self._known.get(id(actor))
        if known is None:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            block = process_block(actor, versions=self._versions)
            known = (actor, block, None if self._strict else details_of(actor))
            self._known[id(actor)] = known
        return known


def process_block(actor: Actor, *, versions: bool = False) -> ProcessBlock:
    """Return the contract's block of a process."""
    process = actor.process
    return ProcessBlock(
        ProcParent=actor.parent,
        Proc=actor.proc,
        ProcVersion=actor.version if versions else UNSET,
        ProcUser=actor.user,
        ProcGroup=actor.group,
        ProcPPID=process.ppid if process else UNSET,
        ProcPID=process.tgid if process else UNSET,
        ProcTID=process.tid if process else UNSET,
        ProcUID=process.uid if process else UNSET,
        ProcGID=process.gid if process else UNSET,
    )


def age_of(actor: Actor, at_ns: int) -> ProcessAge | None:
    """Return the age of a process at a time (CLOCK_BOOTTIME)."""
    process = actor.process
    if process is None:
        return None
    return ProcessAge(ProcAge=at_ns - process.start_ns)


def details_of(actor: Actor) -> ProcessDetails:
    """Return what is known of a process beyond the contract."""
    process, seen = actor.process, actor.seen
    return ProcessDetails(
        ProcEUID=process.euid if process else UNSET,
        ProcEGID=process.egid if process else UNSET,
        ProcExe=(seen and seen.exe) or UNSET,
        ProcArgs=(seen and seen.args) or UNSET,
        ProcWorkDir=(seen and seen.workdir) or UNSET,
        ProcTTY=(seen and seen.tty) or UNSET,
        ProcLoginUID=_audit_id(process.login_uid if process else UNSET_ID),
        ProcSessionID=_audit_id(process.session_id if process else UNSET_ID),
        ProcCgroupID=(process and process.cgroup_id) or UNSET,
        ProcMntNS=(process and process.mnt_ns) or UNSET,
        ProcPidNS=(seen and seen.pid_ns) or UNSET,
        ProcNetNS=(process and process.net_ns) or UNSET,
        ProcContainer={"Id": actor.container, "Runtime": actor.runtime}
        if actor.container
        else UNSET,
        ProcUnit=actor.unit or UNSET,
        ProcAncestors=[{"Pid": pid, "Name": name} for pid, name in actor.ancestors] or UNSET,
        ProcNotes=_notes(actor) or UNSET,
        ProcLabels=dict(actor.labels) or UNSET,
    )


def _audit_id(number: int) -> int | UnsetType:
    return UNSET if number == UNSET_ID else number


def _unknown(actor: Actor) -> str:
    if actor.process is None:
        return "NO_OWNER"
    return "PROCESS_INCOMPLETE" if actor.incomplete else "UNKNOWN_PROCESS"


def _notes(actor: Actor) -> tuple[str, ...]:
    words = _notes_of(actor.seen) if actor.seen else (_unknown(actor),)
    if actor.names_late:
        words = (*words, "NAME_LATE")
    if actor.labels_late:
        words = (*words, "LABEL_MISSING")
    return (*words, "CGROUP_READ") if actor.cgroup_read else words


def _notes_of(seen: ProcessSeen) -> tuple[str, ...]:
    words = []
    if seen.flags & ProcessFlag.INCOMPLETE:
        words.append("PROCESS_INCOMPLETE")
    if seen.exe_flags & _INCOMPLETE:
        words.append("EXE_TRUNCATED")
    if seen.exe_flags & ExeFlag.FILELESS:
        words.append("FILELESS")
    if seen.exe_flags & ExeFlag.DELETED:
        words.append("DELETED")
    if seen.flags & ProcessFlag.ARGS_TRUNCATED:
        words.append("ARGS_TRUNCATED")
    if seen.workdir_flags & _WORKDIR_INCOMPLETE:
        words.append("WORKDIR_TRUNCATED")
    return tuple(words)
