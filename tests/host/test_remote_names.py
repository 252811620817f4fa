# SPDX-License-Identifier: Apache-2.0
"""SockRemoteName: what a process asked a server of DNS for, before it connected."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.host import talks
from tests.host.agent import ROOT, Agent, Record, Result, run
from tests.host.talked import TALKS, free_port, options
from tests.host.test_servers import need

WITH_RESOLVER = f"""\
ip link set lo up
trap 'kill $started' EXIT
for host in {talks.HOST} ::1; do
    {sys.executable} -m http.server --bind $host 8080 >/dev/null 2>&1 &
    started="$started $!"
done
mount --bind resolv.conf /etc/resolv.conf
mount --bind nsswitch.conf /etc/nsswitch.conf
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --pid-file= --user=root \\
    --listen-address={talks.HOST} --cname={talks.NAME},{talks.ALIAS} \\
    --host-record={talks.ALIAS},{talks.HOST},::1 &
started="$started $!"
for family in 4 6; do
    curl -sS -$family --retry 9 --retry-delay 1 --retry-all-errors http://{talks.NAME}:8080/kf.txt
done
"""
ALL = [talks.NAME, talks.ALIAS]


def connected(what: str, port: int, *given: str) -> tuple[Result, dict[str, int]]:
    """Return the records of a run while a program asks and connects, and its ports by title."""
    with Agent("-m", "socket", *given) as agent:
        program = [sys.executable, TALKS, what, str(port)]
        said = subprocess.run(program, check=True, cwd=ROOT, stdout=subprocess.PIPE)
        lines = (line.split() for line in said.stdout.decode().splitlines())
        return agent.finish(), {title: int(number) for title, number in lines}


def named(records: list[Record], ports: dict[str, int]) -> dict[str, list[str] | None]:
    """Return the names of connections by title."""
    titles = {number: title for title, number in ports.items()}
    return {
        titles[it["SockLocalPort"]]: it.get("SockRemoteName")
        for it in records
        if it.get("SockLocalPort") in titles and it.get("SockProtocol") == "TCP"
    }


@pytest.mark.parametrize(
    ("what", "protocol"), [("names", "udp"), ("names_connected", "udp"), ("names_tcp", "tcp")]
)
def test_the_name_that_a_process_asked_for(what: str, protocol: str) -> None:
    """Only behind the answer, and only for the one that got it; also IPv4 over IPv6."""
    port = free_port()
    result, ports = connected(what, port, *options(port, "dns", protocol))
    assert result.exit_code == 0
    wanted = {"early": None, "named": ALL, "mapped": ALL, "other": None}
    assert named(result.records, ports) == wanted
    assert sum("SockRemoteName" in it for it in result.records) == 2


def test_the_resolver_of_the_c_library() -> None:
    """curl asks dnsmasq for both families, and has the alias of each of its connections."""
    need("curl", "dnsmasq", "ip", "unshare")
    with tempfile.TemporaryDirectory(prefix="kflowd-names-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "resolv.conf").write_text(f"nameserver {talks.HOST}\n")
        (place / "nsswitch.conf").write_text("hosts: dns\n")
        (place / "kf.txt").write_text("hello\n")
        (place / "run.sh").write_text(WITH_RESOLVER)
        with Agent("-m", "socket", "-pdns=udp/53") as agent:
            command = ["unshare", "--net", "--mount", "sh", "-e", "run.sh"]
            subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL)
            result = agent.finish()
    by_curl = [it for it in result.records if it.get("Proc") == "curl"]
    web = {it["SockFamily"]: it for it in by_curl if it.get("SockRemotePort") == 8080}
    assert {family: it.get("SockRemoteName") for family, it in web.items()} == {
        "AF_INET": ALL,
        "AF_INET6": ALL,
    }


def test_a_port_that_is_not_read_tells_no_name() -> None:
    """Nobody guesses one."""
    port = free_port()
    result, ports = connected("names", port, *options(port + 1, "dns", "udp"))
    assert named(result.records, ports) == dict.fromkeys(("early", "named", "mapped", "other"))


def test_a_replay_knows_the_same(tmp_path: Path) -> None:
    """By the times of the recording."""
    recording = tmp_path / "run.kflowd"
    port = free_port()
    given = options(port, "dns", "udp")
    result, ports = connected("names", port, *given, "--record", str(recording))
    replayed = run("replay", "-o", "json-min", "--separator", "newline", str(recording))
    assert replayed.returncode == 0
    again = [json.loads(line) for line in replayed.stdout.splitlines() if line]
    assert named(again, ports) == named(result.records, ports)
    assert named(again, ports)["named"] == ALL
