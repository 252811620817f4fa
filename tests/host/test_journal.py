# SPDX-License-Identifier: Apache-2.0
"""Records in a real journal: journald in a mount namespace of its own, read by journalctl."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.agent import Agent, losses
from tests.host.test_outputs import END_SECONDS, FILES, names, settings, work

JOURNALD = Path("/lib/systemd/systemd-journald")
# its own /run, and no limit: it would drop what it is asked to keep
BEGIN = f"""
mount -t tmpfs none /run && mkdir -p /run/log/journal /run/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nRateLimitBurst=0\\n' \
    > /run/systemd/journald.conf.d/test.conf
exec {JOURNALD}
"""
ODD = b"a\nKFLOWD_PROCUID=7\xff\x1b[2J"


class Journal:
    """A journald that runs.

    Args:
        process: Of it.

    Attributes:
        path: Of its socket, as this process sees it.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.path = Path(f"/proc/{process.pid}/root/run/systemd/journal/socket")
        self._process = process
        end = time.monotonic() + 20
        while not self.path.exists():
            assert time.monotonic() < end
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def entries(self, *matches: str) -> list[dict[str, Any]]:
        """Return the entries that journalctl finds."""
        inside = ["nsenter", "-t", str(self._process.pid), "-m"]
        shown = subprocess.run(
            [*inside, "journalctl", "--no-pager", "--all", "-o", "json", "-t", "kflowd", *matches],
            check=True, capture_output=True,
        )  # fmt: skip
        return [json.loads(line) for line in shown.stdout.splitlines()]


@pytest.fixture
def journal() -> Iterator[Journal]:
    with subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", BEGIN],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        yield Journal(process)
        process.terminate()


def value(field: Any) -> bytes:
    """Return the value of a field: journalctl shows one that is no text as a list of bytes."""
    return bytes(field) if isinstance(field, list) else str(field).encode()


def test_records_in_the_journal(journal: Journal, folder: Path, tmp_path: Path) -> None:
    """Each is an entry, with its keys as fields; names that look like fields, and no UTF-8."""
    config = settings(
        tmp_path / "kflowd.toml",
        {"sink": "journal", "path": journal.path},
        {"sink": "file", "path": tmp_path / "people", "format": "compact"},
    )
    with Agent("-m", "file", "--exclude", f"exe={JOURNALD.resolve()}", "-C", config) as agent:
        work(folder, FILES)
        (folder / ODD.decode("utf-8", "surrogateescape")).write_bytes(b"x")
        pid = agent.process.pid
        result = agent.finish()
    assert result.exit_code == 0, result.stderr
    assert not losses(result.records)
    everything = result.records

    end = time.monotonic() + 20
    while len(entries := journal.entries()) < len(everything):
        assert time.monotonic() < end, len(entries)
        time.sleep(0.2)
    assert len(entries) == len(everything)
    people = (tmp_path / "people").read_text().splitlines()
    for entry, record, line in zip(entries, everything, people, strict=True):
        assert value(entry["MESSAGE"]).decode() == line
        assert (entry["PRIORITY"], entry["_PID"], entry["_TRANSPORT"]) == ("6", str(pid), "journal")
        for key in ("InfoSequenceNumber", "InfoMonitor", "InfoTime", "ProcPID", "FilePath"):
            if key in record:
                assert entry[f"KFLOWD_{key.upper()}"] == str(record[key])
        for event, count in record.get("FileEvents", {}).items():
            assert entry[f"KFLOWD_FILEEVENTS_{event}"] == str(count)
    assert names(everything, folder) >= {f"file{n}" for n in range(FILES)}

    found = [it for it in entries if value(it.get("KFLOWD_FILE", "")) == ODD]
    assert len(found) >= 1
    assert {it["KFLOWD_PROCUID"] for it in found} == {"0"}
    one = journal.entries("KFLOWD_FILE=file7", "KFLOWD_FILEEVENTS_CREATE=1")
    assert [it["KFLOWD_FILE"] for it in one] == ["file7"]


def test_a_journal_that_stands_still(journal: Journal, folder: Path, tmp_path: Path) -> None:
    """What does not go in is lost for it alone, and the end comes in time."""
    config = settings(
        tmp_path / "kflowd.toml",
        {"sink": "journal", "path": journal.path, "queue": {"bytes": "64KiB"}},
        {"sink": "file", "path": tmp_path / "all"},
    )
    journal.signal(signal.SIGSTOP)
    with Agent("-m", "file", "-C", config) as agent:
        work(folder, 1500)
        agent.settle()
        began = time.monotonic()
        result = agent.stop()
        ended = time.monotonic() - began
    journal.signal(signal.SIGCONT)
    assert ended < END_SECONDS
    assert names(result.records, folder) == {f"file{n}" for n in range(1500)}
    count = len((tmp_path / "all").read_bytes().splitlines())
    assert count == len(result.records)
    found = re.search(r"journal \S+: (\d+) written, (\d+) lost", result.stderr)
    assert found is not None, result.stderr
    assert int(found[1]) + int(found[2]) == count
