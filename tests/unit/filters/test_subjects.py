# SPDX-License-Identifier: Apache-2.0
import socket as sockets

import pytest

from kflowd.filters import subjects
from kflowd.model import Actor, ExeFlag, FileFlag, ProcessFlag, SocketFlag
from tests.unit.make import actor, flow, named_file, named_socket, process, seen


@pytest.mark.parametrize(
    ("it", "answer"),
    [
        (actor(seen=seen(exe="/usr/bin/curl")), True),
        (actor(seen=seen(exe="/usr/bin/curl (deleted)", exe_flags=ExeFlag.DELETED)), True),
        (actor(seen=seen(exe="/usr/bin/curl (deleted)")), False),
        (actor(seen=seen(exe="/bin/wget")), False),
        (actor(seen=seen(exe="", flags=ProcessFlag.KTHREAD)), False),
        (actor(seen=seen(exe="bin/wget", exe_flags=FileFlag.PATH_TRUNCATED)), None),
        (actor(seen=seen(exe="/bin/wget"), incomplete=True), None),
        (actor(), None),
        (Actor(None), None),
    ],
)
def test_exe(it: Actor, answer: bool | None) -> None:
    """By path; what lost its first directories, or is of a lost program, is not known."""
    assert subjects.exe(("curl",))(it) is answer


def test_user() -> None:
    """By number, by the number of a name, and by name where nobody knew the number."""
    ask = subjects.user(("7", "alice", "ghost"), {"alice": 1001})
    assert ask(actor(process=process(uid=7)))
    assert ask(actor(process=process(uid=1001), user="another name of hers"))
    assert ask(actor(process=process(uid=5), user="ghost"))
    assert ask(actor(process=process(uid=5), user="alice")) is False
    assert ask(actor(process=process(uid=5), names_late=True)) is None
    assert subjects.user(("7",), {})(actor(process=process(uid=5), names_late=True)) is False
    assert ask(Actor(None)) is None


def test_cgroup() -> None:
    """By path, which may not be known."""
    ask = subjects.cgroup(("/system.slice",))
    assert ask(actor(cgroup="/system.slice/ssh.service"))
    assert ask(actor(cgroup="/user.slice")) is False
    assert ask(actor()) is None
    assert ask(Actor(None, cgroup="/system.slice")) is None


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        (("*",), (True, True, False)),
        (("host",), (False, False, True)),
        (("7e7e",), (True, False, False)),
        (("podman",), (False, True, False)),
        (("docker", "host"), (True, False, True)),
    ],
)
def test_container(values: tuple[str, ...], answers: tuple[bool, ...]) -> None:
    """By id, its beginning, the runtime, any, none; not known without a control group."""
    those = (
        actor(cgroup="/docker/7e7e7e", runtime="docker", container="7e7e7e"),
        actor(cgroup="/libpod-01", runtime="podman", container="01"),
        actor(cgroup="/system.slice/ssh.service"),
    )
    ask = subjects.container(values)
    assert tuple(map(ask, those)) == answers
    assert ask(actor()) is None


@pytest.mark.parametrize(
    ("path", "flags", "answer"),
    [
        ("/etc/passwd", 0, True),
        ("/etc/passwd (deleted)", FileFlag.PATH_DELETED, True),
        ("/tmp/x", 0, False),
        ("/tmp/x", FileFlag.PATH_UNREACHABLE, False),
        ("/etc/passwd", FileFlag.PATH_GUESSED, None),
        ("c/passwd", FileFlag.PATH_TRUNCATED, None),
        ("passwd", FileFlag.PATH_TEXT, None),
        ("/passwd", FileFlag.PATH_NO_MOUNT, None),
        ("", FileFlag.PATH_UNKNOWN, None),
    ],
)
def test_path(path: str, flags: int, answer: bool | None) -> None:
    """What is not known to be whole says nothing."""
    assert subjects.path(("/etc",))(named_file(path=path, flags=flags)) is answer


def test_fstype() -> None:
    """As mountinfo has it."""
    value = named_file()
    ask = subjects.fstype(("ext4", "fuse.sshfs"))
    assert ask(value) is None
    for value.fstype, answer in (("ext4", True), ("tmpfs", False), ("fuse.sshfs", True)):
        assert ask(value) is answer


def test_port() -> None:
    """Of either end; sums of many sockets have none."""
    ask = subjects.port(("80", "40000-50000"))
    assert ask(named_socket(flow=flow(local_port=1, remote_port=80)))
    assert ask(named_socket(flow=flow(local_port=80, remote_port=2)))
    assert ask(named_socket(flow=flow(local_port=45000, remote_port=2)))
    assert ask(named_socket(flow=flow(local_port=1, remote_port=2))) is False
    assert ask(named_socket(flags=SocketFlag.FOLDED)) is None


def test_net() -> None:
    """The remote end, of both families."""
    ask = subjects.net(("127.0.0.0/8", "2001:db8::/32"))
    assert ask(named_socket())
    other = flow(local_addr=bytes([127, 0, 0, 1]) + bytes(12), remote_addr=bytes([10] * 16))
    assert ask(named_socket(flow=other)) is False
    for address, answer in (("2001:db8::7", True), ("2001:db9::7", False)):
        remote = sockets.inet_pton(sockets.AF_INET6, address)
        assert ask(named_socket(flow=flow(remote_addr=remote, family=10))) is answer
    assert ask(named_socket(flags=SocketFlag.FOLDED)) is None
