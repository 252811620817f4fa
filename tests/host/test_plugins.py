# SPDX-License-Identifier: Apache-2.0
"""Plugins beside the real agent: what they read, and what it costs when they do not."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.host.agent import COMMAND, ROOT, Agent, Record, health_records, run
from tests.host.plugged import EXAMPLES, FAULTY, PROGRAMS, answering, folder, say, workers

ASKED = b"set greeting 0 0 5\r\nhello\r\nget greeting\r\n"
ANSWERED = b"STORED\r\nVALUE greeting 0 5\r\nhello\r\nEND\r\n"
QUIET = ["-pdns=off", "-phttp=off", "-psyslog=off"]
MEMCACHED = EXAMPLES / "memcached.py"


def of_port(records: list[Record], local: int) -> Record:
    """Return the record of the end that has a port."""
    (found,) = (it for it in records if it.get("SockLocalPort") == local)
    return found


def lines(record: Record, key: str) -> list[Record]:
    """Return messages without their times."""
    return [{name: it[name] for name in it if name != "_Timestamp"} for it in record[key]]


def gone(processes: set[int]) -> bool:
    """Say whether processes are gone within three seconds."""
    until = time.monotonic() + 3
    while processes & workers():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_the_example_reads_a_connection(tmp_path: Path) -> None:
    """Both ends; a replay has the same bytes without the plugin, and no process is left."""
    stream = tmp_path / "stream"
    with folder(MEMCACHED) as place, answering(ANSWERED) as port:
        given = ["-P", str(place), f"-pmemcached=tcp/{port}", *QUIET, "--record", str(stream)]
        with Agent("-m", "socket", *given) as agent:
            (worker,) = workers()
            client = say(port, ASKED)
            result = agent.finish()
    assert result.exit_code == 0
    record = of_port(result.records, client)
    assert record["App"] == "MEMCACHED"
    assert lines(record, "AppTxMemcached") == [
        {"Line": "set greeting 0 0 5", "Bytes": 5},
        {"Line": "get greeting"},
    ]
    assert lines(record, "AppRxMemcached") == [
        {"Line": "STORED"},
        {"Line": "VALUE greeting 0 5", "Bytes": 5},
    ]
    assert record["AppMessages"] == 5
    server = of_port(result.records, port)
    assert lines(server, "AppRxMemcached") == lines(record, "AppTxMemcached")
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPluginFaults"] == health["HealthPluginPartsLost"] == 0
    assert gone({worker})
    assert not any(it.get("ProcPID") == worker for it in result.records), "it is left out"
    replayed = run("replay", "-o", "json-min", str(stream))
    assert replayed.stdout.encode() == result.stdout


def test_a_plugin_that_fails_costs_its_part_alone() -> None:
    """A record for each connection, in time; those of another plugin are whole."""
    acts = (b"spin", b"crash", b"eat", b"rubbish", b"fail", b"deep", b"huge")
    with (
        folder(MEMCACHED, FAULTY) as place,
        answering(b"ok\r\n") as port,
        answering(ANSWERED) as other,
    ):
        given = ["-P", str(place), f"-pfaulty=tcp/{port}", f"-pmemcached=tcp/{other}", *QUIET]
        with Agent("-m", "socket", "--plugin-wait", "0.3", *given) as agent:
            clients, others = [], []
            for act in acts:
                clients.append(say(port, act + b"\r\n"))
                others.append(say(other, ASKED))
                # both ends have a fault each, and then a pause; what is said later is read again
                time.sleep(3)
                clients.append(say(port, b"fine\r\n"))
                time.sleep(0.5)
            before = workers()
            result = agent.finish()
    assert result.exit_code == 0
    for number, client in enumerate(clients):
        record = of_port(result.records, client)
        if number % 2:
            assert record["App"] == "FAULTY", acts[number // 2]
            (said,) = record["AppTxFaulty"]
            assert said["Said"] == "fine\r\n"
            assert type(said["_Timestamp"]) is not str
            assert said["__Timestamp"] == "forged"
            assert said["password"] == "***"
        else:
            assert "App" not in record
            assert set(record["SockNotes"]) & {"PLUGIN_FAILED", "PLUGIN_LATE"}
    for client in others:
        assert of_port(result.records, client)["AppMessages"] == 5
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPluginFaults"] >= len(acts)
    assert health["HealthPluginPartsLost"] >= len(acts)
    assert health["HealthMessagesLost"] == health["HealthConversationsLost"] == 0
    assert len(before) == 2
    assert gone(before)


def test_the_example_labels_processes(tmp_path: Path) -> None:
    """Records of all kinds, by the user; a replay has the same bytes without the plugin."""
    stream = tmp_path / "stream"
    with folder() as place, answering(b"ok") as port:
        table, plugin = place / "owners.csv", place / "owners.py"
        table.write_text("root,operations,root@example.org\n")
        text = (EXAMPLES / "owners.py").read_text()
        assert text.count("/etc/kflowd/owners.csv") == 2
        plugin.write_text(text.replace("/etc/kflowd/owners.csv", str(table)))
        plugin.chmod(0o644)
        given = ["-P", str(plugin), "-m", "file,socket,process", "--record", str(stream)]
        with Agent(*given) as agent:
            (worker,) = workers()
            client = say(port, b"hello")
            (tmp_path / "written").write_text("x")
            result = agent.finish()
    assert result.exit_code == 0
    labels = {"owners.Contact": "root@example.org", "owners.Team": "operations"}
    assert of_port(result.records, client)["ProcLabels"] == labels
    (written,) = (
        it for it in result.records if it.get("File") == "written" and "CREATE" in it["FileEvents"]
    )
    assert written["ProcLabels"] == labels
    ours = [it for it in result.records if it.get("ProcUser") == "root"]
    assert all(it.get("ProcLabels") == labels for it in ours)
    assert not any(it.get("ProcPID") == worker for it in result.records), "it is left out"
    assert gone({worker})
    replayed = run("replay", "-o", "json-min", str(stream))
    assert replayed.stdout.encode() == result.stdout


def test_names_of_programs_end_nobody(tmp_path: Path) -> None:
    """What is no UTF-8 has another character in its place, for the plugin as in the record."""
    touch = shutil.which("touch")
    assert touch is not None
    names = [b"to\xffuch", "berühr".encode(), b"a\x01b\nc", b'"{}']
    programs = [tmp_path / os.fsdecode(name) for name in names]
    for program in programs:
        shutil.copy(touch, program)
    with folder(PROGRAMS) as place:
        given = ["-P", str(place), "--include", f"path={tmp_path}"]
        with Agent("-m", "file", *given) as agent:
            for number, program in enumerate(programs):
                subprocess.run([program, tmp_path / f"made{number}"], check=True)
            result = agent.finish()
    assert result.exit_code == 0
    made = {it["File"]: it for it in result.records if it.get("File", "").startswith("made")}
    assert [made[f"made{number}"]["ProcLabels"] for number in range(len(names))] == [
        {"programs.Name": name.decode("utf-8", "replace")} for name in names
    ]
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPluginFaults"] == health["HealthPluginPartsLost"] == 0


def test_a_plugin_that_always_fails_is_put_aside() -> None:
    """It is said once, in the health record, and records go out at once from then on."""
    with folder(FAULTY) as place, answering(b"crash\r\n") as port:
        given = ["-P", str(place), f"-pfaulty=tcp/{port}", *QUIET]
        with Agent("-m", "socket", *given) as agent:
            for _ in range(12):
                say(port, b"crash\r\n")
                time.sleep(1.1)
            result = agent.finish()
    assert result.exit_code == 0
    (health,) = health_records(result.records)[-1:]
    assert health["HealthPluginsDisabled"] == 1
    assert result.stderr.count("plugin faulty: disabled after 5 faults in a row") == 1
    sockets = [it for it in result.records if it.get("SockLocalPort") == port]
    assert len(sockets) == 12
    assert all("App" not in it for it in sockets)


def test_nothing_is_left_when_the_agent_is_killed() -> None:
    """Also not a plugin that does nothing else than going on."""
    with folder(FAULTY) as place, answering(b"ok\r\n") as port:
        given = ["-P", str(place), f"-pfaulty=tcp/{port}", *QUIET, "--plugin-wait", "50"]
        with Agent("-m", "socket", *given) as agent:
            before = workers()
            say(port, b"spin\r\n")
            time.sleep(2)
            assert before
            os.kill(agent.process.pid, signal.SIGKILL)
            assert gone(before)


def test_what_others_can_write_is_refused() -> None:
    """In one line, before anything is loaded."""
    with folder(MEMCACHED) as place:
        (place / "memcached.py").chmod(0o666)
        done = subprocess.run(
            [*COMMAND, "-P", place, "--duration", "1"],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"kflowd: -P/--plugins: {place}/memcached.py can be written by others"


def test_doctor_lists_plugins() -> None:
    """With version and state."""
    with folder(MEMCACHED) as place:
        said = run("doctor", "-P", str(place)).stdout
    assert "plugin memcached 1.0: ready, reads memcached" in said.splitlines()
