# SPDX-License-Identifier: Apache-2.0
"""Records as events of OCSF, by the real agent: each is as the schema says."""

import json
import socket
import subprocess
from pathlib import Path

from tests.host.agent import Agent, losses
from tests.host.test_outputs import FILES, closed_port, settings, work
from tests.unit.delivery.formats.ocsf_schema import check


def test_events_of_a_run(folder: Path, tmp_path: Path) -> None:
    """As many as there are records, of files, processes and connections, one of these refused."""
    events = tmp_path / "events"
    config = settings(tmp_path / "kflowd.toml", {"sink": "file", "format": "ocsf", "path": events})
    port = closed_port()
    with Agent("-m", "file,socket,process", "-C", config) as agent:
        work(folder, FILES)
        (folder / "file0").rename(folder / "renamed")
        (folder / "file1").unlink()
        subprocess.run(["/bin/true"], check=True)
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port))
        result = agent.finish()
    assert result.exit_code == 0, result.stderr
    assert not losses(result.records)
    made = [json.loads(line) for line in events.read_bytes().splitlines()]
    for each in made:
        check(each)
    numbers = [each["metadata"]["sequence"] for each in made]
    everything = [json.loads(it) for it in result.stdout.split(b"\n\x1e\n")[:-1]]
    assert numbers == [it["InfoSequenceNumber"] for it in everything]
    (refused,) = (it for it in made if it.get("dst_endpoint", {}).get("port") == port)
    assert refused["activity_name"] == "Refuse"
    ours = [it for it in made if it.get("file", {}).get("parent_folder") == str(folder)]
    assert {it["file"]["name"] for it in ours if it["activity_name"] == "Create"} >= {"file0"}
    assert [it["file"]["name"] for it in ours if it["activity_name"] == "Delete"] == ["file1"]
    (renamed,) = (it for it in made if it["activity_name"] == "Rename" and "file0" in str(it))
    assert renamed["file"]["name"] == "file0"
    assert renamed["file_result"]["path"] == str(folder / "renamed")
    ends = {it["process"]["name"] for it in made if it["activity_name"] == "Terminate"}
    assert "true" in ends
