# SPDX-License-Identifier: Apache-2.0
"""The source on this kernel: sweeps, loading around refusals, nothing left behind."""

import errno
import ipaddress
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kflowd.bpf.candidates import ANY_ATTACH_MODE, Candidate, Hook
from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.btf import Kernel
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.kernel.probing import probe
from kflowd.bpf.loading.loader import Loader
from kflowd.bpf.rules import decided, of_sockets
from kflowd.bpf.source import Source, boottime_ns, own_tgid
from kflowd.bpf.stream.drain import Drain
from kflowd.bpf.stream.exited import Exited
from kflowd.bpf.stream.sweep import Sweep
from kflowd.errors import KflowdError
from kflowd.filters import subjects
from kflowd.settings import TraceSettings
from kflowd.settings.rules import Rule
from tests.host import rawmap

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SECOND = 1_000_000_000
NOW = 1000 * SECOND
IDLE, ACTIVE = 15 * SECOND, 100 * SECOND
TYPES = {
    "kf_files": ("struct kf_file_key", "struct kf_file_agg"),
    "kf_tcp": ("struct kf_tcp_key", "struct kf_sock"),
    "kf_udp": ("struct kf_udp_key", "struct kf_peer"),
    "kf_unix": ("struct kf_unix_key", "struct kf_unix"),
    "kf_aios": ("__u64", "struct kf_aio"),
    "kf_followed": ("__u32", "__u64"),
}
TCP, UDP = 6, 17


class Maps:
    """Maps of the contract, filled by hand, with a drain over them."""

    def __init__(self) -> None:
        self.fds = {"kf_ring": rawmap.create(rawmap.RINGBUF, 0, 0, 4096)}
        for name, (key, value) in TYPES.items():
            self.fds[name] = rawmap.create(rawmap.HASH, ffi.sizeof(key), ffi.sizeof(value), 1024)
        self.exited = Exited()
        self.drain = Drain(self.fds["kf_ring"], self.exited)
        self.sweeps = Sweep(self.fds, self.exited, IDLE, ACTIVE)

    def close(self) -> None:
        """Close everything."""
        for each in (self.sweeps, self.drain, self.exited):
            each.close()
        for fd in self.fds.values():
            os.close(fd)

    def put(self, name: str, key: dict[str, Any] | int, value: dict[str, Any] | int) -> bytes:
        """Write an entry; return its key."""
        kinds = TYPES[name]
        parts = [
            rawmap.packed(ffi.new(f"{kind} *", it))
            for kind, it in zip(kinds, (key, value), strict=True)
        ]
        rawmap.update(self.fds[name], *parts)
        return parts[0]

    def has(self, name: str, key: bytes) -> bool:
        """Say whether an entry is there."""
        return rawmap.contains(self.fds[name], key, ffi.sizeof(TYPES[name][1]))

    def exits(self, tgid: int, ts_ns: int, start_ns: int = 7) -> None:
        """Tell that a process has exited."""
        lib.kf_exited__add_exit(self.exited.pointer, tgid, start_ns, ts_ns)

    def sweep(
        self, now: int = NOW, *, final: bool = False, exited: Iterable[tuple[int, int]] = ()
    ) -> list[Any]:
        """Return the records of a sweep, without the tick that ends it."""
        for tgid, start_ns in exited:
            self.exits(tgid, now - SECOND - 1, start_ns)
        records = split(self.sweeps.run(now, final=final))
        assert records[-1].hdr.kind == lib.KF_KIND_TICK
        assert records[-1].hdr.ts_ns == now
        return records[:-1]


RECORDS = {
    lib.KF_KIND_EXIT: "struct kf_exit_record *",
    lib.KF_KIND_PROC: "struct kf_proc_record *",
    lib.KF_KIND_FILE: "struct kf_file_record *",
    lib.KF_KIND_SOCK: "struct kf_sock_record *",
    lib.KF_KIND_UNIX: "struct kf_unix_record *",
}


def split(batch: bytes) -> list[Any]:
    """Return the records of a batch as cffi structs."""
    found, at = [], 0
    whole = ffi.from_buffer("char[]", batch)
    while at < len(batch):
        header = ffi.cast("struct kf_header *", whole + at)
        # of a kind that is not asked for, the header will do: it comes first in all
        record = ffi.new(RECORDS.get(header.kind, "struct kf_session_record *"))
        ffi.memmove(record, whole + at, min(header.size, ffi.sizeof(record[0])))
        found.append(record)
        at += header.size + -header.size % 8
    return found


@pytest.fixture
def maps() -> Iterator[Maps]:
    """Maps that are closed at the end."""
    made = Maps()
    yield made
    made.close()


def a_file(number: int, **agg: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return key and value of a file aggregate that is neither idle nor aged."""
    key = {"ino": number, "tgid": 100 + number, "start_ns": 7}
    value = {"first_ns": NOW - SECOND, "last_ns": NOW - SECOND, "counts": [1, 1]}
    return key, value | agg


def test_what_was_exported_leaves_without_a_record(maps: Maps) -> None:
    """After -e has sent its events an aggregate is empty: it is thrown away, not reported."""
    empty = maps.put("kf_files", *a_file(1, flags=lib.KF_AGG_ENDED, counts=[]))
    assert maps.sweep() == []
    assert not maps.has("kf_files", empty)


def test_a_sweep_takes_what_is_idle_aged_or_ended(maps: Maps) -> None:
    """What is due leaves the map as a record, what is not stays."""
    fresh = maps.put("kf_files", *a_file(1))
    idle = maps.put("kf_files", *a_file(2, first_ns=NOW - 50 * SECOND, last_ns=NOW - IDLE - 1))
    aged = maps.put("kf_files", *a_file(3, first_ns=NOW - ACTIVE - 1))
    ended = maps.put("kf_files", *a_file(4, flags=lib.KF_AGG_ENDED | lib.KF_AGG_PATH_SENT))
    records = {it.key.ino: it for it in maps.sweep()}
    assert set(records) == {2, 3, 4}
    assert records[2].agg.flags == lib.KF_AGG_STALE
    assert records[4].agg.flags == lib.KF_AGG_PATH_SENT
    assert (records[2].hdr.kind, records[2].path_len) == (lib.KF_KIND_FILE, 0)
    assert maps.has("kf_files", fresh)
    assert not any(maps.has("kf_files", key) for key in (idle, aged, ended))
    assert maps.sweep() == []


def test_files_of_an_exited_process_are_swept(maps: Maps) -> None:
    """The process is told by tgid and start time."""
    maps.put("kf_files", *a_file(1))
    maps.put("kf_files", *a_file(2))
    records = maps.sweep(exited=[(101, 7), (102, 8)])
    assert [it.key.ino for it in records] == [1]


def test_what_exit_has_yet_to_close_is_left_to_it(maps: Maps) -> None:
    """Files are closed after their process has told that it ends: swept a second later."""
    stays = maps.put("kf_files", *a_file(1))
    maps.exits(101, NOW)
    assert maps.sweep(NOW) == []
    assert maps.sweep(NOW + SECOND) == []
    assert maps.has("kf_files", stays)
    assert [it.key.ino for it in maps.sweep(NOW + SECOND + 1)] == [1]
    # a process of the same number that begins later is another
    maps.put("kf_files", *a_file(1))
    assert maps.sweep(NOW + 2 * SECOND) == []


def test_a_storm_of_exits_hides_no_other(maps: Maps) -> None:
    """A file of a process that ends in it goes with the next sweep."""
    maps.put("kf_files", *a_file(1))
    storm = [(1 << 20 | number, 7) for number in range(100_000)]
    records = maps.sweep(exited=[*storm, (101, 7)])
    assert [record.key.ino for record in records] == [1]
    assert maps.exited.lost == 0


def test_a_final_sweep_takes_everything(maps: Maps) -> None:
    """997 files of which none is due are all reported at the end, in several batches."""
    for number in range(997):
        maps.put("kf_files", *a_file(number))
    assert maps.sweep() == []
    assert sorted(it.key.ino for it in maps.sweep(final=True)) == list(range(997))
    assert maps.sweep(final=True) == []


def a_sock(cookie: int, protocol: int, **sock: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return key and value of a socket that is neither idle nor aged."""
    value = {"protocol": protocol, "first_ns": NOW - SECOND, "last_ns": NOW - SECOND, **sock}
    if protocol == UDP:
        return {"number": 1000 + cookie}, {"sock": value, "key": {"cookie": cookie}}
    return {"cookie": cookie}, value


def test_udp_leaves_when_idle_and_tcp_stays(maps: Maps) -> None:
    """A live connection is copied once for what happened, and again only for more."""
    old = {"first_ns": NOW - 90 * SECOND, "last_ns": NOW - IDLE - 1}
    udp = maps.put("kf_udp", *a_sock(1, UDP, **old))
    tcp = maps.put("kf_tcp", *a_sock(2, TCP, **old))
    records = maps.sweep()
    assert {it.key.cookie: it.sock.flags for it in records} == {
        1: lib.KF_SOCK_STALE | lib.KF_SOCK_IDLE,
        2: lib.KF_SOCK_STALE | lib.KF_SOCK_IDLE,
    }
    assert not maps.has("kf_udp", udp)
    assert maps.has("kf_tcp", tcp)
    assert maps.sweep(NOW + ACTIVE) == []
    later = NOW + ACTIVE
    maps.put("kf_tcp", *a_sock(2, TCP, first_ns=old["first_ns"], last_ns=later))
    assert maps.sweep(later + SECOND) != []  # longer than ACTIVE since the last copy
    assert maps.sweep(later + 2 * SECOND) == []
    maps.put("kf_tcp", *a_sock(2, TCP, first_ns=old["first_ns"], last_ns=later + 3 * SECOND))
    assert maps.sweep(later + 4 * SECOND) == []  # neither idle nor active for long enough
    assert maps.sweep(later + 4 * SECOND + IDLE) != []


def test_a_record_says_whether_it_was_idle(maps: Maps) -> None:
    """What was active for long, or is left at the end, is not idle for that."""
    maps.put("kf_udp", *a_sock(1, UDP, first_ns=NOW - ACTIVE - 1))
    maps.put("kf_udp", *a_sock(2, UDP))
    maps.put("kf_unix", {"sock": 3}, {"first_ns": 1, "last_ns": 1})
    aged, idle = maps.sweep()
    assert aged.sock.flags == lib.KF_SOCK_STALE
    assert idle.unix_sock.flags == lib.KF_SOCK_STALE | lib.KF_SOCK_IDLE
    assert [it.sock.flags for it in maps.sweep(final=True)] == [lib.KF_SOCK_STALE]


def test_ended_sockets_leave_as_final(maps: Maps) -> None:
    """What the full ring kept in the map has the flags of an ordinary end."""
    flags = lib.KF_SOCK_ENDED | lib.KF_SOCK_SNAPSHOT | lib.KF_SOCK_NO_BASE
    maps.put("kf_tcp", *a_sock(1, TCP, flags=flags))
    maps.put("kf_unix", {"sock": 1}, {"flags": flags, "last_ns": NOW})
    expected = lib.KF_SOCK_FINAL | lib.KF_SOCK_SNAPSHOT
    records = maps.sweep()
    assert [it.hdr.kind for it in records] == [lib.KF_KIND_SOCK, lib.KF_KIND_UNIX]
    assert [records[0].sock.flags, records[1].unix_sock.flags] == [expected, expected]


def a_rule(choose: random.Random) -> Rule:
    """Return a rule on ports or networks close to each other."""
    if choose.random() < 0.5:
        ends = (sorted(choose.choices(range(1, 9), k=2)) for _ in range(choose.randint(1, 3)))
        return Rule("port", tuple(f"{low}-{high}" for low, high in ends))
    nets = []
    for _ in range(choose.randint(1, 3)):
        size, bits = choose.choice([(4, 32), (16, 128)])
        net = (choose.choice([b"\x0a\0", b"\xfe\x80"]) + choose.randbytes(size))[:size]
        length = choose.choice([0, 1, 7, 9, 14, 15, 16])
        nets.append(str(ipaddress.ip_network((net, min(length, bits)), strict=False)))
    return Rule("net", tuple(nets))


def asked(rules: Iterable[Rule], value: Any) -> list[bool | None]:
    """Return what each key of rules says of a socket, in user space."""
    merged: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        merged[rule.key] = merged.get(rule.key, ()) + rule.values
    make = {"port": subjects.port, "net": subjects.net}
    return [make[key](values)(value) for key, values in merged.items()]


@pytest.mark.parametrize("seed", range(40))
def test_sweeps_hide_the_sockets_that_user_space_hides(maps: Maps, seed: int) -> None:
    """Random rules on random sockets; what has no remote end yet is not hidden, nor is a fold."""
    choose = random.Random(seed)
    include, exclude = ([a_rule(choose) for _ in range(choose.randint(0, 2))] for _ in range(2))
    trace = TraceSettings(include=tuple(include), exclude=tuple(exclude))
    features = {name: Feature(name, name, ok=True) for name in ("loop", "probe_read")}
    values = decided(trace, {}, features).values
    expected = set()
    for cookie in range(1, 200):
        family, size = choose.choice([(2, 4), (10, 16)])
        remote = (choose.choice([b"\x0a\0", b"\xfe\x80"]) + choose.randbytes(size))[:size]
        ports = {"local_port": choose.randint(1, 9), "remote_port": choose.randint(0, 9)}
        remote = remote if choose.random() < 0.9 else bytes(size)
        flags = lib.KF_SOCK_ENDED | choose.choice([0, 0, 0, lib.KF_SOCK_FOLDED])
        address = list(remote.ljust(16, b"\0"))
        sock = {"family": family, "flags": flags, "remote_addr": address, **ports}
        name, protocol = choose.choice([("kf_tcp", TCP), ("kf_udp", UDP)])
        maps.put(name, *a_sock(cookie, protocol, **sock))
        sure = any(remote) and ports["remote_port"] and not flags & lib.KF_SOCK_FOLDED
        flow = SimpleNamespace(family=family, remote_addr=bytes(address), **ports)
        value = SimpleNamespace(aggregate=SimpleNamespace(flow=flow, flags=0))
        hidden = any(asked(exclude, value)) or not all(asked(include, value))
        if not (sure and hidden and values):
            expected.add(cookie)
    with Sweep(maps.fds, maps.exited, IDLE, ACTIVE, filter_=of_sockets(values)) as sweep:
        records = split(sweep.run(NOW, final=True))[:-1]
        assert {it.key.cookie for it in records} == expected
        assert sweep.sockets_hidden == 199 - len(expected)


def test_unix_sockets_leave_when_idle_or_left_alone(maps: Maps) -> None:
    """Idle ones and those of an exited process go, others stay."""
    live = {"first_ns": NOW - SECOND, "last_ns": NOW - SECOND}
    maps.put("kf_unix", {"sock": 1}, {"first_ns": 1, "last_ns": 1})
    maps.put("kf_unix", {"sock": 2}, {**live, "proc": {"tgid": 5, "start_ns": 6}})
    maps.put("kf_unix", {"sock": 3}, live)
    records = maps.sweep(exited=[(5, 6)])
    assert sorted(it.key.sock for it in records) == [1, 2]


def test_an_empty_ring_waits_and_gives_nothing(maps: Maps) -> None:
    """A timeout is no error."""
    assert maps.drain.drain(1) == b""
    assert maps.drain.bad_records == 0


SOURCE = """\
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int u32;
typedef unsigned long long u64;
char LICENSE[] SEC("license") = "Dual BSD/GPL";
const volatile u32 kf_self_tgid = 0;
u64 runs;
SEC("tp_btf/sched_process_exec") int tp__sched_process_exec(u64 *ctx) { runs++; return 0; }
SEC("tp_btf/sched_process_fork") int tp__sched_process_fork(u64 *ctx)
{ return *(volatile int *)(u64)kf_self_tgid; }
SEC("tp_btf/sched_process_exit") int tp__sched_process_exit(u64 *ctx) { return 0; }
"""
BAD, GOOD = "tp__sched_process_fork", "tp__sched_process_exit"


def compiled(folder: Path) -> Path:
    """Build an object of which one program is refused by the verifier."""
    (folder / "mixed.bpf.c").write_text(SOURCE)
    clang = shutil.which("clang")
    assert clang, "clang is part of the build"
    command = [clang, "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-c", "mixed.bpf.c"]
    subprocess.run([*command, "-o", "mixed.bpf.o"], check=True, cwd=folder)
    return folder


def one(program: str) -> Candidate:
    """Return a candidate of one program."""
    return Candidate(ANY_ATTACH_MODE, "mixed", (program,))


def test_a_refused_program_costs_only_itself(tmp_path: Path) -> None:
    """Its class takes the next candidate, the others keep theirs, and the reason is known."""
    folder = compiled(tmp_path)
    hooks = (
        Hook("process.exec", "x", "process", (one("tp__sched_process_exec"),)),
        Hook("process.fork", "x", "process", (one(BAD), one(GOOD))),
        Hook("process.only", "x", "process", (one(BAD),)),
    )
    config = TraceSettings(monitor=frozenset())
    with Kernel() as kernel:
        loader = Loader(config, kernel, probe(kernel), folder, hooks)
        attached = loader.load()
    try:
        assert {it.program for it in attached.links} == {"tp__sched_process_exec", GOOD}
        assert [it.candidate is not None for it in loader.choices] == [True, True, False]
        why = loader.choices[1].passed[0].why
        assert why.startswith(f"the kernel refuses to load {BAD} (EACCES): ")
        assert "invalid mem access" in why
        assert list(loader.last_words) == [BAD]
        assert loader.last_words[BAD].startswith(why.partition(":")[0])
        assert "invalid mem access" in loader.last_words[BAD]
        assert len(loader.last_words[BAD].splitlines()) > 3
        subprocess.run(["true"], check=True)
        mixed = attached.object_named("mixed")
        assert mixed is not None
        assert (mixed.read_variable(".bss", "runs") or 0) >= 1
    finally:
        attached.close()


def test_nothing_is_left_open() -> None:
    """After close, and after a failed open, all descriptors are gone."""
    before = rawmap.open_descriptors()
    with Source(TraceSettings(monitor=frozenset(("socket",)))) as source:
        source.snapshot()
        assert source.drain(0)
        assert source.counters()
        assert len(rawmap.open_descriptors()) > len(before)
    assert rawmap.open_descriptors() == before
    failing = Source(TraceSettings(monitor=frozenset(("file",)), file_entries=1 << 31))
    with pytest.raises(KflowdError):
        failing.open()
    assert rawmap.open_descriptors() == before


def test_a_closed_source_says_so() -> None:
    """Reading from it is an error of ours and no crash."""
    source = Source(TraceSettings())
    with pytest.raises(KflowdError, match="not open"):
        source.drain(0)
    source.close()


def test_exact_number_of_processes() -> None:
    """Each of 31 children is seen to be born, to start a program and to end."""
    with Source(TraceSettings(monitor=frozenset(("socket",)))) as source:
        children = []
        for _ in range(31):
            child = subprocess.Popen(["true"])
            child.wait()
            children.append(child.pid)
        batch = b"".join(iter(lambda: source.drain(0), b""))
    kinds_wanted = (lib.KF_KIND_PROC, lib.KF_KIND_EXIT)  # other programs' sockets may end meanwhile
    seen = [(it.hdr.kind, it.proc.tgid) for it in split(batch) if it.hdr.kind in kinds_wanted]
    for pid in children:
        kinds = [kind for kind, tgid in seen if tgid == pid]
        assert kinds == [lib.KF_KIND_PROC, lib.KF_KIND_PROC, lib.KF_KIND_EXIT]


def test_a_private_mount_of_cgroup2_leaves_nothing() -> None:
    """Without a mount point the root is opened all the same, and no mount appears."""
    mounts = Path("/proc/self/mountinfo")
    before = mounts.read_text()
    fd = lib.kf_cgroup2__open()
    if fd == -errno.EBUSY:
        pytest.skip("the kernel keeps cgroup2 to one mount")
    assert fd >= 0
    assert "cgroup.procs" in os.listdir(fd)
    os.close(fd)
    assert mounts.read_text() == before


def test_time_is_that_of_records() -> None:
    """Sweeps are told the clock that the kernel side uses."""
    start = boottime_ns()
    with Source(TraceSettings(monitor=frozenset(("socket",)))) as source:
        source.snapshot()
        records = split(source.drain(0))
    assert records
    assert all(start <= it.hdr.ts_ns <= boottime_ns() for it in records)


def test_own_id_is_that_of_the_host() -> None:
    """In a pid namespace of its own the agent still knows itself, and takes nobody else for it."""
    assert own_tgid() == os.getpid()
    ask = "from kflowd.bpf.source import own_tgid; print(own_tgid(), flush=True); input()"
    command = ["unshare", "--fork", "--pid", sys.executable, "-c", ask]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as inside:
        assert inside.stdout is not None
        host = int(inside.stdout.readline())
        status = Path(f"/proc/{host}/status").read_text()
        inside.communicate("\n", timeout=60)
    assert inside.returncode == 0
    (ids,) = (line for line in status.splitlines() if line.startswith("NSpid:"))
    assert ids.split()[-2:] == [str(host), "1"]


def test_a_request_of_aio_is_given_up(maps: Maps) -> None:
    """One that is on its way for ten minutes is taken out and counted; others stay."""
    since = NOW - 600 * SECOND
    old = maps.put("kf_aios", 3 << 40, {"since_ns": since})
    young = maps.put("kf_aios", 5 << 40, {"since_ns": since + 1})
    made = maps.put("kf_aios", 7 << 40, {"since_ns": 0})
    assert maps.sweep() == []
    assert [maps.has("kf_aios", key) for key in (old, young, made)] == [False, True, True]
    assert maps.sweeps.given_up == 1
    assert maps.sweep(NOW + 1) == []
    assert [maps.has("kf_aios", key) for key in (young, made)] == [False, True]
    assert maps.sweeps.given_up == 2


def test_who_has_ended_is_followed_for_a_while(maps: Maps) -> None:
    """Ten seconds, as exit closes files; not taken out is who has the number of one that ended."""
    starts = {11: 7, 13: 9, 17: 7, 19: 0, 23: 7}
    keys = {tgid: maps.put("kf_followed", tgid, start) for tgid, start in starts.items()}
    for tgid in (11, 13, 19, 23):
        maps.exits(tgid, NOW - 2 * SECOND, start_ns=7)
    for now in (NOW, NOW + 10 * SECOND - 1):
        assert maps.sweep(now) == []
        assert all(maps.has("kf_followed", key) for key in keys.values())
    maps.put("kf_followed", 23, 8)
    assert maps.sweep(NOW + 10 * SECOND) == []
    left = [tgid for tgid, key in keys.items() if maps.has("kf_followed", key)]
    assert left == [13, 17, 19, 23]
