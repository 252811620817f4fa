# SPDX-License-Identifier: Apache-2.0
"""Names of users and groups from a module of NSS, which the agent has in a mount namespace."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.host.agent import COMMAND, Agent, Record, file_records, run

# numbers that the files do not have; each is a group, too
QUICK, SLOW, NOBODYS = 71001, 71002, 71003
SLEEP = 5
MODULE = """
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int find(char kind, unsigned int number, char *buffer)
{
    char line[32];
    int log = open(LOG, O_WRONLY | O_APPEND | O_CREAT, 0600);

    if (write(log, line, sprintf(line, "%c%u\\n", kind, number)) < 0)
        number = 0;
    close(log);
    if (number == SLOW)
        sleep(SLEEP);
    if (number != QUICK && number != SLOW)
        return NSS_STATUS_NOTFOUND;
    sprintf(buffer, "%c-%s", kind, number == QUICK ? "quick" : "slow");
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_kfslow_getpwuid_r(uid_t number, struct passwd *found, char *buffer,
    size_t size, int *error)
{
    memset(found, 0, sizeof(*found));
    found->pw_name = buffer;
    found->pw_passwd = found->pw_gecos = found->pw_dir = found->pw_shell = "";
    found->pw_uid = number;
    return find('u', number, buffer);
}

enum nss_status _nss_kfslow_getgrgid_r(gid_t number, struct group *found, char *buffer,
    size_t size, int *error)
{
    memset(found, 0, sizeof(*found));
    found->gr_name = buffer;
    found->gr_passwd = "";
    found->gr_gid = number;
    found->gr_mem = (char **)(buffer + 64);
    found->gr_mem[0] = 0;
    return find('g', number, buffer);
}
"""
EXCHANGE = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listening:
    with socket.create_connection(listening.getsockname()) as client:
        listening.accept()[0].sendall(b"hello")
        client.recv(5)
"""


class Module:
    """The module, built; what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "asked"
        self._configuration = folder / "nsswitch.conf"
        self._configuration.write_text("passwd: files kfslow\ngroup: files kfslow\n")
        self._library = folder / "libnss_kfslow.so.2"
        source = folder / "kfslow.c"
        source.write_text(MODULE)
        defined = [f"-D{name}={globals()[name]}" for name in ("QUICK", "SLOW", "SLEEP")]
        command = ["gcc", "-shared", "-fPIC", "-O2", *defined, f'-DLOG="{self._log}"']
        subprocess.run([*command, "-o", self._library, source], check=True)

    def asked(self) -> Counter[str]:
        """Return how often it was asked for what."""
        return Counter(self._log.read_text().split()) if self._log.exists() else Counter()

    def agent(self, *options: str) -> Agent:
        """Return an agent whose NSS has the module."""
        script = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", script, str(self._configuration), *COMMAND]
        library = {"LD_LIBRARY_PATH": str(self._library.parent)}
        return Agent(*options, command=command, environment=library)


@pytest.fixture
def module(folder: Path) -> Module:
    """Return the module in a folder of its own."""
    (folder / "module").mkdir()
    return Module(folder / "module")


def make(folder: Path, **owners: int) -> None:
    """Make files of users and groups of these numbers."""
    folder.mkdir()
    folder.chmod(0o777)
    for name, number in owners.items():
        (folder / name).touch()
        os.chown(folder / name, number, number)


def run_as(number: int, *command: str) -> None:
    """Run a command as a user and a group, who may reach all folders."""
    ids = (f"--reuid={number}", f"--regid={number}", "--clear-groups")
    reach = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    subprocess.run(["setpriv", *ids, *reach, *command], check=True)


def named(records: list[Record], folder: Path) -> dict[str, list[tuple[str, str, bool]]]:
    """Return owner, group, and whether they are late, by name of the file in order."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for each in sorted(file_records(records, folder), key=lambda it: it["InfoTime"]):
        if "FileUser" in each:
            late = "NAME_LATE" in each.get("FileNotes", ())
            owner = each["FileUser"], each["FileGroup"], late
            found.setdefault(each["File"], []).append(owner)
    return found


def test_a_slow_name_delays_nobody_else(module: Module, folder: Path) -> None:
    """Its record goes without after its time, later ones have it; who has no name is asked once."""
    files, tape = folder / "files", folder / "tape"
    first = {"slow": SLOW, "quick": QUICK, "none": NOBODYS, "root": 0}
    make(files, **first, **{f"{name}-again": number for name, number in first.items()})
    with module.agent("--checksum-wait", "3", "--record", str(tape)) as agent:
        for name in first:
            (files / name).write_text("x")
        run_as(QUICK, "touch", str(files / "mine"))
        run_as(QUICK, sys.executable, "-c", EXCHANGE)
        # behind the end of both calls, which may come one after the other
        time.sleep(2 * SLEEP + 2)
        for name in first:
            (files / f"{name}-again").write_text("x")
        result = agent.finish()

    assert result.exit_code == 0, result.stderr
    found = named(result.records, files)
    assert set(found["slow"]) == {("", "", True)}
    assert set(found["slow-again"]) == {("u-slow", "g-slow", False)}
    for name in ("quick", "quick-again", "mine"):
        assert set(found[name]) == {("u-quick", "g-quick", False)}
    assert set(found["none"]) == set(found["none-again"]) == {("", "", False)}
    assert set(found["root"]) == {("root", "root", False)}

    order = [each["File"] for each in file_records(result.records, files)]
    assert max(order.index(name) for name in ("quick", "none", "root", "mine")) < order.index(
        "slow"
    )
    mine = [each for each in result.records if each.get("ProcUID") == QUICK]
    assert {each["InfoMonitor"] for each in mine} >= {"filesystem", "socket"}
    assert {(each["ProcUser"], each["ProcGroup"]) for each in mine} == {("u-quick", "g-quick")}

    asked = module.asked()
    assert {asked[f"{kind}{number}"] for kind in "ug" for number in (QUICK, SLOW, NOBODYS)} == {1}
    replayed = run("replay", "-o", "json-min", str(tape))
    assert replayed.stdout.encode() == result.stdout


def test_a_process_waits_for_its_name_a_while(module: Module) -> None:
    """So do its sockets; it says so when it has none."""
    with module.agent("--checksum-wait", "1") as agent:
        run_as(SLOW, sys.executable, "-c", EXCHANGE)
        result = agent.finish()
    mine = [
        each
        for each in result.records
        if each.get("ProcUID") == SLOW and each["InfoMonitor"] == "socket"
    ]
    assert mine
    for each in mine:
        assert (each["ProcUser"], each["ProcGroup"]) == ("", "")
        assert "NAME_LATE" in each["ProcNotes"]
    assert result.exit_code == 0


def test_nss_is_asked_if_it_is_wanted(module: Module, folder: Path) -> None:
    """Without it names are those of the files."""
    make(folder / "files", quick=QUICK)
    with module.agent("--no-nss") as agent:
        (folder / "files/quick").write_text("x")
        result = agent.finish()
    assert set(named(result.records, folder)["quick"]) == {("", "", False)}
    assert not module.asked()
