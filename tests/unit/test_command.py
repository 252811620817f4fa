# SPDX-License-Identifier: Apache-2.0
import os
import pty
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd import command
from kflowd.command import GRACE_NS, Command, CommandEnd, find_program
from kflowd.errors import CommandError

SHELL = "/bin/sh"


def ended(it: Command) -> bool:
    """Wait for the end of a command."""
    until = time.monotonic() + 20
    while not it.ended and time.monotonic() < until:
        time.sleep(0.01)
    return it.ended


def run(*arguments: str, path: str = "") -> int | None:
    """Run a command to its end and return its status."""
    with Command(path or find_program(arguments[0]), arguments) as it:
        it.start()
        assert ended(it)
        return it.exit_code()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Command]:
    """Start a shell that ends when it is told to."""
    ready = tmp_path / "ready"
    with Command(SHELL, ["sh", "-c", f"echo > {ready}; exec sleep 100"]) as it:
        it.start()
        while not ready.exists():  # before, a signal meets what other tests have left for it
            time.sleep(0.01)
        yield it
        with_children = it.tgid
        if it.exit_code() is None:
            os.kill(with_children, signal.SIGKILL)
            assert ended(it)
            it.exit_code()


@pytest.mark.parametrize(
    ("text", "expected"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -2 $$", 130)]
)
def test_the_status_is_the_one_that_a_shell_counts(text: str, expected: int) -> None:
    """Its own, or 128 and the signal that ended it."""
    assert run("sh", "-c", text) == expected


def test_it_runs_when_it_is_started_and_not_before(tmp_path: Path) -> None:
    """It waits, and if it is never started it ends without having run."""
    made = tmp_path / "made"
    arguments = ["sh", "-c", f"echo > {made}"]
    with Command(SHELL, arguments) as it:
        time.sleep(0.1)
        assert not made.exists()
        assert not it.ended
        assert it.exit_code() is None
    assert not made.exists()
    assert run(*arguments) == 0
    assert made.exists()


def test_its_output_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for records."""
    run("echo", "said")
    assert capfd.readouterr() == ("", "said\n")


def test_its_input_is_ours(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard input is passed on."""
    path = tmp_path / "input"
    path.write_text("given\n")
    before = os.dup(0)
    given = os.open(path, os.O_RDONLY)
    try:
        os.dup2(given, 0)
        run("cat")
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(given)
    assert capfd.readouterr().err == "given\n"


def test_python_ignores_signals_and_the_command_does_not() -> None:
    """SIGPIPE is as it was, so that a writer without a reader ends."""
    assert run("sh", "-c", "kill -PIPE $$") == 128 + signal.SIGPIPE


def test_a_script_without_an_interpreter_is_one_of_the_shell(tmp_path: Path) -> None:
    """As execvp(3) has it."""
    path = tmp_path / "script"
    path.write_text('exit "$1"\n')
    path.chmod(0o755)
    assert run("script", "5", path=str(path)) == 5


@pytest.mark.parametrize(("name", "code"), [("missing", 127), ("", 126)])
def test_what_cannot_be_executed_after_all_is_said(tmp_path: Path, name: str, code: int) -> None:
    """Found once, and gone or no program when it is started: one line and the shell's code."""
    with pytest.raises(CommandError, match="^running /") as caught:
        run("x", path=str(tmp_path / name))
    assert caught.value.exit_code == code


def test_programs_are_found_as_a_shell_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127: there is none, 126: it cannot be executed; by PATH or by its own path."""
    plain, program = tmp_path / "plain", tmp_path / "program"
    plain.touch()
    program.touch(0o755)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("program") == find_program(str(program)) == str(program)
    codes = {}
    for name in ("plain", str(plain), str(tmp_path), "other", str(tmp_path / "other"), ""):
        with pytest.raises(CommandError) as caught:
            find_program(name)
        codes[name] = caught.value.exit_code
    assert list(codes.values()) == [126, 126, 126, 127, 127, 127]


def test_its_number_is_that_of_the_kernel() -> None:
    """The child asks for its own, which in a pid namespace is another."""
    with Command(SHELL, ["sh"], lambda: os.getpid() + 1_000_000) as it:
        assert str(it) == f"{SHELL} ({it.tgid - 1_000_000})"


def test_a_name_keeps_to_one_line() -> None:
    """Whatever it holds."""
    with Command("/a\nb", ["b"]) as it:
        assert str(it).startswith("/a?b (")


class Signals:
    """Stands for signals that come."""

    def __init__(self) -> None:
        self.asked_ns: int | None = None
        self.number = 0

    def take(self, number: int) -> None:
        self.asked_ns, self.number = time.monotonic_ns(), number


def asks(end: CommandEnd) -> bool:
    """Say whether the run is to end, which passes a signal on."""
    return end.stop


def test_the_run_ends_with_the_command() -> None:
    """Not before, without a signal."""
    with Command(SHELL, ["sh", "-c", "exit 3"]) as it:
        end = CommandEnd(it, Signals())
        assert not asks(end)
        it.start()
        assert ended(it)
        assert asks(end)
        assert it.exit_code() == 3


def test_a_signal_is_passed_on(patient: Command) -> None:
    """The run goes on until the command has ended by it."""
    signals = Signals()
    end = CommandEnd(patient, signals)
    signals.take(signal.SIGTERM)
    asks(end)
    assert ended(patient)
    assert asks(end)
    assert patient.exit_code() == 128 + signal.SIGTERM


def test_a_command_that_ignores_a_signal_does_not_keep_the_run(tmp_path: Path) -> None:
    """It has a while, and goes on by itself."""
    ready = tmp_path / "ready"
    text = f"trap '' TERM; echo > {ready}; sleep 100"
    with Command(SHELL, ["sh", "-c", text]) as it:
        it.start()
        while not ready.exists():
            time.sleep(0.01)
        signals = Signals()
        end = CommandEnd(it, signals)
        signals.take(signal.SIGTERM)
        assert not asks(end)
        signals.asked_ns = time.monotonic_ns() - GRACE_NS
        assert asks(end)
        assert it.exit_code() is None
        os.kill(it.tgid, signal.SIGKILL)
        assert ended(it)


def test_what_a_terminal_sends_to_both_is_not_sent_again(
    patient: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C reaches all of the foreground; SIGTERM is for one process."""
    monkeypatch.setattr(command, "_is_in_foreground", lambda: True)
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: sent.append(number))
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        patient.pass_on(number)
    monkeypatch.setattr(command, "_is_in_foreground", lambda: False)
    patient.pass_on(signal.SIGINT)
    monkeypatch.undo()
    assert sent == [signal.SIGTERM, signal.SIGINT]


def test_without_a_terminal_nobody_is_in_the_foreground(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal, or a file in its place, sends no signals."""
    for path in ("/nonexistent/tty", os.devnull):
        monkeypatch.setattr(command, "TERMINAL", path)
        assert not command._is_in_foreground()


def test_who_is_in_the_foreground_of_a_terminal_gets_its_signals() -> None:
    """As the first process of a new terminal is."""
    pid, terminal = pty.fork()
    if not pid:
        os._exit(3 if command._is_in_foreground() else 4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    os.close(terminal)
