# SPDX-License-Identifier: Apache-2.0
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kflowd import cli, completion
from kflowd.settings.lines import OptionLine, option_lines

KFLOWD = str(Path(sys.executable).with_name("kflowd"))
BASH = shutil.which("bash")


def line(flag: str) -> OptionLine:
    """Return the option that has a flag."""
    return next(each for each in option_lines("trace") if flag in each.flags)


@pytest.mark.parametrize(
    ("flag", "begun", "found"),
    [
        ("-o", "", ["json", "json-min", "ecs", "ocsf", "compact", "table"]),
        ("-o", "json-", ["json-min"]),
        ("--attach", "x", []),
        ("-m", "file,", ["file,socket", "file,process"]),
        ("-m", "p", ["process"]),
        ("--include", "ex", ["exe="]),
        ("--exclude", "event=open", ["event=OPEN", "event=OPEN_EXEC"]),
        ("--exclude", "event=EXIT,f", ["event=EXIT,FORK"]),
        ("--include", "path=/et", []),
        ("-p", "", ["dns=", "http=", "syslog=", "tls="]),
        ("-p", "s", ["syslog="]),
        ("-p", "dns=", ["dns=tcp/", "dns=udp/", "dns=udp/53", "dns=tcp/53", "dns=off"]),
        ("-p", "http=", ["http=tcp/", "http=tcp/80", "http=off"]),
        ("-p", "dns=udp/53,t", ["dns=udp/53,tcp/", "dns=udp/53,tcp/53"]),
        ("-p", "dns=o", ["dns=off"]),
        ("-p", "tls=", ["tls=tcp/", "tls=off"]),
        ("-p", "ftp=", []),
        ("-t", "", []),
        ("-T", "", []),
    ],
)
def test_values_complete(flag: str, begun: str, found: list[str]) -> None:
    """Words, lists of them without those that are there, keys and events of rules."""
    assert completion.words(line(flag), begun) == found


def test_words_are_whole_again() -> None:
    """As they were before bash has split them at "="."""
    words = ["-p", "dns", "=", "off", "--format", "="]
    assert completion.joined(words) == ["-p", "dns=off", "--format="]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_each_shell_has_its_script(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It names the program and the variable that asks it."""
    assert cli.run(["completion", shell]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "kflowd" in out
    assert f"{completion.VARIABLE}={shell}_complete" in out


def test_other_shells_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    assert cli.run(["completion", "tcsh"]) == 2
    assert "is not one of 'bash', 'zsh', 'fish'" in capfd.readouterr().err


def by_bash(words: str) -> list[str]:
    """Return what bash offers for the last of some words, each as bash splits them."""
    assert BASH is not None
    # compopt works while readline completes, and not here
    text = f"""
        source <({shlex.quote(KFLOWD)} completion bash)
        complete -p kflowd
        compopt() {{ printf 'compopt %s\\n' "$*"; }}
        COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        _kflowd_completion {shlex.quote(KFLOWD)}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    run = subprocess.run(
        [BASH, "--norc", "-c", text], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stderr == ""
    head, *found = run.stdout.split("\n")[:-1]
    assert head == "complete -o default -F _kflowd_completion kflowd"
    return found


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("kflowd do", ["doctor"]),
        ("kflowd --ring", ["--ring-bytes"]),
        ("kflowd replay --fo", ["--format"]),
        ("kflowd -q --format ''", ["json", "json-min", "ecs", "ocsf", "compact", "table"]),
        ("kflowd --include pa", ["compopt -o nospace", "path="]),
        ("kflowd --include path = /et", [""]),
        ("kflowd --exclude event = open_", ["OPEN_EXEC"]),
        ("kflowd -p sy", ["compopt -o nospace", "syslog="]),
        ("kflowd -p http =", ["compopt -o nospace", "tcp/", "tcp/80", "off"]),
        ("kflowd -p dns = udp/53,tcp/5", ["udp/53,tcp/53"]),
        ("kflowd --format = ta", ["table"]),
        ("kflowd --record /t", ["compopt -o default", ""]),
        ("kflowd replay ''", ["compopt -o default", ""]),
        ("kflowd completion f", ["fish"]),
        ("kflowd config show --or", ["--origin"]),
        ("kflowd -m file -- d", [""]),
        ("kflowd --version --lege", ["--legend"]),
        ("kflowd --events nonsense --rec", ["--record"]),
    ],
)
def test_bash_completes(words: str, found: list[str]) -> None:
    """A real bash with the script offers commands, options and values; files are its own."""
    assert by_bash(words) == found


def test_completion_is_answered_without_the_kernel_side() -> None:
    """Each Tab starts kflowd: neither BPF nor the pipeline is loaded for it."""
    text = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from kflowd import cli\n"
        "cli.run([])\n"
    )
    environment = {
        completion.VARIABLE: "bash_complete",
        "COMP_WORDS": "kflowd --format ",
        "COMP_CWORD": "2",
    }
    run = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    assert "plain,compact" in run.stdout.splitlines()
    loaded = set(run.stderr.split())
    assert "kflowd.completion" in loaded
    assert not {"kflowd.bpf", "kflowd.app", "kflowd.pipeline", "kflowd.delivery"} & loaded
