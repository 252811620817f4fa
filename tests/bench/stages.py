# SPDX-License-Identifier: Apache-2.0
"""Time of each user-space stage for one record, on batches that look like a host's."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.socket import SocketAggregator
from kflowd.assembly import live_enrichers
from kflowd.delivery.formats import FORMATS
from kflowd.delivery.queue import OVERHEAD_BYTES
from kflowd.delivery.where import make_where
from kflowd.enrich import Enrichment
from kflowd.model import Session
from kflowd.records import Decoder
from kflowd.serialize import Builder, HostFacts
from kflowd.settings import QueueSettings
from kflowd.settings.where import parse_where
from tests.unit.make import SECOND, record

RECORDS = 2000
PROCESSES = 40  # of which the records are
FILES = 300  # with times of their own
ROUNDS = 5  # the fastest counts: others share the machine
EXPRESSIONS = (
    "SockRemotePort == 443",
    "ProcUID >= 1000",
    'FilePath startswith "/etc/" and ProcUID >= 0',
    'FileEvents.MODIFY > 0 or FilePath matches "*/conf.d/*.conf" or ProcArgs contains "config"',
)
NAMES = b"file-%d.conf\0conf.d\0service\0etc\0"


def _process(prefix: str, number: int) -> dict[str, Any]:
    values = {
        "start_ns": number, "parent_start_ns": number // 4, "tgid": 1000 + number,
        "tid": 1000 + number, "ppid": 1000 + number // 4, "comm": b"worker-%d" % number,
        "cgroup_id": 1, "mnt_ns": 2, "net_ns": 4,
    }  # fmt: skip
    return {f"{prefix}__{name}": value for name, value in values.items()}


def process_batch() -> bytes:
    """Return an exec of each process."""
    exe, args = b"worker\0bin\0usr\0", b"worker\0--config\0/etc/service/worker.conf\0"
    return b"".join(
        record("PROC", exe + args, exe_len=len(exe), args_len=len(args), source=1,
               pid_ns=3, **_process("proc", number))
        for number in range(PROCESSES)
    )  # fmt: skip


def file_batch() -> bytes:
    """Return records of files that were opened, read and closed."""
    pieces = []
    for number in range(RECORDS):
        path, stamp = NAMES % number, 1_700_000_000 + number % FILES
        pieces.append(record(
            "FILE", path, path_len=len(path), hdr__ts_ns=10 * SECOND + number * 1001,
            key__ino=number, key__tgid=1000 + number % PROCESSES, key__dev=(254 << 20),
            agg__first_ns=9 * SECOND + number, agg__last_ns=10 * SECOND + number,
            agg__size_first=41, agg__mtime_first_s=stamp, agg__inode__size=41,
            agg__inode__atime_s=stamp + 7, agg__inode__mtime_s=stamp, agg__inode__ctime_s=stamp,
            agg__inode__mode=0o100644, agg__inode__nlink=1,
            agg__counts=(0, 1, 0, number % 9, *([0] * 3), 1, *([0] * 3)),
            **_process("agg__proc", number % PROCESSES),
        ))  # fmt: skip
    return b"".join(pieces)


def socket_batch() -> bytes:
    """Return final records of TCP connections with payload both ways."""
    pieces = []
    for number in range(RECORDS):
        members: dict[str, Any] = {}
        for way in ("tx", "rx"):
            values: dict[str, Any] = {
                "first_ns": 9 * SECOND, "last_ns": 9 * SECOND + number, "bytes": 100 + number,
                "ttl_sum": 64 * 9, "packets": 10, "packets_seen": 9, "data_packets": 4,
                "ifindex": 1, "flag_bits": bytes([2, 16, 24, 17, *([0] * 8)]),
                "flag_counts": (1, 4, 3 + number % 50, 1, *([0] * 8)),
            }  # fmt: skip
            members |= {f"sock__{way}__{name}": value for name, value in values.items()}
        info = {"bytes_sent": 90 + number, "bytes_received": 101 + number, "segs_out": 10,
                "bytes_acked": 92 + number, "srtt_us": 3605, "rto_jiffies": 51}  # fmt: skip
        members |= {f"sock__tcp__{name}": value for name, value in info.items()}
        pieces.append(record(
            "SOCK", hdr__ts_ns=10 * SECOND + number, key__cookie=number,
            sock__first_ns=9 * SECOND, sock__last_ns=10 * SECOND, sock__protocol=6,
            sock__local_addr=bytes([127, 0, 0, 1, *([0] * 12)]), sock__family=2, sock__state=7,
            sock__remote_addr=bytes([10, 0, number >> 8, number & 255, *([0] * 12)]),
            sock__local_port=number, sock__remote_port=443, sock__role=1, sock__flags=1,
            **members, **_process("sock__proc", number % PROCESSES),
        ))  # fmt: skip
    return b"".join(pieces)


def _stages() -> tuple[Decoder, Aggregator, Enrichment, Builder]:
    idle = 15 * SECOND
    decoder = Decoder()
    enrichment = Enrichment(live_enrichers())
    enrichment.refresh(0)
    aggregator = Aggregator(FileAggregator(idle), SocketAggregator(idle))
    enrichment.feed(aggregator.feed(decoder.decode(process_batch())))
    facts = HostFacts(host_name="bench", host_ip="127.0.0.1", system="Linux", version="kflowd-v0")
    builder = Builder()
    builder.begin(Session(0, 1_700_000_000 * SECOND, 250, msgspec.json.encode(facts)))
    return decoder, aggregator, enrichment, builder


def microseconds(stage: Callable[[], Any], records: int) -> float:
    """Return the CPU time of the fastest round, for one record."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        stage()
        best = min(best, time.process_time_ns() - start)
    return best / 1000 / records


def measure_batch(batch: bytes, form: str) -> dict[str, float]:
    """Return microseconds of CPU per record by stage for one batch, and what records take.

    Args:
        batch: Records of one kind; recorded ring data will do.
        form: One of FORMATS.
    """
    decoder, aggregator, enrichment, builder = _stages()
    text = FORMATS[form]()
    values = decoder.decode(batch)
    complete = aggregator.feed(values)
    named: list[Any] = enrichment.feed(complete)
    made = [builder.record(value) for value in named]
    texts = [text(each) for each in made]
    count = len(made)

    def whole() -> None:
        for value in enrichment.feed(aggregator.feed(decoder.decode(batch))):
            text(builder.record(value))  # type: ignore[arg-type] # aggregates only

    size = sum(map(len, texts)) / count
    return {
        "decode": microseconds(lambda: decoder.decode(batch), count),
        "aggregate": microseconds(lambda: aggregator.feed(values), count),
        "enrich": microseconds(lambda: enrichment.feed(complete), count),
        "build": microseconds(lambda: [builder.record(value) for value in named], count),
        "encode": microseconds(lambda: [text(each) for each in made], count),
        "whole": microseconds(whole, count),
        "bytes": size,
        "in queue": QueueSettings().bytes / (size + OVERHEAD_BYTES),
    }


def measure() -> Mapping[str, dict[str, float]]:
    """Return what `measure_batch` says by "kind, form"."""
    batches = {"file": file_batch(), "socket": socket_batch()}
    return {
        f"{kind}, {form}": measure_batch(batch, form)
        for kind, batch in batches.items()
        for form in FORMATS
    }


def where_costs() -> str:
    """Return what expressions of an output cost, in microseconds of CPU per record."""
    decoder, aggregator, enrichment, builder = _stages()
    values: list[Any] = enrichment.feed(aggregator.feed(decoder.decode(file_batch())))
    made = [builder.record(value) for value in values]
    lines = ["us CPU per file record for `where` of an output"]
    for text in EXPRESSIONS:
        holds = make_where(parse_where(text))
        cost = microseconds(lambda holds=holds: list(map(holds, made)), len(made))  # type: ignore[misc]
        lines.append(f"{cost:7.2f}  {text}")
    return "\n".join(lines)


def table() -> str:
    """Return the measurement as a table in microseconds of CPU per record."""
    rows = measure()
    columns = list(next(iter(rows.values())))
    lines = [f"{'us CPU per record':20}" + "".join(f"{name:>11}" for name in columns)]
    lines += [
        f"{title:20}" + "".join(f"{row[name]:11.1f}" for name in columns)
        for title, row in rows.items()
    ]
    return "\n".join(lines)
