# SPDX-License-Identifier: Apache-2.0
"""Prometheus, carbon and rsyslog as Debian has them take what kflowd gives."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.host.agent import ROOT, Agent, file_records, health_records
from tests.host.peers import MODULES, PYTHON, Peer, output, program, until
from tests.host.test_outputs import closed_port, settings, work

FILES = 211
PAGE = ROOT / "docs" / "metrics.md"

PROMETHEUS = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: kflowd
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""
# a loss begins after two minutes, and is seen for the five that the rate looks back
RULES_TEST = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
{series}
      - {{ series: 'kflowd_ring_used_bytes{{instance="a"}}', values: '0 0 7 7 7' }}
      - {{ series: 'kflowd_ring_size_bytes{{instance="a"}}', values: '8 8 8 8 8' }}
      - {{ series: 'kflowd_drain_lag_seconds{{instance="a"}}', values: '0 0 0 0 0' }}
    alert_rule_test:
      - {{ eval_time: 1m, alertname: KflowdLoses }}
      - eval_time: 4m
        alertname: KflowdLoses
        exp_alerts: [{{ exp_labels: {{ instance: a }} }}]
      - {{ eval_time: 1m, alertname: KflowdOutputLoses }}
      - eval_time: 4m
        alertname: KflowdOutputLoses
        exp_alerts: [{{ exp_labels: {{ instance: a, output: stdout }} }}]
      - {{ eval_time: 1m, alertname: KflowdLags }}
      - eval_time: 4m
        alertname: KflowdLags
        exp_alerts: [{{ exp_labels: {{ instance: a }} }}]
"""
CARBON = """
[cache]
STORAGE_DIR = {folder}
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {second}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {third}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
"""
SCHEMAS = "[all]\npattern = .*\nretentions = 1s:1h\n"
RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl"
       defaultNetstreamDriverCAFile="{folder}/cert.pem"
       defaultNetstreamDriverCertFile="{folder}/cert.pem"
       defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imudp")
module(load="imptcp")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="all" type="list") {{
  property(name="timestamp" dateFormat="rfc3339") constant(value="|")
  property(name="hostname") constant(value="|") property(name="app-name") constant(value="|")
  property(name="procid") constant(value="|") property(name="msgid") constant(value="|")
  property(name="syslogfacility-text") constant(value="|")
  property(name="syslogseverity-text") constant(value="|") property(name="msg")
  constant(value="\n")
}}
ruleset(name="udp") {{ action(type="omfile" file="{folder}/udp" template="all") }}
ruleset(name="tcp") {{ action(type="omfile" file="{folder}/tcp" template="all") }}
ruleset(name="tls") {{ action(type="omfile" file="{folder}/tls" template="all") }}
input(type="imudp" port="{udp}" address="127.0.0.1" ruleset="udp" rcvbufSize="8m")
input(type="imptcp" port="{tcp}" address="127.0.0.1" ruleset="tcp")
input(type="imtcp" port="{tls}" address="127.0.0.1" ruleset="tls")
"""


def rules() -> str:
    """Return the alerts of docs/metrics.md as a file of rules."""
    found = re.search(r"```yaml\n(- alert: .*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    indented = "".join(f"      {line}\n" for line in found.group(1).splitlines())
    return f"groups:\n  - name: kflowd\n    rules:\n{indented}"


def expressions(text: str) -> list[str]:
    """Return what the alerts of a file of rules ask."""
    parts = re.split(r"- alert: .*\n\s*expr: >?", text)[1:]
    return [" ".join(part.split()) for part in parts]


def asked(port: int, path: str, **query: str) -> Any:
    """Return what the interface of Prometheus answers."""
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def queried(port: int, query: str) -> list[tuple[dict[str, str], float]]:
    """Return labels and value of each series that a query finds."""
    found = asked(port, "query", query=query)["result"]
    return [(it["metric"], float(it["value"][1])) for it in found]


def test_prometheus_reads_it(folder: Path) -> None:
    """Nothing is strange to promtool, a scrape has the run's numbers, alerts ask what there is."""
    ours, port = closed_port(), closed_port()
    (folder / "rules.yml").write_text(rules())
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(rules=folder / "rules.yml", port=ours))
    output("promtool", "check", "config", str(folder / "prometheus.yml"))
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        Agent("--listen", f"127.0.0.1:{ours}", "--program-times", "-m", "file") as agent,
        Peer(command, folder / "log", port),
    ):
        work(folder, FILES)
        enough = f"kflowd_file_events_total >= {4 * FILES}"
        until(lambda: bool(queried(port, enough)), "no scrape has the events")
        with urllib.request.urlopen(f"http://127.0.0.1:{ours}/metrics", timeout=10) as answer:
            output("promtool", "check", "metrics", stdin=answer.read().decode())
        assert queried(port, "up") == [({"__name__": "up", **of(ours)}, 1.0)]
        ((labels, written),) = queried(port, "kflowd_output_written_total")
        assert labels["output"] == "stdout"
        assert written >= FILES
        busiest = queried(port, "topk(1, kflowd_program_seconds_total / kflowd_program_runs_total)")
        assert 0 < busiest[0][1] < 1e-3
        until(lambda: bool(queried(port, "rate(kflowd_stage_cpu_seconds_total[10s])")), "no rate")
        for expression in expressions(rules()):
            everything = re.sub(r">( [\d.]+)", r">=\1 * 0", expression)
            until(lambda it=everything: bool(queried(port, it)), everything)  # type: ignore[misc]
        firing = {it["labels"]["alertname"] for it in asked(port, "alerts")["alerts"]}
        assert firing == set()
        agent.stop()


def of(port: int) -> dict[str, str]:
    """Return the labels that Prometheus gives to all of a run."""
    return {"instance": f"127.0.0.1:{port}", "job": "kflowd"}


def test_alerts_fire_on_a_loss_and_only_then(folder: Path) -> None:
    """Those of the page, on series that rise from the second minute on."""
    (folder / "rules.yml").write_text(rules())
    output("promtool", "check", "rules", str(folder / "rules.yml"))
    expression = expressions(rules())[0]
    series = {f'{it}{{instance="a"}}' for it in re.findall(r"\w+_total", expression)}
    labels = '{instance="a",output="stdout",reason="full"}'
    lines = [
        f"      - {{ series: '{it}', values: '0 0 5 9 9' }}"
        for it in (*sorted(series), f"kflowd_output_lost_total{labels}")
    ]
    test = RULES_TEST.format(rules=folder / "rules.yml", series="\n".join(lines))
    (folder / "test.yml").write_text(test)
    output("promtool", "test", "rules", str(folder / "test.yml"))


def fetched(path: Path, since: float) -> list[float]:
    """Return the numbers of a file of whisper from some time on."""
    text = output("whisper-fetch", f"--from={int(since)}", str(path))
    return [float(value) for _, value in map(str.split, text.splitlines()) if value != "None"]


def test_carbon_keeps_it(folder: Path) -> None:
    """Each number in a file of its own; the last one is that of the last health record."""
    port, second, third = (closed_port() for _ in range(3))
    config = CARBON.format(folder=folder, port=port, second=second, third=third)
    (folder / "carbon.conf").write_text(config)
    (folder / "storage-schemas.conf").write_text(SCHEMAS)
    carbon = program("carbon-cache")
    command = [PYTHON, carbon, f"--config={folder}/carbon.conf", "--nodaemon", "start"]
    options = ("--graphite", f"127.0.0.1:{port}", "--prefix", "kflowd.web 1", "--interval", "1s")
    kept = folder / "whisper" / "kflowd" / "web_1"
    events = kept / "file_events_total.wsp"
    began = time.time() - 1
    with Peer(command, folder / "log", port):
        with Agent(*options, "-m", "file") as agent:
            work(folder, FILES)
            until(lambda: events.exists() and len(fetched(events, began)) >= 3, "no three sets")
            result = agent.stop()
        assert result.exit_code == 0, result.stderr
        last = health_records(result.records)[-1]["HealthFileEvents"]
        until(lambda: last in fetched(events, began), "the last set is not there")
        numbers = fetched(events, began)
    assert numbers == sorted(numbers)
    assert numbers[-1] == last
    for name in ("output_lost_total/stdout/full", "map_memory_bytes/kf_ring", "drain_lag_seconds"):
        assert (kept / f"{name}.wsp").exists(), name


@pytest.fixture
def certified(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1, and its key."""
    made = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=kflowd", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", "key.pem", "-out", "cert.pem"),
    ]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return folder


def test_rsyslog_takes_it(certified: Path) -> None:
    """By UDP, TCP and TLS the same records, each whole, with the words of its header."""
    folder, work_folder = certified, certified / "work"
    work_folder.mkdir()
    ports = {way: closed_port() for way in ("udp", "tcp", "tls")}
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(folder=folder, **ports))
    modules = ["-M", MODULES[0]] if MODULES and Path(MODULES[0]).exists() else []
    command = [
        *(program("rsyslogd"), "-n", "-i", f"{folder}/pid", "-f", f"{folder}/rsyslog.conf"),
        *modules,
    ]
    tables: list[dict[str, object]] = [
        {"sink": "syslog", "transport": way, "address": f"127.0.0.1:{port}"}
        for way, port in ports.items()
    ]
    tables[-1]["ca"] = folder / "cert.pem"
    config = settings(folder / "kflowd.toml", {"sink": "stdout", "format": "json-min"}, *tables)
    with Peer(command, folder / "log", ports["tls"]):
        exclude = f"path={folder}/udp,{folder}/tcp,{folder}/tls"
        with Agent("-C", config, "-m", "file", "--exclude", exclude) as agent:
            work(work_folder, FILES)
            result = agent.finish()
        assert result.exit_code == 0, result.stderr
        assert len(file_records(result.records, work_folder)) == FILES
        count = len(result.records)
        until(
            lambda: all(lines(folder / way) >= count for way in ports),
            "records are missing",
        )
    for way in ports:
        found = [line.split("|", 7) for line in (folder / way).read_text().splitlines()]
        records = [json.loads(it[7]) for it in found]
        assert records == result.records, way
        for head, record in zip(found, records, strict=True):
            assert head[0] == record["InfoTime"][:26] + "Z"
            assert head[1:3] == [record["InfoHostName"], "kflowd"]
            assert head[4:7] == [record["InfoMonitor"], "daemon", "info"]


def lines(path: Path) -> int:
    """Return how many lines a file has."""
    return path.read_text().count("\n") if path.exists() else 0
