# SPDX-License-Identifier: Apache-2.0
"""Records as text, made of little."""

from typing import Any

import msgspec

BEGIN = "Thu, Apr 04 2024 15:34:{:02d}.{:09d} UTC"


def record(
    pid: int | None = 7, second: float = 0, monitor: str = "filesystem", **fields: Any
) -> bytes:
    """Return a record of a process at a second of a minute in 2024."""
    whole, rest = divmod(round(second * 1_000_000_000), 1_000_000_000)
    values = {
        "InfoTimestamp": BEGIN.format(whole, rest),
        "InfoTime": "2024-04-04",
        "InfoMonitor": monitor,
        "InfoHostName": "host",
        "Proc": "cat",
        "ProcUser": "dirk",
        "ProcPID": pid,
        **fields,
    }
    return msgspec.json.encode({key: value for key, value in values.items() if value is not None})


def tcp(pid: int | None = 7, second: float = 0, *, port: int = 80, **fields: Any) -> bytes:
    """Return a record of a TCP connection from a port."""
    return record(
        pid, second, "socket",
        **{"SockProtocol": "TCP", "SockLocalIP": "192.0.2.1", "SockLocalPort": port, **fields},
    )  # fmt: skip


def health(second: float = 0, uptime: float = 1, host: str = "host", **fields: int) -> bytes:
    """Return a health record."""
    return record(None, second, "health", InfoUptime=uptime, InfoHostName=host, **fields)


def example() -> bytes:
    """Return a file of records: some processes, a hostile name, a loss, a line that is broken."""
    parts = []
    for second in range(20):
        parts += [record(4711, second, Proc="cc1", FileEventCount=3)] * (second % 7)
        if second % 4 == 0:
            sums = {"SockTxBytes": 1200, "SockRxBytes": 3_400_000}
            parts.append(tcp(183547, second, port=second, Proc="curl", ProcUser="www", **sums))
        if second > 12:
            parts.append(
                record(812, second, Proc="postgres", ProcUser="postgres", FileEventCount=40)
            )
    parts.append(record(6666, 19, Proc="\n\x1b[2J\u202e漢字", ProcUser="\x07eve", FileEventCount=1))
    parts.append(tcp(None, 3, port=99, Proc="", ProcUser="", SockTxBytes=52))
    parts.append(health(19, HealthFileLostRing=12, HealthOutputLost=3))
    parts.append(b'{"InfoMonitor": "filesystem"')
    return b"\n\x1e\n".join(parts) + b"\n\x1e\n"
