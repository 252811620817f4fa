# SPDX-License-Identifier: Apache-2.0
"""What it costs to have messages read by a plugin: CPU of the agent and of its process."""

import os
import time
from pathlib import Path

from kflowd.plugins.places import Place
from kflowd.plugins.runner import Limits
from kflowd.plugins.service import Service
from kflowd.protocols import Deferred, Direction, Script
from tests.host.agent import ROOT

RECORDS = 3000
MESSAGES = 4
TICKS = os.sysconf("SC_CLK_TCK")
PLUGIN = ROOT / "docs" / "plugins" / "memcached.py"


def _script(application: Deferred) -> Script:
    """Return what is said over a short connection."""
    conversation = application.conversation(joined=False)
    conversation.feed(Direction.TX, b"set a 0 0 3\r\nabc\r\nget a\r\n", 5)
    conversation.feed(Direction.RX, b"STORED\r\nVALUE a 0 3\r\nabc\r\n", 6)
    conversation.finish()
    script = conversation.take()
    if script is None:
        raise ValueError("nothing was said")
    return script


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(it.split()[1]) for it in lines if it.startswith("VmHWM:")) * 1024 / 1e6


def plugin_costs() -> str:
    """Return the figures, as lines."""
    application = Deferred("memcached")
    with Service([Place("memcached", str(PLUGIN))], Limits(), print) as service:
        found: list[tuple[int, int]] = []
        service.follow(found.extend)
        ((pid, _),) = found
        before, ours, began = _seconds(pid), time.process_time(), time.perf_counter()
        read = 0
        for number in range(RECORDS):
            service.ask(_script(application), number % 7)
            if number % 100 == 0:  # as between two batches
                read += len(service.news())
        while read < RECORDS:
            time.sleep(0.001)
            read += len(service.news())
        ours, took = time.process_time() - ours, time.perf_counter() - began
        theirs, peak_mb = _seconds(pid) - before, _peak_mb(pid)
        lost = service.counters()["plugin_parts_lost"]
    return (
        f"a plugin, CPU per record of {MESSAGES} messages: agent {ours / RECORDS * 1e6:.1f} us, "
        f"its process {theirs / RECORDS * 1e6:.1f} us and {peak_mb:.0f} MB; "
        f"{RECORDS / took:.0f} records/s, {lost} lost"
    )
