# SPDX-License-Identifier: Apache-2.0
"""Filtered runs beside one that is not: the same filter, applied to the records of that one."""

import ipaddress
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from kflowd.bpf.kernel.cgroup import MOUNTS, find_mount
from kflowd.settings.rules import FILE_EVENTS, Rule, parse_rule
from tests.host import filtered
from tests.host.agent import ATTACH_MODE, Agent, Record, Result, file_records, losses, run

COUNT = 61 if ATTACH_MODE else 151
# of rules, each of its own agent, all of which look at the same
RUNS = 5
# more of them: KFLOWD_TEST_FILTERS=20
SEEDS = int(os.environ.get("KFLOWD_TEST_FILTERS", "1"))
# what is a matter of time, or of the run
OF_THE_RUN = ("Info", "FileEventsDuration", "SockTxDuration", "SockRxDuration", "SockAge")
OF_TIME = ("ProcAge", "SockRTT", "SockTxRTO", "ProcNotes", "SockNotes", "ProcUser", "ProcGroup")
CONTAINER = "7e" * 32
GROUP_NAMES = {"one": f"docker-{CONTAINER}.scope", "two": "kf-two.service"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that every user can reach."""
    made = Path(tempfile.mkdtemp(prefix="kf-filters-")).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def groups(folder: Path) -> Iterator[dict[str, int]]:
    """Make two control groups, reached by the folder's `groups`; return their numbers."""
    root = find_mount(MOUNTS.read_text())
    assert root is not None, "no cgroup2 mount shows the root"
    (folder / "groups").mkdir()
    made = {}
    for name, real in GROUP_NAMES.items():
        path = Path(root) / f"kf-filters-{os.getpid()}" / real
        path.mkdir(parents=True)
        (folder / "groups" / name).symlink_to(path)
        made[name] = path.stat().st_ino
    yield made
    until = time.monotonic() + 30
    for path in (*(folder / "groups").iterdir(),):
        while path.resolve().exists() and time.monotonic() < until:
            with suppress(OSError):
                path.resolve().rmdir()
    path.resolve().parent.rmdir()


@pytest.fixture
def tmpfs(folder: Path) -> Iterator[None]:
    """Mount a file system of another type in the folder."""
    (folder / "tmp").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", folder / "tmp"], check=True)
    yield
    subprocess.run(["umount", folder / "tmp"], check=True)


def rules_of(choose: random.Random, folder: Path) -> list[str]:
    """Return random options."""
    above = f"/kf-filters-{os.getpid()}"
    values = {
        "path": [f"{folder}/a", f"{folder}/ab", "*.log", f"{folder}/*/*.txt", f"{folder}/**/f1*",
                 f"{folder}/c\\,d", f"{folder}/tmp/e/"],
        "exe": ["alpha", "beta", f"{folder}/bin", f"{folder}/bin/gam*", "python*"],
        "user": ["root", "0", "1", "daemon", "65534", "nobody"],
        "event": [*FILE_EVENTS],
        "fstype": ["tmpfs", "ext4", "overlay"],
        "cgroup": [f"{above}/{GROUP_NAMES['one']}", "*.service", f"{above}/**"],
        "container": ["*", "host", "docker", CONTAINER[:12]],
        "port": ["40011", "40012-40021", "40021"],
        "net": ["127.0.0.0/16", "127.3.0.0/16", "127.3.5.1"],
    }  # fmt: skip
    options = []
    for key in choose.sample(sorted(values), choose.randint(1, 4)):
        chosen = choose.sample(values[key], min(len(values[key]), choose.randint(1, 3)))
        options += [choose.choice(["--include", "--exclude"]), f"{key}={','.join(chosen)}"]
    return options


def is_path(path: str, pattern: str) -> bool:
    """Say whether a pattern of these tests matches; ** only where it is /**/name or at the end."""
    pattern = pattern.rstrip("/")
    if "/" not in pattern:
        return fnmatchcase(path.rpartition("/")[2], pattern)
    if not any(each in pattern for each in "*?["):
        return path == pattern or path.startswith(f"{pattern}/")
    if pattern.endswith("/**"):
        return path.startswith(pattern[:-2])
    top, several, name = pattern.partition("/**/")
    if several:
        return path.startswith(f"{top}/") and fnmatchcase(path.rpartition("/")[2], name)
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def matches(record: Record, key: str, value: str, places: dict[int, str]) -> bool | None:
    """Say whether a record of the unfiltered run matches a value; None: it has no such thing."""
    file, tcp = "FileEvents" in record, "SockRemoteIP" in record
    remote = ipaddress.ip_address(record["SockRemoteIP"]) if tcp else None
    uid = {"root": 0, "daemon": 1, "nobody": 65534}.get(value) if key == "user" else 0
    asked: dict[str, tuple[bool, Callable[[], bool]]] = {
        "path": (file, lambda: is_path(record["FilePath"] + record["File"], value)),
        "exe": (True, lambda: is_path(record["ProcExe"], value)),
        "user": (True, lambda: record["ProcUID"] == (int(value) if uid is None else uid)),
        "fstype": (file, lambda: record["FileDevice"].rpartition(":")[2] == value),
        "cgroup": (True, lambda: is_path(places.get(record["ProcCgroupID"], "/"), value)),
        "container": (True, lambda: in_container(record, value)),
        "port": (tcp, lambda: in_ports(record, value)),
        "net": (tcp, lambda: remote in ipaddress.ip_network(value)),
    }
    there, ask = asked[key]
    return ask() if there else None


def in_container(record: Record, value: str) -> bool:
    """Say whether a process is in a container."""
    container = record.get("ProcContainer")
    if container is None or value == "host":
        return (container is None) == (value == "host")
    return value in ("*", container["Runtime"]) or container["Id"].startswith(value)


def in_ports(record: Record, value: str) -> bool:
    """Say whether one of the ports is in a range."""
    first, _, last = value.partition("-")
    ports = range(int(first), int(last or first) + 1)
    return record["SockLocalPort"] in ports or record["SockRemotePort"] in ports


def apply(options: list[str], records: list[Record], places: dict[int, str]) -> list[Record]:
    """Return what options leave of records."""
    rules = list(zip(options[::2], map(parse_rule, options[1::2]), strict=True))
    left = []
    for record in records:
        hidden = False
        for option, (key, values) in rules:
            if key == "event":
                continue
            found = [matches(record, key, value, places) for value in values]
            if None not in found:
                hidden |= any(found) if option == "--exclude" else not any(found)
        if not hidden and (shown := without_events(record, rules)):
            left.append(shown)
    return left


def without_events(record: Record, rules: list[tuple[str, Rule]]) -> Record:
    """Return a record without the events that rules leave out, {} if there are no others."""
    if "FileEvents" not in record:
        return record
    events = dict(record["FileEvents"])
    for option, (key, values) in rules:
        if key == "event":
            events = {
                name: n for name, n in events.items() if (name in values) == (option == "--include")
            }
    if not events:
        return {}
    return record | {"FileEvents": events, "FileEventCount": sum(events.values())}


def essence(records: list[Record]) -> Counter[str]:
    """Return records without what is of a run or of its time, to be compared."""
    return Counter(
        json.dumps({
            key: value
            for key, value in record.items()
            if not key.startswith(OF_THE_RUN) and key not in OF_TIME
        })
        for record in records
    )  # fmt: skip


def of_workload(result: Result, folder: Path) -> list[Record]:
    """Return the records of the workload's files and connections."""
    return [
        each
        for each in result.records
        if (each.get("FilePath", "").startswith(f"{folder}/") and "/f" in f"/{each['File']}"
            and each["File"].endswith(filtered.ENDINGS))
        or {each.get("SockLocalPort"), each.get("SockRemotePort")} & set(filtered.PORTS)
    ]  # fmt: skip


@pytest.mark.usefixtures("tmpfs")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_filters_leave_what_they_leave_of_all(
    folder: Path, groups: dict[str, int], seed: int
) -> None:
    """Random rules on files and sockets of three programs, three users, two groups."""
    choose = random.Random(seed)
    filtered.prepare(folder)
    above = f"/kf-filters-{os.getpid()}"
    places = {number: f"{above}/{GROUP_NAMES[name]}" for name, number in groups.items()}
    options = [rules_of(choose, folder) for _ in range(RUNS)]
    with ExitStack() as stack:
        whole = stack.enter_context(Agent())
        agents = [stack.enter_context(Agent(*each)) for each in options]
        workload = Path(filtered.__file__)
        subprocess.run(
            [sys.executable, workload, folder, str(seed), str(COUNT)], check=True, timeout=300
        )
        results = [each.finish() for each in (whole, *agents)]

    everything = of_workload(results[0], folder)
    assert len([each for each in everything if "FileEvents" in each]) >= COUNT
    assert len([each for each in everything if "SockRole" in each]) == 2 * COUNT
    for asked, result in zip(options, results[1:], strict=True):
        assert result.exit_code == 0, result.stderr
        left = apply(asked, everything, places)
        found = essence(of_workload(result, folder))
        assert found == essence(left), asked
        health = result.records[-1]
        hidden = health["HealthFileHidden"]
        assert health["HealthFileEvents"] == health["HealthFileReported"] + hidden
        sockets = health["HealthSockHidden"]
        assert health["HealthSockCreated"] == health["HealthSockReported"] + sockets
        assert not losses(result.records)
        hidden += sockets + health["HealthRecordsHidden"]
        assert len(left) == len(everything) or hidden > 0


# what hides all that the workload does but for what is named "shown"
IN_KERNEL = {
    "path": ("--exclude", "path={folder}/hidden,{folder}/other"),
    "name": ("--exclude", "path=f"),
    "exe": ("--exclude", "exe={folder}/hide"),
    "user, included": ("--include", "user=0"),
    "fstype": ("--exclude", "fstype=ramfs"),
    "each event": ("-e", "1", "--exclude", "path={folder}/hidden"),
}


@pytest.fixture
def two_types(folder: Path) -> Iterator[None]:
    """Mount file systems of two types in the folder."""
    for name, kind in (("shown", "tmpfs"), ("hidden", "ramfs")):
        (folder / name).mkdir()
        subprocess.run(["mount", "-t", kind, "none", folder / name], check=True)
        (folder / name).chmod(0o777)
    yield
    for name in ("shown", "hidden"):
        subprocess.run(["umount", folder / name], check=True)


@pytest.mark.usefixtures("two_types")
@pytest.mark.parametrize("options", IN_KERNEL.values(), ids=IN_KERNEL)
def test_what_is_hidden_stays_in_the_kernel(folder: Path, options: tuple[str, ...]) -> None:
    """No event of it comes to user space; those of the others all do."""
    script = 'for i in 1 2 3 4 5 6 7; do echo x > "$0"; read -r y < "$0"; done; : > "$0$0"'
    programs = {"shown": folder / "show", "hidden": folder / "hide"}
    for program in programs.values():
        shutil.copy("/bin/dash", program)
    with Agent("-m", "file", *(each.format(folder=folder) for each in options)) as agent:
        for name, program in programs.items():
            command = [str(program), "-c", script.replace("$0$0", "$0.end"), f"{folder}/{name}/f"]
            if name == "shown":
                command[-1] = f"{folder}/{name}/g"
            uid = {"shown": 0, "hidden": 1}[name]
            subprocess.run(command, check=True, user=uid, group=uid, extra_groups=[])
        result = agent.finish()

    health = result.records[-1]
    mine = file_records(result.records, f"{folder}/shown")
    events: Counter[str] = Counter()
    for record in mine:
        events.update(record["FileEvents"])
    # more may be there of other programs
    assert {record["File"] for record in mine} == {"g", "g.end"}
    del events["OPEN_EXEC"]
    # each opening for writing but the first ones cuts what is there
    assert events == {
        "CREATE": 2, "OPEN": 15, "MODIFY": 13, "ACCESS": 14, "CLOSE_WRITE": 8, "CLOSE_NOWRITE": 7
    }  # fmt: skip
    assert not file_records(result.records, f"{folder}/hidden") or options[1] == "path=f"
    hidden = health["HealthFileHidden"]
    assert health["HealthFileEvents"] == health["HealthFileReported"] + hidden
    assert hidden >= 7 * 5
    assert not losses(result.records)
    # some are about the exec, of the program before
    assert health["HealthRecordsHidden"] <= 40


@pytest.mark.parametrize(
    "options",
    [
        ("--exclude", "container=docker"),
        ("--exclude", "cgroup=docker-*"),
        ("--include", "cgroup=*.service,/kf"),
        ("--include", "container=host", "--exclude", "fstype=none"),
    ],
)
def test_files_of_a_hidden_group_stay_in_the_kernel(
    folder: Path, groups: dict[str, int], options: tuple[str, ...]
) -> None:
    """Once a record of it was hidden, whatever the patterns; another group has all its records."""
    assert len(groups) == 2
    script = 'echo x > "$0.first"; read -r go; '
    script += 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo x > "$0.$i"; done'
    # the group of a program is known from its exec on
    enter = 'echo $$ > "$0/cgroup.procs"; exec /bin/dash -c "$1" "$2"'
    with Agent("-m", "file", "-e", "1", *options) as agent:
        shells = [
            subprocess.Popen(
                ["/bin/dash", "-c", enter, folder / "groups" / name, script, folder / name],
                stdin=subprocess.PIPE,
            )
            for name in GROUP_NAMES
        ]
        time.sleep(4)
        for shell in shells:
            shell.communicate(b"go\n", timeout=60)
        result = agent.finish()

    events: Counter[str] = Counter()
    for record in file_records(result.records, str(folder)):
        if record["File"].startswith("two."):
            events.update(record["FileEvents"])
        assert not record["File"].startswith("one.")
    assert events == dict.fromkeys(("CREATE", "OPEN", "MODIFY", "CLOSE_WRITE"), 14)
    health = result.records[-1]
    hidden = health["HealthFileHidden"]
    assert hidden >= 13 * 4
    assert health["HealthFileEvents"] == health["HealthFileReported"] + hidden
    # what was before the group was known, of others, too, that have a group of no such name
    assert health["HealthRecordsHidden"] > 0
    assert not losses(result.records)


# what hides all sockets of the workload but those of SHOWN
SHOWN, HIDDEN = ("127.3.0.1", 40011), ("127.3.5.1", 40021)
SOCKETS = {
    "port": ("--exclude", "port=40012-40021"),
    "net": ("--exclude", "net=127.3.4.0/23,::1"),
    "port, included": ("--include", "port=1,40011"),
    "net, included": ("--include", "net=127.3.0.0/24,127.0.0.0/24"),
    "both, included": ("--include", "port=40011", "--include", "net=127.0.0.0/8"),
    "each record": ("-e", "1", "--exclude", "port=40021"),
}


@pytest.mark.parametrize("options", SOCKETS.values(), ids=SOCKETS)
def test_hidden_sockets_stay_in_the_kernel(options: tuple[str, ...]) -> None:
    """Connections and UDP peers, those that end and one that is open at the end of the run."""
    with Agent("-m", "socket", *options) as agent, ExitStack() as stack:
        for host, port in (SHOWN, HIDDEN):
            server = stack.enter_context(socket.create_server((host, port)))
            for last in (False, False, True):
                client = socket.create_connection((host, port), source_address=(host, 0))
                accepted, _ = server.accept()
                client.sendall(b"x")
                assert accepted.recv(1) == b"x"
                for each in (client, accepted):
                    stack.enter_context(each)
                    if not last:
                        each.close()
            with (
                socket.socket(type=socket.SOCK_DGRAM) as receiver,
                socket.socket(type=socket.SOCK_DGRAM) as sender,
            ):
                receiver.bind((host, port))
                sender.bind((host, 0))
                sender.sendto(b"x", (host, port))
                assert receiver.recv(1) == b"x"
        result = agent.finish()

    def of(port: int) -> Counter[str]:
        return Counter(
            each["SockProtocol"]
            for each in result.records
            if port in (each.get("SockLocalPort"), each.get("SockRemotePort"))
        )

    shown = of(SHOWN[1])
    assert shown["TCP"] >= 6, shown
    assert shown["UDP"] >= 1, shown
    # UDP ends of loopback have the address of the other, and so the rule holds for both
    assert not of(HIDDEN[1])
    health = result.records[-1]
    assert health["HealthSockHidden"] >= 6 + 1
    assert health["HealthSockCreated"] == health["HealthSockReported"] + health["HealthSockHidden"]
    assert health["HealthRecordsHidden"] == 0
    assert not losses(result.records)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("pth=/etc", "--include: 'pth=/etc' has an unknown key; did you mean path?"),
        ("port=http", "--include: 'port=http' has 'http', which is no port"),
        ("path", "--include: 'path' is not KEY=VALUE[,VALUE...]"),
    ],
)
def test_a_wrong_rule_is_one_line(rule: str, message: str) -> None:
    """It ends the command before anything is loaded."""
    done = run("--include", rule)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_replay_hides_what_the_run_hid_and_what_it_is_asked_to(folder: Path) -> None:
    """The rules of a run are in its recording; those of the replay come on top."""
    tape = folder / "tape"
    names = ("one.log", "two.log", "three.txt")
    with Agent("--include", f"path={folder}/**", "--exclude", "path=*.txt", "--record", str(tape),
               "-m", "file") as agent:  # fmt: skip
        for name in names:
            (folder / name).write_text("x")
        result = agent.finish()

    def shown(stdout: str) -> set[str]:
        records = [json.loads(each) for each in stdout.split("\n\x1e\n") if each]
        return {each["File"] for each in records if each["InfoMonitor"] == "filesystem"}

    assert shown(result.stdout.decode()) == {"one.log", "two.log"}
    again = run("replay", "-o", "json-min", str(tape))
    assert shown(again.stdout) == {"one.log", "two.log"}
    narrowed = run("replay", "-o", "json-min", "--exclude", "path=one.*", str(tape))
    assert shown(narrowed.stdout) == {"two.log"}
