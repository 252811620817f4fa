# SPDX-License-Identifier: Apache-2.0
"""What a file record of a case must be as a whole: each key in its place, and no other.

What the record says of the file is compared with the file system, what it says of the process with
proc and the workload's facts. What a case knows better stands in its `fields`.
"""

import grp
import os
import pwd
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kflowd
from kflowd.bpf.kernel.cgroup import MOUNTS, find_mount
from kflowd.redact import redact_args
from tests.host.agent import Record
from tests.host.case import CLASS_OF, Case, Claim, Events, NotTraced, OnlyTraced, Untraced
from tests.host.one_run import ATTACH_MODE, Run

EXE = Path("/proc/self/exe").resolve()
UNSET_ID = 0xFFFFFFFF
SECOND_NS = 1_000_000_000
# "" is the best of this kernel, which may be that
MAY_TRACE = ATTACH_MODE in ("", "tracepoint")
MAX_ANCESTORS = 8
LONGEST = 60  # seconds that a workload takes on a slow machine
OF_INODE = {
    *("FileMode", "FileInode", "FileInodeLinkCount", "FileDevice", "FilePermissions", "FileUser"),
    *(
        "FilePermissionsBefore",
        "FileGroup",
        "FileUID",
        "FileGID",
        "FileSize",
        "FileSizeChange",
        "FileAccessTime",
    ),
    *("FileStatusChangeTime", "FileModificationTime", "FileModificationTimeChange"),
}


def differences(real: Record, wanted: Record) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two records differ, both values of each."""
    names = dict.fromkeys((*real, *wanted))
    both = {name: (real.get(name, "absent"), wanted.get(name, "absent")) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def claimed(record: Record) -> Record:
    """Return a record as it is compared: the order of its events counts too."""
    return record | {"FileEvents": list(record["FileEvents"].items())}


def expected(run: Run, case: Case, path: str, records: list[Record]) -> Record:
    """Return what the last record of a file must be, in the order of its keys."""
    record, fields = records[-1], case.fields.get(path, {})
    whole = _info() | _process(run, case, record) | _file(run, case, path, records)
    whole |= {"InfoTime": instant(record)}
    whole |= _process_extra(run, case, record) | {"FileNotes": Claim.ABSENT}
    assert set(fields) <= set(whole), "a key that no record has"
    right = {name for name, value in fields.items() if value is Claim.RIGHT and name in record}
    whole |= {name: value for name, value in fields.items() if name not in right}
    if any(map(_is_text_alone, records)):  # what came later may be in a record without the inode
        whole["FileStatusChangeTime"] = Claim.ANY
    if _is_text_alone(record):
        whole |= dict.fromkeys(OF_INODE, Claim.ABSENT) | {"FileNotes": Claim.ANY}
    settled = {name: _settled(name, value, record) for name, value in whole.items()}
    return {name: value for name, value in settled.items() if value is not Claim.ABSENT}


def _settled(name: str, value: Any, record: Record) -> Any:
    """Return what is expected of a field: its own value, where that is left open."""
    if isinstance(value, Untraced):
        value = value.value if name in record or not MAY_TRACE else Claim.ABSENT
    if isinstance(value, OnlyTraced | NotTraced):
        there = isinstance(value, OnlyTraced) == (ATTACH_MODE == "tracepoint")
        there = name in record if not ATTACH_MODE else there
        value = value.value if there else Claim.ABSENT
    if value in (Claim.MAYBE, Claim.RIGHT):
        return record.get(name, Claim.ABSENT)
    return record.get(name, "a value") if value is Claim.ANY else value


def seen(case: Case) -> tuple[Events, ...]:
    """Return which events of a case may be reported: one answer, where the mode is known."""
    if case.traced is None or not MAY_TRACE:
        return (case.events,)
    return (case.traced,) if ATTACH_MODE else (case.traced, case.events)


def of_one_file(records: list[Record]) -> bool:
    """Say whether records are about one file; one that is known by its text alone has no inode."""
    names = {(each["FilePath"], each["File"]) for each in records}
    known = [each for each in records if not _is_text_alone(each)]
    return len(names) == 1 and len({(it["FileInode"], it["FileDevice"]) for it in known}) <= 1


def _is_text_alone(record: Record) -> bool:
    """Say whether a record has no inode and may lack it: calls on names in the tracepoint mode."""
    by_name = not {"OPEN", "OPEN_EXEC"} & set(record["FileEvents"])
    has_none = "NO_INODE" in record.get("FileNotes", ())
    return has_none and by_name and MAY_TRACE


def _info() -> Record:
    system = os.uname()
    return {
        "InfoSequenceNumber": Claim.ANY,
        "InfoTimestamp": Claim.ANY,
        "InfoMonitor": "filesystem",
        "InfoHostName": system.nodename,
        "InfoHostIP": Claim.ANY,
        "InfoSystem": "Linux",
        "InfoKernel": system.release,
        "InfoVersion": f"kflowd-v{kflowd.__version__}",
        "InfoUptime": Claim.ANY,
    }


def _process(run: Run, case: Case, record: Record) -> Record:
    """Return the process's fields of the contract."""
    done = run.done[case.name]
    facts = done.facts
    child = record["ProcPID"] == facts.get("child")
    pid = facts["child"] if child else done.pid
    uid, gid = facts.get("uid", 0), facts.get("gid", 0)
    exe = _program(run, case, record).name
    task = "kf-thread" if "tid" in facts else Path("/proc/self/comm").read_text().strip()
    # a task's name is shown where it is not that of the executable, cut or not
    other = exe == EXE.name and not exe.startswith(task)
    assert 0 < record["ProcAge"] < LONGEST
    return {
        "ProcParent": EXE.name,
        "Proc": f"{exe}/{task}" if other else exe,
        "ProcUser": _name(pwd.getpwuid, uid),
        "ProcGroup": _name(grp.getgrgid, gid),
        "ProcPPID": done.pid if child else os.getpid(),
        "ProcPID": pid,
        "ProcTID": facts.get("tid", pid),
        "ProcUID": uid,
        "ProcGID": gid,
        "ProcAge": Claim.ANY,
    }


def _process_extra(run: Run, case: Case, record: Record) -> Record:
    """Return the process's fields behind those of the contract."""
    program = _program(run, case, record)
    arguments = [str(program), "first", "second argument"]
    facts = run.done[case.name].facts
    return {
        "ProcEUID": facts.get("uid", 0),
        "ProcEGID": facts.get("gid", 0),
        "ProcExe": str(program),
        # what ran before the agent, and its children, have what proc tells
        "ProcArgs": _own_arguments() if program == EXE else arguments,
        "ProcWorkDir": _began(run, case, record),
        "ProcTTY": own_tty() or Claim.ABSENT,
        "ProcLoginUID": _audit("loginuid"),
        "ProcSessionID": _audit("sessionid"),
        "ProcCgroupID": cgroup_id() or Claim.ANY,
        "ProcMntNS": os.stat("/proc/self/ns/mnt").st_ino,
        "ProcPidNS": os.stat("/proc/self/ns/pid").st_ino,
        "ProcNetNS": os.stat("/proc/self/ns/net").st_ino,
        # the tests run in no container
        "ProcContainer": Claim.ABSENT,
        "ProcUnit": _unit(),
        "ProcAncestors": _ancestors(run, case, record),
        "ProcNotes": Claim.ABSENT,
    }


def _began(run: Run, case: Case, record: Record) -> str:
    """Return where the process began: in our directory, or in that of who has gone elsewhere."""
    facts = run.done[case.name].facts
    child = record["ProcPID"] == facts.get("child")
    return str(run.folders[case.name]) if child and facts.get("moved") else os.getcwd()


def own_tty() -> str | None:
    """Return the controlling terminal, as a record has it, which children inherit."""
    number = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[4])
    if not number:
        return None
    (device,) = (
        each
        for each in (*Path("/dev/pts").iterdir(), *Path("/dev").iterdir())
        if each.is_char_device() and each.stat().st_rdev == number
    )
    return str(device.relative_to("/dev"))


def _own_arguments() -> list[str]:
    raw = redact_args(Path("/proc/self/cmdline").read_bytes())
    return os.fsdecode(raw).removesuffix("\0").split("\0")


def _unit() -> str | Claim:
    """Return the systemd unit of the tests, by their group in the unified hierarchy."""
    text = Path("/proc/self/cgroup").read_text()
    paths = [line for line in text.splitlines() if line.startswith("0::")]
    names = [name for path in paths for name in path.split("/")]
    units = [name for name in names if name.endswith((".service", ".scope"))]
    return units[-1] if units else Claim.ABSENT


def _ancestors(run: Run, case: Case, record: Record) -> list[Record]:
    """Return who started what a case runs: the child's parent, this test, and so on."""
    done = run.done[case.name]
    child = record["ProcPID"] == done.facts.get("child")
    own = [{"Pid": done.pid, "Name": EXE.name}] if child else []
    return [*own, *ancestors(os.getpid())][:MAX_ANCESTORS]


def ancestors(pid: int) -> list[Record]:
    """Return a process and its ancestors, as proc shows them.

    A machine may hide its init from root: proc refuses the executable, no iterator shows the task.
    """
    found = []
    while pid:
        try:
            exe = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        except PermissionError:
            assert pid == 1
            break
        found.append({"Pid": pid, "Name": exe})
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found[:MAX_ANCESTORS]


def cgroup_id(pid: int | str = "self") -> int:
    """Return the id of a process's control group; 0: it cannot be known here."""
    root = find_mount(MOUNTS.read_text())
    paths = [
        line.removeprefix("0::").removesuffix(" (deleted)")
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        if line.startswith("0::")
    ]
    return os.stat(f"{root}{paths[0]}").st_ino if root and paths else 0


def _program(run: Run, case: Case, record: Record) -> Path:
    """Return what the process executes: the file of the record, or what runs the tests."""
    failed = run.done[case.name].facts.get("failed")
    executed = "OPEN_EXEC" in record["FileEvents"] and not failed
    return run.folders[case.name] / record["File"] if executed else EXE


def _audit(name: str) -> int | Claim:
    """Return an id of the audit system, which children inherit."""
    path = Path(f"/proc/self/{name}")
    number = int(path.read_text().strip("\0\n ")) if path.exists() else UNSET_ID
    return Claim.ABSENT if number == UNSET_ID else number


def _name(look_up: Callable[[int], tuple[Any, ...]], number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return ""


def _file(run: Run, case: Case, path: str, records: list[Record]) -> Record:
    """Return the file's fields: what the file system says of it at the end, else at the start."""
    record, folder, real = records[-1], run.folders[case.name], case.real.get(path, path)
    before = run.before[case.name]
    end = run.after[case.name].get(real) or before[real]
    begin = next((it for it in before.values() if it.st_ino == end.st_ino), None)
    events, told = seen(case)[0].get(path, {}), record["FileEvents"]
    if len(records) > 1 or case.untold or told in [each.get(path) for each in seen(case)]:
        events = told
    where, _, file = f"{folder}/{path}".rpartition("/")
    device = f"{os.major(end.st_dev) << 8 | os.minor(end.st_dev):x}h:"
    shown = record.get("FileDevice", "")
    assert 0 <= record["FileEventsDuration"] < LONGEST
    return {
        "FilePath": f"{where}/",
        "File": file,
        "FileOrigin": Claim.ABSENT,
        "FileMode": _kind(end),
        "FileEventCount": sum(events.values()),
        "FileEvents": [(event, events[event]) for event in CLASS_OF if event in events],
        "FileEventsDuration": Claim.ANY,
        "FileInode": end.st_ino,
        "FileInodeLinkCount": end.st_nlink,
        "FileDevice": shown if shown.startswith(device) and shown.count(":") == 3 else device,
        "FilePermissions": _permissions(end),
        "FilePermissionsBefore": _permissions_before(begin, end),
        "FileUser": _name(pwd.getpwuid, end.st_uid),
        "FileGroup": _name(grp.getgrgid, end.st_gid),
        "FileUID": end.st_uid,
        "FileGID": end.st_gid,
        "FileSize": end.st_size,
        "FileSizeChange": _grown(begin, end) if len(records) == 1 else Claim.MAYBE,
        "FileAccessTime": time_text(end.st_atime_ns),
        "FileStatusChangeTime": time_text(end.st_ctime_ns),
        "FileModificationTime": time_text(end.st_mtime_ns),
        "FileModificationTimeChange": _moved(begin, end, records),
    }


def _permissions(file: os.stat_result) -> str:
    return f"{stat.S_IMODE(file.st_mode):04o}/{stat.filemode(file.st_mode)}"


def _permissions_before(begin: os.stat_result | None, end: os.stat_result) -> Untraced | Claim:
    """Return the mode at the start, if it is another at the end."""
    if begin is None or begin.st_mode == end.st_mode:
        return Claim.ABSENT
    return Untraced(_permissions(begin))


def _kind(file: os.stat_result) -> str:
    if stat.S_ISLNK(file.st_mode):
        return "symlink"
    return "hardlink" if file.st_nlink > 1 else "regular"


def _grown(begin: os.stat_result | None, end: os.stat_result) -> int | Claim:
    """Return how much larger a file is; one that was made was empty."""
    return end.st_size - (begin.st_size if begin else 0) or Claim.ABSENT


def _moved(
    begin: os.stat_result | None, end: os.stat_result, records: list[Record]
) -> float | Claim:
    """Return how far mtime moved; that of a file that was made may have, while it was written."""
    if begin is not None and len(records) == 1:
        return (end.st_mtime_ns - begin.st_mtime_ns) / SECOND_NS or Claim.ABSENT
    shown = records[-1].get("FileModificationTimeChange", 0)
    return Claim.MAYBE if begin or 0 <= shown < LONGEST else Claim.ABSENT


def instant(record: Record) -> str:
    """Return the time of a record as RFC 3339 has it."""
    when, _, fraction = record["InfoTimestamp"].removesuffix(" UTC").rpartition(".")
    moment = time.strptime(when, "%a, %b %d %Y %H:%M:%S")
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{fraction}Z"


def time_text(ns: int) -> str:
    """Return a time as records show it."""
    when = time.strftime("%a, %b %d %Y %H:%M:%S", time.gmtime(ns // SECOND_NS))
    return f"{when}.{ns % SECOND_NS:09} UTC"
