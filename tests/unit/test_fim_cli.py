# SPDX-License-Identifier: Apache-2.0
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import pytest

from kflowd import app, cli, config, fim_cli
from kflowd.errors import BpfError, FimConfigError, FimError, FimUsageError, UsageError
from kflowd.fim import walking


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return what runs a command of `kflowd fim` with a file of settings for a small tree."""
    monkeypatch.setattr(config, "DEFAULT", tmp_path / "kflowd.toml")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("1")
    (tmp_path / "kflowd.toml").write_text(
        f"[fim]\nstate = '{tmp_path}/s/fim.db'\nkey = '{tmp_path}/s/fim.key'\n"
        f"[[fim.rule]]\nname = 'r'\npaths = ['{tmp_path}/tree']\n"
    )
    (tmp_path / "kflowd.toml").chmod(0o600)
    return lambda *words: cli.run(["fim", *words])


def test_a_life_of_a_state(
    run: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Codes are those of AIDE; findings go to stdout, all else to stderr."""
    tree = tmp_path / "tree"
    assert run("init") == 0
    assert run("check", "--no-throttle") == 0
    (tree / "a").write_text("2")
    (tree / "b").write_text("2")
    capfd.readouterr()
    assert run("check", "-o", "json-min", "--strict") == 1 + 4
    out, err = capfd.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert [it["FimFinding"] for it in found] == ["modified", "created"]
    assert "InfoTime" not in found[0]
    assert err == "kflowd: 3 names compared: there are new, changed names\n"
    assert run("reject", str(tree / "b")) == 0
    assert run("review") == 0
    out, err = capfd.readouterr()
    assert out.count("modified") == 1
    assert "actor unknown" in out
    assert run("accept", "--all") == 0
    assert run("check") == 0
    assert run("status") == 0
    assert "chain            whole" in capfd.readouterr().out
    assert run("explain", str(tree / "a")) == 0
    assert "rule             r" in capfd.readouterr().out


def test_an_export_is_verified(
    run: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the public key; without a state."""
    key, public, out = (str(tmp_path / it) for it in ("k", "p", "out.json"))
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    assert run("init") == 0
    assert run("export", out, "--key", key) == 0
    assert run("verify", out, "--key", public) == 0
    assert capfd.readouterr().out == f"OK: {out}\n"
    Path(out).write_text("{}")
    assert run("verify", out, "--key", public) == 18


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("check",), 18, "there is no key"),
        (("nothing",), 15, "No such command"),
        (("check", "--bad"), 15, "No such option"),
        (("check", "-o", "x"), 15, "is not one of"),
        (("accept",), 15, "one of both is wanted"),
        (("accept", "--all", "x"), 15, "one of both is wanted"),
        (("export", "x"), 15, "Missing option '--key'"),
        (("verify", "/nothing", "--key", "/nothing"), 18, "No such file"),
        (("check", "-C", "/nothing"), 17, "No such file"),
    ],
)
def test_errors_have_codes_of_their_own(
    run: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """Beyond those that say what a check has found, with a line each."""
    assert run(*words) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err.splitlines()[0]
    assert "Traceback" not in err


def test_wrong_settings_are_17(run: Callable[..., int], tmp_path: Path) -> None:
    """An unknown key, no rules, and a rule without a name."""
    path = tmp_path / "kflowd.toml"
    for text in ("[fim]\nstat = 'x'\n", "", "[[fim.rule]]\npaths = ['/x']\n"):
        path.write_text(text)
        assert run("init") == 17


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError("x"), FimConfigError),
        (BpfError("x"), FimError),
        (OSError(28, "No space left on device", "/x"), FimError),
        (MemoryError(), FimError),
        (click.UsageError("x"), FimUsageError),
        (FimUsageError("x"), FimUsageError),
        (BrokenPipeError(), BrokenPipeError),
    ],
)
def test_each_error_gets_its_code(error: Exception, kind: type[Exception]) -> None:
    """None of them is taken for a finding."""
    with pytest.raises(kind), fim_cli.fim_errors():
        raise error


def test_the_agent_says_what_it_does_not_do(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With rules it says in one line that it does not watch them live."""
    assert run("init") == 0
    monkeypatch.setattr(app, "trace", lambda *_words, **_more: 0)
    capfd.readouterr()
    assert cli.run(["-q"]) == 0
    assert "does not watch files live: kflowd fim check compares" in capfd.readouterr().err


def on_terminal(*words: str, keys: str = "") -> tuple[int, str]:
    """Run a command on a terminal; return its code and what was shown."""
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "kflowd", "fim", *words])
    shown = ""
    with suppress(OSError):  # the end of the child is the end of its terminal
        while True:
            # what is typed ahead of the question is thrown away
            if select.select([terminal], [], [], 1.0)[0]:
                shown += os.read(terminal, 65536).decode()
            elif keys and shown.endswith("[a/r/s/q] "):
                os.write(terminal, keys[:1].encode())
                keys = keys[1:]
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_a_terminal_shows_progress_and_asks(run: Callable[..., int], tmp_path: Path) -> None:
    """Keys accept, reject, skip and quit."""
    assert run("init") == 0
    for name in "bcde":
        (tmp_path / "tree" / name).write_text(name)
    config_words = ["-C", str(tmp_path / "kflowd.toml")]
    code, shown = on_terminal("check", *config_words)
    assert code == 1
    assert "2 names" in shown.replace("\x1b[K", "")
    code, shown = on_terminal("review", *config_words, keys="arsq")
    assert code == 0
    assert shown.count("[a/r/s/q]") == 4
    assert run("check") == 1
    assert run("accept", str(tmp_path / "tree" / "b")) == 15  # it was accepted
    assert run("reject", str(tmp_path / "tree" / "c")) == 15  # it was rejected
    assert run("reject", str(tmp_path / "tree" / "d")) == 0  # it was skipped


def test_names_of_others_are_lines_and_not_too_many(
    run: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Of folders that cannot be listed, which may be called anything, and be thousands."""
    for number in range(fim_cli.MOST_TROUBLES + 5):
        (tmp_path / "tree" / f"\x1b[31m\n{number}" / "d").mkdir(parents=True)
    depth = str(tmp_path / "tree" / "x").count("/")
    monkeypatch.setattr(walking, "MOST_DEEP", depth)
    assert run("init") == 0
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == fim_cli.MOST_TROUBLES + 2
    assert lines[0].startswith(f"kflowd: reading {tmp_path}/tree/\\x1b[31m 0/d: more than ")
    assert lines[-2] == "kflowd: and 5 more"
