# SPDX-License-Identifier: Apache-2.0
"""`kflowd fim` as a program: ended at any moment, and beside AIDE of Debian."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.host.conftest import ROOT
from tests.unit.fim.importers.test_aide import CONF

PEERS = ROOT / "build" / "peers-aide"
ENDS = int(os.environ.get("KFLOWD_TEST_FIM_ENDS", "12"))
# how AIDE calls in its details what both compare
WORDS = {
    "Perm": "mode",
    "Uid": "uid",
    "Gid": "gid",
    "Size": "size",
    "SHA256": "content",
    "XAttrs": "xattr",
}
RULE = "p+u+g+n+ftype+s+sha256+l+acl+xattrs"


class Tree:
    """A tree with its settings."""

    def __init__(self, folder: Path, files: int) -> None:
        self.tree = folder / "tree"
        for number in range(files):
            path = self.tree / f"d{number % 37}" / f"f{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n" * 9)
        self.file = folder / "kflowd.toml"
        self.file.write_text(
            f"[fim]\nstate = '{folder}/s/fim.db'\nkey = '{folder}/s/fim.key'\n"
            f"[[fim.rule]]\nname = 'r'\npaths = ['{self.tree}']\n"
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        command = [sys.executable, "-m", "kflowd", "fim", *words, "-C", str(self.file)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; return its code and what it printed."""
        with self.start(*words) as child:
            out, _ = child.communicate(timeout=200)
        return child.returncode, out

    def end(self, seconds: float, *words: str) -> None:
        """Run a command, and end it by SIGKILL after so many seconds."""
        with self.start(*words) as child:
            time.sleep(seconds)
            child.send_signal(signal.SIGKILL)


def paths(out: str) -> list[str]:
    """Return the findings in compact lines: kind and path."""
    return sorted(f"{it.split()[2]} {it.split()[6]}" for it in out.splitlines())


@pytest.mark.host
@pytest.mark.timeout(600)
def test_an_end_at_any_moment_adopts_nothing(tmp_path: Path) -> None:
    """Of init there is a whole state or none; no check and no accept takes over what is not so."""
    tree = Tree(tmp_path, 3000)
    chance = random.Random(13)
    for _ in range(ENDS // 3):
        tree.end(chance.uniform(0.1, 1.5), "init")
        code, out = tree.run("check", "--no-throttle")
        assert (code, out) in {(18, ""), (0, "")}
        shutil.rmtree(tmp_path / "s", ignore_errors=True)
    assert tree.run("init")[0] == 0
    for number in range(0, 3000, 100):
        (tree.tree / f"d{number % 37}" / f"f{number}").write_text("changed")
    (tree.tree / "new").write_text("")
    (tree.tree / "d1" / "f1").unlink()
    expected = tree.run("check", "--no-throttle")
    assert expected[0] == 7
    assert len(paths(expected[1])) == 32
    shutil.copytree(tmp_path / "s", tmp_path / "kept")
    for _ in range(ENDS // 3):
        tree.end(chance.uniform(0.1, 1.5), "check", "--no-throttle")
        assert tree.run("status")[0] == 0
    assert tree.run("check", "--no-throttle") == expected
    for _ in range(ENDS // 3):
        tree.end(chance.uniform(0.1, 1.0), "accept", "--all")
        code, out = tree.run("check", "--no-throttle")
        # all of it or nothing
        assert (code, out) in {(0, ""), expected}
        if not code:
            shutil.rmtree(tmp_path / "s")
            shutil.copytree(tmp_path / "kept", tmp_path / "s")


@pytest.fixture(scope="module")
def aide() -> Path:
    """Return the program of Debian's AIDE, which is not installed."""
    subprocess.run([ROOT / "tools" / "fetch-peers", PEERS, "aide"], check=True, timeout=300)
    # what is installed is not fetched
    fetched = PEERS / "root" / "usr" / "bin" / "aide"
    return fetched if fetched.exists() else Path(shutil.which("aide") or fetched)


def attributes(report: str) -> dict[str, set[str]]:
    """Return what differs by the details of AIDE's report, in words of FimChanged."""
    _, _, details = report.partition("Detailed information about changes:")
    details, _, _ = details.partition("The attributes of the ")
    found: dict[str, set[str]] = {}
    path = ""
    for line in details.splitlines():
        head, _, rest = line.partition(":")
        if head in {"File", "Directory", "Link"}:
            path = rest.strip()
            found[path] = set()
        elif head.strip() in WORDS and path:
            found[path].add(WORDS[head.strip()])
    return found


def libraries() -> dict[str, str]:
    """Return in which environment that program finds its libraries."""
    return {"LD_LIBRARY_PATH": ":".join(map(str, PEERS.glob("root/usr/lib/*-linux-gnu")))}


@pytest.mark.host
@pytest.mark.timeout(400)
def test_aide_takes_what_is_imported(tmp_path: Path, aide: Path) -> None:
    """The configuration that the tests of the importer have is one of AIDE's own."""
    path = tmp_path / "aide.conf"
    # "-" is of 0.19
    path.write_text(CONF.replace("\n-/", "\n!/"))
    done = subprocess.run(
        [aide, "--config-check", f"--config={path}"],
        env=libraries(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def tamper(tree: Path) -> None:
    """Change a tree in many ways."""
    (tree / "d0" / "f0").write_text("other content\n")
    (tree / "d1" / "f1").chmod(0o4755)
    os.chown(tree / "d2" / "f2", 1, 1)
    (tree / "d3" / "f3").unlink()
    (tree / "d4" / "new").write_text("new")
    (tree / "d5" / "f5").unlink()
    (tree / "d5" / "f5").symlink_to("/etc/passwd")
    os.truncate(tree / "d6" / "f6", 0)
    os.setxattr(tree / "d7" / "f7", "user.kflowd", b"1")
    os.link(tree / "d8" / "f8", tree / "d8" / "link")
    (tree / "d9").chmod(0o700)


@pytest.mark.host
@pytest.mark.timeout(400)
def test_aide_says_the_same(tmp_path: Path, aide: Path) -> None:
    """Which names are new, gone and changed, and the exit code."""
    tree = Tree(tmp_path, 500)
    settings = tmp_path / "aide.conf"
    settings.write_text(
        f"database_in=file:{tmp_path}/in.db\ndatabase_out=file:{tmp_path}/in.db\n"
        f"report_url=stdout\n{tree.tree} {RULE}\n"
    )
    command: list[str | Path] = [aide, "-c", settings]
    subprocess.run([*command, "--init"], check=True, env=libraries(), timeout=100)
    assert tree.run("init")[0] == 0
    tamper(tree.tree)
    done = subprocess.run(
        [*command, "--check"],
        check=False,
        env=libraries(),
        timeout=100,
        capture_output=True,
        text=True,
    )
    theirs = set(re.findall(r"^[a-z][^ ]* ?[^:\n]*: (/\S+)", done.stdout, re.MULTILINE))
    code, out = tree.run("check", "--no-throttle")
    ours = {it.split()[1] for it in paths(out)}
    # and what differs of the names that both have, in words of FimChanged
    _, report = tree.run("check", "--no-throttle", "-o", "json-min")
    told = {
        it["FimPath"]: {word.partition(":")[0] for word in it["FimChanged"]} & set(WORDS.values())
        for it in map(json.loads, report.splitlines())
        if it["FimFinding"] in {"modified", "attributes", "replaced"}
    }
    theirs_of = attributes(done.stdout)
    assert len(told) == 7
    assert told == {path: theirs_of[path] for path in told}
    assert code == done.returncode == 7
    # of a new name AIDE tells the growth of the other ones, too
    assert theirs - ours <= {str(tree.tree / "d8" / "f8"), str(tree.tree / "d4"), str(tree.tree)}
    assert ours <= theirs, done.stdout
