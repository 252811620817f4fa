# SPDX-License-Identifier: Apache-2.0
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from kflowd.errors import FimConfigError, FimError, FimUsageError
from kflowd.fim import work
from kflowd.settings.fim import FimSettings, parse_exclusion
from tests.unit.fim.hosts import Host, kinds


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with some accepted files."""
    made = Host(tmp_path)
    made.write(a="1", b="2", c="3")
    (made.tree / "d").mkdir()
    (made.tree / "d" / "e").write_text("4")
    made.init()
    return made


def test_what_is_as_it_was_is_no_finding(host: Host) -> None:
    """W5, also when it was read by another one meanwhile."""
    (host.tree / "a").read_text()
    assert host.found() == []
    assert host.code == 0


def test_each_change_is_one_finding(host: Host) -> None:
    """W6: it was made while nothing ran. Content, mode, a new name, one that is gone."""
    host.write(a="other", n="new")
    (host.tree / "b").chmod(0o600)
    (host.tree / "c").unlink()
    expected = [("modified", "a"), ("attributes", "b"), ("deleted", "c"), ("created", "n")]
    assert host.found() == expected
    assert host.code == 1 + 2 + 4
    assert host.found() == expected


def test_a_touch_is_none_of_content(host: Host) -> None:
    """An identical rewrite as well; a change that was taken back leaves no finding."""
    host.write(a="1")
    (found,) = host.check()
    assert (found["FimFinding"], found["FimChanged"]) == ("attributes", ["mtime"])
    status = (host.tree / "b").stat()
    host.write(b="x")
    assert len(host.check()) == 2
    host.write(b="2")
    os.utime(host.tree / "b", ns=(0, status.st_mtime_ns))
    assert host.found() == [("attributes", "a")]


def test_a_rename_is_one_finding(host: Host) -> None:
    """W29: with both names, of a directory all that is in it; over another one it is `replaced`."""
    (host.tree / "a").rename(host.tree / "z")
    (host.tree / "d").rename(host.tree / "dd")
    (host.tree / "b").rename(host.tree / "c")
    assert sorted(host.found()) == [
        ("renamed", "dd", "d"),
        ("renamed", "dd/e", "d/e"),
        ("renamed", "z", "a"),
        ("replaced", "c", "b"),
    ]
    assert host.code == 4


def test_an_exchange_is_two_replaced(host: Host) -> None:
    """Each with where its inode was."""
    (host.tree / "a").rename(host.tree / "x")
    (host.tree / "b").rename(host.tree / "a")
    (host.tree / "x").rename(host.tree / "b")
    assert host.found() == [("replaced", "a", "b"), ("replaced", "b", "a")]


def test_a_link_is_one_finding(host: Host, tmp_path: Path) -> None:
    """W3, W35: inside, and from outside, where the number of names is what tells."""
    os.link(host.tree / "a", host.tree / "l")
    os.link(host.tree / "b", tmp_path / "outside")
    assert host.found() == [("linked", "b"), ("linked", "l", "a")]
    assert host.code == 1
    host.decide("accepted")
    assert host.found() == []
    (host.tree / "l").unlink()
    assert host.found() == [("deleted", "l")]


def test_what_is_put_in_its_place_is_replaced(host: Host) -> None:
    """W17, W36: deleted and made again; a link where a file was; a directory moved in."""
    (host.tree / "a").unlink()
    host.write(a="1")
    (host.tree / "b").unlink()
    (host.tree / "b").symlink_to("/etc/passwd")
    found = host.check()
    assert [it["FimFinding"] for it in found] == ["replaced", "replaced"]
    assert "type" in found[1]["FimChanged"]
    assert found[1]["FimAfter"]["Target"] == "/etc/passwd"


def test_a_populated_directory_is_seen_whole(host: Host, tmp_path: Path) -> None:
    """W27: also by names of any bytes; a FIFO in it does not block, W14."""
    (tmp_path / "m" / "n").mkdir(parents=True)
    os.mkfifo(tmp_path / "m" / "p")
    (tmp_path / "m" / os.fsdecode(b"\xff\n")).write_text("")
    (tmp_path / "m").rename(host.tree / "m")
    names = [("created", "m"), ("created", "m/n"), ("created", "m/p"), ("created", "m/\ufffd\n")]
    assert sorted(host.found()) == sorted(names)


def test_accepting_moves_what_is_accepted(host: Host) -> None:
    """Of what was seen by the check, not of what is there by now."""
    host.write(a="seen")
    assert kinds(host.found()) == ["modified"]
    host.write(a="later")
    assert host.decide("accepted", host.path("a")) == 1
    (found,) = host.check()
    assert found["FimBefore"]["SHA256"] != found["FimAfter"]["SHA256"]
    with pytest.raises(FimUsageError, match="no finding waits there"):
        host.decide("accepted", host.path("b"))


def test_accepting_a_directory_takes_what_is_below(host: Host) -> None:
    """And nothing beside it that begins alike; W34."""
    (host.tree / "dx").write_text("")
    (host.tree / "d" / "f").write_text("")
    host.check()
    assert host.decide("accepted", host.path("d")) == 1
    assert host.found() == [("created", "dx")]


def test_rejecting_keeps_it(host: Host) -> None:
    """It is told of until it is undone, and may be accepted after all."""
    host.write(a="bad")
    host.check()
    host.decide("rejected", host.path("a"))
    assert kinds(host.found()) == ["modified"]
    assert host.code == 4
    with pytest.raises(FimUsageError):
        host.decide("rejected", host.path("a"))
    host.decide("accepted", host.path("a"))
    assert host.found() == []


def test_a_finding_keeps_its_number(host: Host) -> None:
    """As long as it stands; another change is another finding, and the chain is whole."""
    host.write(a="x")
    with work.Session(host.settings, write=True) as session:
        for _ in range(2):
            session.check(lambda _count: None, lambda: None, host.said.append)
        assert [it.sequence for it in session.findings()] == [1]
    host.write(a="y")
    host.check()
    with work.Session(host.settings, write=False) as session:
        assert [it.sequence for it in session.findings()] == [2]
        status = session.status()
    assert (status.waiting, status.broken, status.names) == (1, None, 6)


def test_a_finding_that_was_changed_breaks_the_chain(host: Host) -> None:
    """Whoever has no key cannot make another."""
    host.write(a="x")
    host.check()
    with sqlite3.connect(host.settings.state) as used:
        used.execute(
            "UPDATE finding SET document = "
            "CAST(replace(CAST(document AS TEXT), 'modified', 'created') AS BLOB)"
        )
    used.close()
    with work.Session(host.settings, write=False) as session:
        assert session.status().broken == 1


def test_an_accepted_state_that_was_changed_is_refused(host: Host) -> None:
    """W41: who changes a file and what is accepted of it is found by the key."""
    with sqlite3.connect(host.settings.state) as used:
        used.execute("UPDATE entry SET accepted = (SELECT max(accepted) FROM entry)")
    used.close()
    with pytest.raises(FimError, match="was changed by another program"):
        host.check()


def test_a_second_init_changes_nothing(host: Host) -> None:
    """What is accepted is not taken over by accident."""
    host.write(a="x")
    before = host.settings.state.read_bytes()
    with pytest.raises(FimError, match="there is a state already"):
        host.init()
    assert host.settings.state.read_bytes() == before


def test_a_state_that_is_gone_is_no_empty_one(host: Host) -> None:
    """Nor is one without its key, and no check makes a new one."""
    host.settings.key.rename(host.settings.key.with_name("away"))
    with pytest.raises(FimError, match="there is no key"):
        host.check()
    host.settings.key.with_name("away").rename(host.settings.key)
    host.settings.state.unlink()
    with pytest.raises(FimError, match="there is no state"):
        host.check()
    assert not host.settings.state.exists()


def test_without_rules_nothing_is_compared(tmp_path: Path) -> None:
    """It is an error, not a comparison of nothing."""
    with pytest.raises(FimConfigError, match="there are no rules"):
        work.init(FimSettings(state=tmp_path / "s", key=tmp_path / "k"), print, print)
    assert list(tmp_path.iterdir()) == []


def test_a_rule_that_changes_invents_no_deletion(host: Host) -> None:
    """What no rule has by now is neither gone nor told of; a new rule finds what is new to it."""
    rule = msgspec.structs.replace(
        host.settings.rule[0], exclude=(parse_exclusion(f"{host.tree}/d"),)
    )
    host.write(n="")
    host.settings = msgspec.structs.replace(host.settings, rule=(rule,))
    assert host.found() == [("created", "n")]


def test_explain_says_rule_and_states(host: Host) -> None:
    """Of any path, also one that has none."""
    host.write(a="x")
    host.check()
    with work.Session(host.settings, write=False) as session:
        found, none = session.explain(host.path("a")), session.explain(b"/nothing")
    assert found.rules.rule is not None
    assert found.accepted is not None
    assert found.seen is not None
    assert found.accepted.sha256 != found.seen.sha256
    assert (none.rules.rule, none.accepted, none.seen) == (None, None, None)


def test_a_folder_that_cannot_be_listed_deletes_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of what is in it stays, and a line says so."""
    real = os.open

    def refuse(path: object, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == b"d" and flags & os.O_DIRECTORY:
            raise OSError(5, "Input/output error")
        return real(path, flags, *rest, dir_fd=dir_fd)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    assert host.found() == []
    assert host.said == [f"reading {host.tree}/d: Input/output error; what was known of it stays"]


def test_an_export_is_checked_on_another_host(host: Host, tmp_path: Path) -> None:
    """By its signature alone, also by openssl."""
    private, public, out = tmp_path / "k", tmp_path / "p", tmp_path / "out.json"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    with work.Session(host.settings, write=False) as session:
        assert session.export(out, private, {"Host": "h"}) == 6
        with pytest.raises(FimError, match="File exists"):
            session.export(out, private, {})
    document = msgspec.json.decode(out.read_bytes())
    assert [it["Path"] for it in document["Names"]][:2] == [str(host.tree), f"{host.tree}/a"]
    verified = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", out,
         "-sigfile", f"{out}.sig"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert b"Success" in verified.stdout


def test_names_that_look_alike_are_two_findings(host: Host) -> None:
    """Of what is no UTF-8 a finding has not all; it is another one nevertheless."""
    for name in (b"\xff", b"\xfe", b"\\xff"):
        (host.tree / os.fsdecode(name)).hardlink_to(host.tree / "a")
    assert kinds(host.found()) == ["linked"] * 3
    assert kinds(host.found()) == ["linked"] * 3
    assert host.decide("accepted", host.path(os.fsdecode(b"\xff"))) == 1
    assert kinds(host.found()) == ["linked"] * 2


def test_an_accept_that_is_killed_is_whole_or_not_at_all(host: Host, tmp_path: Path) -> None:
    """At many moments: a child that is forked begins at once, as a program does not."""
    host.write(**{f"n{number}": "" for number in range(200)})
    assert len(host.found()) == 200
    folder, kept = host.settings.state.parent, tmp_path / "kept"
    shutil.copytree(folder, kept)
    chance, ends = random.Random(13), set()
    for _ in range(40):
        child = os.fork()
        if not child:
            try:
                host.decide("accepted")
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with work.Session(host.settings, write=True) as session:
            status = session.status()
        # the time of their folder differs, too, and is no finding
        assert (status.waiting, status.differing) in {(200, 201), (0, 1)}
        assert status.broken is None
        ends.add(status.waiting)
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert 200 in ends
