# SPDX-License-Identifier: Apache-2.0
"""Name and address of the host, which change while the agent runs: in namespaces of its own."""

import os
import subprocess
import time
from pathlib import Path

from tests.host.agent import ATTACH_MODE, COMMAND, ROOT, START_SECONDS, file_records, parse, run

# an address of this kind is given to nobody
FIRST, SECOND, THIRD = "192.0.2.10", "192.0.2.20", "2001:db8::7"
TOKEN = 'web "7" \u00e9'
PREPARE = f"""
hostname first
ip link set lo up
ip link add out type veth peer name peer
ip link set peer up
ip address add {FIRST}/24 dev out
ip link set out up
ip route add default dev out
exec "$@"
"""
# the second of a network goes with the first, unless it is promoted; so does the route
MOVE = f"""
sysctl -qw net.ipv4.conf.all.promote_secondaries=1
ip address add {SECOND}/24 dev out
ip address del {FIRST}/24 dev out
ip route replace default dev out
"""
ALONE = f"""
ip -4 address flush dev out
ip -6 address add {THIRD}/64 dev out nodad
ip -6 route replace default dev out
"""


def wait_for_records(agent: subprocess.Popen[bytes], folder: Path, output: Path) -> None:
    """Write files until the output tells of one: the agent is ready."""
    end = time.monotonic() + START_SECONDS
    while b"/ready" not in output.read_bytes():
        assert agent.poll() is None
        assert time.monotonic() < end
        (folder / "ready").mkdir(exist_ok=True)
        (folder / "ready/file").write_text("x")
        time.sleep(0.5)


def write(path: Path) -> None:
    """Write a file, apart from what happens before and after."""
    time.sleep(1)
    path.write_text("x")
    time.sleep(1)


def test_a_record_has_the_host_of_its_moment(folder: Path) -> None:
    """Name and address are followed, and what was before a change keeps the former ones."""
    output, tape, errors = folder / "output", folder / "tape", folder / "errors"
    (files := folder / "files").mkdir()
    options = ["-o", "json-min", *ATTACH_MODE, "--record", str(tape), "-T", TOKEN]
    command = ["unshare", "-u", "-n", "sh", "-ec", PREPARE, "sh", *COMMAND, *options]
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        agent = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=ROOT)
    try:
        wait_for_records(agent, folder, output)
        inside = ["nsenter", "-t", str(agent.pid), "-u", "-n"]
        write(files / "before")
        # it is open while the name changes: its record is of later
        with (files / "across").open("w") as across:
            across.write("x")
            subprocess.run([*inside, "hostname", "second"], check=True)
            write(files / "named")
        subprocess.run([*inside, "sh", "-ec", MOVE], check=True)
        write(files / "moved")
        subprocess.run([*inside, "sh", "-ec", ALONE], check=True)
        write(files / "six")
        subprocess.run([*inside, "ip", "link", "set", "out", "down"], check=True)
        write(files / "alone")
        agent.terminate()
        assert agent.wait(60) == 0, errors.read_text()
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()

    records = parse(output.read_bytes())
    found = {
        each["File"]: (each["InfoHostName"], each["InfoHostIP"])
        for each in file_records(records, files)
    }
    assert found == {
        "before": ("first", FIRST),
        "across": ("second", FIRST),
        "named": ("second", FIRST),
        "moved": ("second", SECOND),
        "six": ("second", THIRD),
        "alone": ("second", "0.0.0.0"),
    }
    assert {each["InfoHostToken"] for each in records} == {TOKEN}
    keys = list(records[0])
    assert keys[keys.index("InfoHostIP") + 1] == "InfoHostToken"
    assert os.uname().nodename not in {each["InfoHostName"] for each in records}
    assert run("replay", "-o", "json-min", str(tape)).stdout.encode() == output.read_bytes()
