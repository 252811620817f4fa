# SPDX-License-Identifier: Apache-2.0
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from kflowd.enrich import calls, opening
from kflowd.enrich.opening import Key, Outcome, Question, RefusedError, open_verified, state_of


def key_of(path: Path) -> Key:
    """Return the state of a file."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        return state_of(descriptor)
    finally:
        os.close(descriptor)


def question(path: Path, key: Key | None = None, fstype: str = "ext4") -> Question:
    """Return a question of this process for a file."""
    own = opening._own("mnt")
    return Question(key or key_of(path), 0, str(path), fstype, own, (os.getpid(),))


def refused(asked: Question) -> Outcome:
    """Return why a file is not opened."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(RefusedError) as error:
        os.close(open_verified(asked))
    assert os.listdir("/proc/self/fd") == before
    return error.value.outcome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a file."""
    made = tmp_path.resolve() / "file"
    made.write_bytes(b"n" * 4711)
    return made


def test_the_very_file_is_opened(path: Path) -> None:
    """For reading, without waiting, closed at exec; its access time stays."""
    os.utime(path, ns=(1, 2))
    descriptor = open_verified(question(path))
    with open(descriptor, "rb") as file:
        assert file.read() == b"n" * 4711
        assert not os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
    assert path.stat().st_atime_ns == 1


@pytest.mark.parametrize("member", Key._fields)
def test_another_state_is_refused(path: Path, member: str) -> None:
    """Each part of the identity counts."""
    key = key_of(path)
    other = key._replace(**{member: getattr(key, member) + 1})
    assert refused(question(path, other)) is Outcome.CHANGED


def test_what_is_no_regular_file_is_not_opened(path: Path) -> None:
    """A FIFO would keep us waiting, and a device would do something."""
    fifo = path.with_name("fifo")
    os.mkfifo(fifo, 0o755)
    assert refused(question(fifo)) is Outcome.CHANGED
    assert refused(question(Path("/dev/null"))) is Outcome.CHANGED
    assert refused(question(path.parent)) is Outcome.CHANGED


def test_links_are_not_followed(path: Path) -> None:
    """Neither the last name nor one on the way; a name that is gone is no error."""
    folder = path.parent
    (folder / "link").symlink_to(path)
    (folder / "way").symlink_to(folder)
    for other in ("link", "way/file", "gone", "file/file"):
        assert refused(question(folder / other, key_of(path))) is Outcome.CHANGED


def test_what_may_keep_us_waiting_is_not_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remote file systems and those of processes; the path is not even walked."""

    def walked(*_: object) -> NoReturn:
        raise AssertionError("walked")

    monkeypatch.setattr(opening, "openat2", walked)
    for fstype in ("nfs4", "cifs", "9p", "fuse.sshfs", "fuseblk", "autofs", "ceph", ""):
        assert refused(question(path, fstype=fstype)) is Outcome.SKIPPED


def not_in_memory(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have a walk by what is in memory fail."""
    real = calls.openat2

    def refuse(folder: int, name: bytes, flags: int, resolve: int) -> int:
        if resolve & calls.CACHED:
            raise OSError(number, "not so")
        return real(folder, name, flags, resolve)

    monkeypatch.setattr(opening, "openat2", refuse)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EINVAL])
def test_what_is_not_in_memory_is_walked_over_local_mounts_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, tmp_path: Path
) -> None:
    """The mounts ahead of the file count, and no others."""
    not_in_memory(monkeypatch, number)
    os.close(open_verified(question(path)))
    if number == errno.EAGAIN:
        # its layers would be asked
        assert refused(question(path, fstype="overlay")) is Outcome.SKIPPED
    else:
        os.close(open_verified(question(path, fstype="overlay")))
    lines = ["1 0 8:1 / / rw - ext4 /dev/sda1 rw", "2 1 0:9 / {} rw - fuse.sshfs x rw", ""]
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join(lines).format(path.parent))
    assert not opening._is_local(str(mounts), str(path))
    assert opening._is_local(str(mounts), "/elsewhere")
    assert opening._is_local(str(mounts), f"{path.parent}2")
    monkeypatch.setattr(opening, "_is_local", lambda *_: False)
    assert refused(question(path)) is Outcome.SKIPPED


def test_more_mounts_than_are_looked_at_are_not_trusted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hides one among a million others gains nothing."""
    monkeypatch.setattr(opening, "MAX_MOUNTINFO", 1)
    assert not opening._is_local("/proc/self/mountinfo", str(path))


def test_a_rename_elsewhere_is_no_reason_to_look_further(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk that fails by chance is made again."""
    real, walks = calls.openat2, []

    def fails_once(folder: int, name: bytes, flags: int, resolve: int) -> int:
        walks.append(resolve)
        if len(walks) == 1:
            raise OSError(errno.EAGAIN, "again")
        return real(folder, name, flags, resolve)

    monkeypatch.setattr(opening, "openat2", fails_once)
    os.close(open_verified(question(path, fstype="overlay")))
    assert len(walks) == 2
    assert all(it & calls.CACHED for it in walks)


def test_another_mount_namespace_is_seen_by_a_process_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is gone, or elsewhere by now, is passed over; with none there is no way."""
    own = opening._own("mnt")
    user = os.stat("/proc/self/ns/user").st_ino
    monkeypatch.setattr(opening, "_own", lambda kind: 1 if kind == "mnt" else user)
    asked = question(path)._replace(mnt_ns=own, pids=(1 << 30, os.getpid()))
    if os.geteuid() == 0:
        os.close(open_verified(asked))
    assert refused(asked._replace(pids=(1 << 30,))) is Outcome.CHANGED
    assert refused(asked._replace(mnt_ns=own + 1)) is Outcome.CHANGED


def test_layers_of_a_users_overlay_are_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be of any file system, and nothing tells: only those of our own users count."""
    root = opening._Root(os.open("/", os.O_PATH), "/proc/self/mountinfo", trusted=False)
    try:
        with pytest.raises(RefusedError, match="SKIPPED"):
            opening._open_in(root, question(path, fstype="overlay"))
        os.close(opening._open_in(root, question(path)))
        not_in_memory(monkeypatch, errno.EAGAIN)
        with pytest.raises(RefusedError, match="SKIPPED"):
            opening._open_in(root, question(path))
        monkeypatch.undo()
        os.close(opening._open_in(root._replace(trusted=True), question(path, fstype="overlay")))
    finally:
        os.close(root.descriptor)


def test_what_cannot_be_opened_is_told_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and is what the record says."""

    def refuse(_descriptor: int) -> NoReturn:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(opening, "_open_content", refuse)
    assert refused(question(path)) is Outcome.UNREADABLE
