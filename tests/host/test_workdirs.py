# SPDX-License-Identifier: Apache-2.0
"""Where processes began, by the real agent: their working directory and their terminal."""

import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host.agent import Agent, Record, Result, file_records
from tests.host.whole import own_tty

# a shell writes what proc says of it to the file that it is given
TELL = 'readlink /proc/$$/cwd > "$0"; readlink "/proc/$$/fd/0" >> "$0"'
SHELL = ["/bin/sh", "-c"]


def _run(script: str, *arguments: str | Path, at: Path) -> None:
    """Run a shell in a directory, in a session of its own: without a terminal."""
    command = [*SHELL, script, *map(str, arguments)]
    subprocess.run(
        command, cwd=at, start_new_session=True, stdin=subprocess.DEVNULL, check=True, timeout=60
    )


def _on_terminal(work: Callable[[], None]) -> str:
    """Run work in a process with a terminal of its own, and return the terminal's name."""
    master, slave = pty.openpty()
    name = os.ttyname(slave).removeprefix("/dev/")
    child = os.fork()
    if not child:
        with _ending():
            os.login_tty(slave)
            work()
    os.close(slave)
    assert os.waitpid(child, 0)[1] == 0
    os.close(master)
    return name


def _forked(work: Callable[[], object]) -> None:
    """Run work in a child."""
    child = os.fork()
    if not child:
        with _ending():
            work()
    assert os.waitpid(child, 0)[1] == 0


@contextmanager
def _ending() -> Iterator[None]:
    """End a child behind this, whatever becomes of it."""
    try:
        yield
        os._exit(0)
    finally:
        os._exit(1)


def _told(out: Path) -> tuple[str, str | None]:
    """Return the directory and the terminal that a shell has told, as a record has them."""
    cwd, stdin = out.read_bytes().splitlines()
    tty = os.fsdecode(stdin).partition("/dev/pts/")[2]
    return cwd.decode(errors="replace"), f"pts/{tty}" if tty else None


def _shown(record: Record) -> tuple[str | None, str | None]:
    return record.get("ProcWorkDir"), record.get("ProcTTY")


def _notes(record: Record) -> list[str]:
    return [word for word in record.get("ProcNotes", ()) if "WORKDIR" in word]


def _by_name(result: Result, folder: Path) -> dict[str, Record]:
    return {each["File"]: each for each in file_records(result.records, folder)}


def test_exec_and_what_is_older(folder: Path) -> None:
    """What proc says of the process, whatever its directory is called and became."""
    outs = folder / "outs"
    named = folder / ("ü" * 127 + "x")
    odd = folder / os.fsdecode(b'a \xff"b')
    deep = folder.joinpath(*(letter * 200 for letter in "abcdefgh"))
    many = folder.joinpath(*(str(number) for number in range(30)))
    gone, terminal, older = folder / "gone", folder / "terminal", folder / "older"
    for each in (outs, named, odd, deep, many, gone, terminal, older):
        each.mkdir(parents=True)
    places = {"root": Path("/"), "proc": Path("/proc/sys"), "deep": deep, "many": many}
    places |= {"named": named, "odd": odd}

    def tell() -> None:
        os.chdir(terminal)
        os.execv(SHELL[0], [*SHELL, TELL, str(outs / "terminal")])

    command = [*SHELL, f"read line; {TELL}", str(outs / "older")]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, cwd=older) as process,
        Agent("-m", "file") as agent,
    ):
        for name, place in places.items():
            _run(TELL, outs / name, at=place)
        _run('rmdir "$PWD"; exec /bin/sh -c "$0" "$1"', TELL, outs / "gone", at=gone)
        tty = _on_terminal(tell)
        process.communicate(b"\n", 60)
        result = agent.stop()

    found = _by_name(result, outs)
    assert {*places, "gone", "terminal", "older"} == found.keys()
    assert len(os.fsencode(named.name)) == 255
    for name, record in found.items():
        assert _told(outs / name)[0] == record["ProcWorkDir"], name
        assert _notes(record) == []
    assert f"{gone} (deleted)" == found["gone"]["ProcWorkDir"]
    assert (str(terminal), tty) == _shown(found["terminal"])
    assert not [name for name in (*places, "gone") if "ProcTTY" in found[name]]
    assert str(older) == found["older"]["ProcWorkDir"]
    assert found["older"].get("ProcTTY") == own_tty()


def test_forks_and_what_changes_later(folder: Path) -> None:
    """A child has what its parent had at that moment; where it goes later is not told."""
    outs, other, jail, mounted = (folder / name for name in ("outs", "other", "jail", "mounted"))
    for each in (outs, other, jail / "inside", mounted):
        each.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted], check=True)
    (mounted / "sub").mkdir()

    def write(name: str, of: Path = outs) -> None:
        _forked((of / name).touch)

    def move() -> None:
        os.chdir(other)
        (outs / "itself").touch()
        write("child")

    def imprison() -> None:
        os.chroot(jail)
        os.chdir("/inside")
        write("prisoner", Path("/"))

    def detach() -> None:
        os.chdir(mounted / "sub")
        subprocess.run(["umount", "-l", mounted], check=True)
        (other / "detached").write_text(os.readlink("/proc/self/cwd"))
        write("detached")

    def leave() -> None:
        write("seated")
        _forked(stand_up)

    def stand_up() -> None:
        os.setsid()
        (outs / "left").touch()
        write("grandchild")

    with Agent("-m", "file") as agent:
        _forked(move)
        _forked(imprison)
        _forked(detach)
        tty = _on_terminal(leave)
        result = agent.stop()

    found = _by_name(result, outs)
    assert [os.getcwd(), str(other)] == [found[it]["ProcWorkDir"] for it in ("itself", "child")]
    ttys = [found[it].get("ProcTTY") for it in ("seated", "left", "grandchild")]
    assert [tty, tty, None] == ttys
    assert (other / "detached").read_text() == found["detached"]["ProcWorkDir"]
    assert _notes(found["detached"]) == ["WORKDIR_TRUNCATED"]
    (prisoner,) = file_records(result.records, jail)
    assert str(jail / "inside") == prisoner["ProcWorkDir"]
