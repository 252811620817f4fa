# SPDX-License-Identifier: Apache-2.0
import sys

import pytest

from kflowd.bpf.ffi import ffi, lib
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.rules import Value, constants, decided, described, most, of_sockets
from kflowd.settings import TraceSettings
from kflowd.settings.rules import parse_rule

INCLUDE, EXCLUDE = 1, 2
NO_ROOM = "programs of this kernel have no room for it"
UNKNOWN = "programs know no patterns, no names without a number, and no more than 16 values"
PATH, EXE, NAME = 4, 8, 16
IPV4, IPV6 = 32, 64


def features(*, loop: bool) -> dict[str, Feature]:
    """Return those of a kernel that may have bpf_loop."""
    return {name: Feature(name, name, ok) for name, ok in (("loop", loop), ("probe_read", True))}


FEATURES = features(loop=True)


def settings(include: str = "", exclude: str = "") -> TraceSettings:
    """Return settings with rules of texts that have spaces between them."""
    wanted, unwanted = (tuple(map(parse_rule, text.split())) for text in (include, exclude))
    return TraceSettings(include=wanted, exclude=unwanted)


def values(include: str = "", exclude: str = "", **user_ids: int) -> tuple[Value, ...]:
    return decided(settings(include, exclude), user_ids, FEATURES).values


def words(*texts: bytes) -> bytes:
    """Return texts of 16 bytes each, filled up with NULs."""
    return b"".join(text.ljust(16, b"\0") for text in texts)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("path=/etc/ssh", Value("path", EXCLUDE | PATH, b"ssh\0etc\0")),
        ("path=/etc/ssh/", Value("path", EXCLUDE | PATH, b"ssh\0etc\0")),
        ("path=/", Value("path", EXCLUDE | PATH, b"")),
        ("exe=sh", Value("exe", EXCLUDE | EXE | NAME, b"sh\0")),
        ("path=/b\udcff", Value("path", EXCLUDE | PATH, b"b\xff\0")),
        (f"path=/{'x' * 127}", Value("path", EXCLUDE | PATH, b"x" * 127 + b"\0")),
        ("user=7", Value("user", EXCLUDE, number=7)),
        ("user=alice", Value("user", EXCLUDE, number=1001)),
        ("fstype=tmpfs", Value("fstype", EXCLUDE, b"tmpfs")),
        ("fstype=fuse", Value("fstype", EXCLUDE, b"fuse")),
        ("port=22", Value("port", EXCLUDE, number=22, last=22)),
        ("port=0-65535", Value("port", EXCLUDE, number=0, last=65535)),
        ("net=10.2.0.0/15", Value("net", EXCLUDE | IPV4, words(b"\n\2", b"\xff\xfe"))),
        ("net=::/0", Value("net", EXCLUDE | IPV6, bytes(32))),
        ("net=::1", Value("net", EXCLUDE | IPV6, bytes(15) + b"\1" + b"\xff" * 16)),
    ],
)
def test_what_programs_can_decide(rule: str, value: Value) -> None:
    """Components leaf first, as paths travel; numbers; names of file systems."""
    assert values(exclude=rule, alice=1001) == (value,)


@pytest.mark.parametrize(
    "rule",
    [
        "path=/etc/*", "path=*.log", "path=/a//b", f"path=/{'x' * 128}",
        "path=/\N{REPLACEMENT CHARACTER}",
        "user=ghost", "fstype=fuse.sshfs", "fstype=a-very-long-name", "event=OPEN",
    ],
)  # fmt: skip
def test_what_user_space_decides(rule: str) -> None:
    """Patterns, what has no number or is too long, and what programs do not ask for."""
    assert values(exclude=rule) == ()
    assert not decided(settings(exclude=rule), {}, FEATURES).keys
    # of these there is more than one to the kernel
    assert rule == "fstype=fuse.sshfs" or values(include=rule) == ()


def test_alternatives_are_decided_together() -> None:
    """One that programs do not know may let pass what they would hide."""
    assert values("path=/a path=*.log") == ()
    assert values("", "path=/a,*.log") == (Value("path", EXCLUDE | PATH, b"a\0"),)
    both = decided(settings("user=1", "path=/a,*.log fstype=xfs"), {}, FEATURES)
    assert both.keys == {("include", "user"), ("exclude", "fstype")}


def test_types_of_user_space_are_one_to_the_kernel() -> None:
    """What may be another one's is let pass."""
    assert values("fstype=fuse.sshfs,xfs") == (
        Value("fstype", INCLUDE, b"fuse"),
        Value("fstype", INCLUDE, b"xfs"),
    )


def test_more_than_there_is_room_for() -> None:
    """Of what is hidden the first ones; of alternatives none."""
    many = ",".join(f"/{number}" for number in range(most() + 1))
    assert len(values(exclude=f"path={many}")) == most()
    assert values(include=f"path={many}") == ()
    # executables have the same room
    assert len(values(exclude=f"path={many} exe=/x")) == most()
    assert len(values(include="user=1", exclude="user=2")) == 2
    ports = ",".join(map(str, range(1, most() + 2)))
    assert len(values(exclude=f"port={ports} net=::1")) == most() + 1
    assert values(include=f"port={ports}") == ()


def test_records_of_processes_count_what_is_hidden() -> None:
    """So all of it has to leave the kernel."""
    trace = TraceSettings(monitor=frozenset(("file", "process")), exclude=(parse_rule("user=1"),))
    assert decided(trace, {}, FEATURES) == ((), frozenset())
    assert described(trace, {}, FEATURES) == (
        "hidden is user=1: in user space: records of processes count what is hidden, too",
    )


def test_old_kernels_have_no_room() -> None:
    """Their programs know no rules at all."""
    old = features(loop=False)
    trace = settings("path=/a user=1", "exe=sh fstype=ext4")
    assert decided(trace, {}, old) == ((), frozenset())
    assert described(settings("path=/a"), {}, old) == (
        f"hidden is what does not match path=/a: in user space: {NO_ROOM}",
    )


def test_the_constants() -> None:
    """As struct kf_filter has them, and which kinds there are."""
    made = constants(values("user=7", "path=/etc/ssh exe=sh fstype=ext4"))
    assert {name: it for name, it in made.items() if name != "kf_filter"} == {
        "kf_filters_path": 1,
        "kf_filters_exe": 1,
        "kf_filters_user": 1,
        "kf_filters_fstype": 1,
        "kf_filters_group": 0,
        "kf_filters_socket": 0,
    }
    it = ffi.new("struct kf_filter *")
    size = ffi.sizeof("struct kf_filter")
    ffi.buffer(it)[:] = made["kf_filter"].to_bytes(size, sys.byteorder)
    pattern = 8 * lib.KF_PATTERN_WORDS
    text, mask = bytes(ffi.buffer(it.text)), bytes(ffi.buffer(it.mask))
    assert text[:8] == b"ssh\0etc\0"
    assert mask[:9] == b"\xff" * 8 + b"\0"
    assert text[pattern : pattern + 4] == b"sh\0\0"
    assert mask[pattern : pattern + 4] == b"\xff\xff\xff\0"
    assert list(it.lengths)[:3] == [8, 3, 0]
    assert list(it.patterns_how)[:3] == [EXCLUDE | PATH, EXCLUDE | EXE | NAME, 0]
    assert (it.users[0], it.users_how[0], it.users_how[1]) == (7, INCLUDE, 0)
    assert bytes(ffi.buffer(it.fstypes))[:16] == b"ext4".ljust(16, b"\0")
    assert list(it.fstypes_how)[:2] == [EXCLUDE, 0]
    assert set(constants(()).values()) == {0}


def test_groups_are_told_later() -> None:
    """Programs ask for them, of any value; which ones they are is not known at the start."""
    made = constants(values("cgroup=*.service", "container=host user=7"))
    assert (made["kf_filters_group"], made["kf_filters_user"]) == (1, 1)
    assert constants(values("user=7"))["kf_filters_group"] == 0
    files = "in the kernel for files of groups that were hidden once, in user space for the rest"
    assert described(settings("cgroup=*.service", "container=*"), {}, FEATURES) == (
        f"hidden is what does not match cgroup=*.service: {files}",
        f"hidden is container=*: {files}",
    )
    assert values("cgroup=/a") == (Value("group", 0),)


def test_the_constants_of_sockets() -> None:
    """Ports in host order, networks as addresses travel; sweeps get the same."""
    of_files, both = values("user=7"), values("port=8000-8999", "net=fe80::/10,10.0.0.0/8 user=7")
    made = constants(both)
    assert (made["kf_filters_socket"], made["kf_filters_path"]) == (1, 0)
    assert of_sockets(of_files) == b""
    assert int.from_bytes(of_sockets(both), sys.byteorder) == made["kf_filter"]
    it = ffi.new("struct kf_filter *")
    ffi.buffer(it)[:] = of_sockets(both)
    assert (it.ports_low[0], it.ports_high[0]) == (8000, 8999)
    assert list(it.ports_how)[:2] == [INCLUDE, 0]
    assert list(it.nets_how)[:3] == [EXCLUDE | IPV6, EXCLUDE | IPV4, 0]
    nets, masks = bytes(ffi.buffer(it.nets)), bytes(ffi.buffer(it.net_masks))
    assert nets[:32] == words(b"\xfe\x80", b"\n")
    assert masks[:32] == words(b"\xff\xc0", b"\xff")


def test_the_numbers_are_those_of_the_contract() -> None:
    """This test has them by itself."""
    assert (lib.KF_RULE_INCLUDE, lib.KF_RULE_EXCLUDE) == (INCLUDE, EXCLUDE)
    assert (lib.KF_RULE_PATH, lib.KF_RULE_EXE, lib.KF_RULE_NAME) == (PATH, EXE, NAME)
    assert (lib.KF_RULE_IPV4, lib.KF_RULE_IPV6) == (IPV4, IPV6)


def test_what_doctor_says() -> None:
    """A line for each rule, and where it is decided."""
    assert described(settings("path=/a exe=sh", "path=*.log port=22"), {}, FEATURES) == (
        "hidden is what does not match path=/a: in the kernel",
        "hidden is what does not match exe=sh: in the kernel for files, in user space for the rest",
        f"hidden is path=*.log: in user space: {UNKNOWN}",
        "hidden is port=22: in the kernel",
    )
