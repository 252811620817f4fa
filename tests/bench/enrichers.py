# SPDX-License-Identifier: Apache-2.0
"""What each enricher costs for one record: the stage with it and without it, and whole runs."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.socket import SocketAggregator
from kflowd.assembly import live_enrichers
from kflowd.enrich import Enricher, Enrichment
from kflowd.enrich.processes import Processes
from kflowd.model import Value
from kflowd.records import Decoder
from tests.bench.stages import file_batch, microseconds, process_batch, socket_batch
from tests.host.agent import Agent, Result
from tests.host.workloads import start

IDLE_NS = 15_000_000_000
# options that add to the work for a record, or take from it
RUNS: tuple[tuple[str, ...], ...] = (
    (),
    ("--no-nss",),
    ("--no-redact",),
    ("-v",),
    ("-c",),
    ("-m", "file,process"),
    # hidden in the kernel, and in user space
    ("--exclude", "path=/tmp"),
    ("--exclude", "path=/tmp/**"),
    ("--exclude", "user=0"),
)
# the same of connections
SOCKET_RUNS: tuple[tuple[str, ...], ...] = (
    (),
    ("--exclude", "net=127.0.0.0/8"),
    ("--exclude", "user=0"),
)
CONNECTIONS = 4001
CONNECT = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(int(sys.argv[1])):
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
        client.sendall(b"x")
        server.recv(1)
"""


def stage_costs() -> str:
    """Return a table: microseconds of CPU per record with all enrichers, and without each.

    "known" is a record of a process that had one before, "new" one whose process is met first: what
    is known of processes is filled in then.
    """
    kinds = [type(it) for it in live_enrichers(versions=True) if not isinstance(it, Processes)]
    lines = [f"{'enrich, us CPU per record':28}" + "".join(f"{it:>14}" for it in _COLUMNS)]
    for left_out in (None, *kinds):
        title = f"without {left_out.__name__}" if left_out else "all"
        costs = _costs([it for it in live_enrichers(versions=True) if type(it) is not left_out])
        lines.append(f"{title:28}" + "".join(f"{cost:14.2f}" for cost in costs))
    return "\n".join(lines)


_COLUMNS = ("file, known", "file, new", "socket, known", "socket, new")


def _costs(enrichers: Sequence[Enricher]) -> list[float]:
    decoder = Decoder()
    enrichment = Enrichment(enrichers)
    aggregator = Aggregator(FileAggregator(IDLE_NS), SocketAggregator())
    enrichment.refresh(0)
    enrichment.feed(aggregator.feed(decoder.decode(process_batch())))
    costs = []
    for batch in (file_batch(), socket_batch()):
        values = aggregator.feed(decoder.decode(batch))

        def known(values: list[Value] = values) -> None:
            enrichment.feed(values)

        def new(values: list[Value] = values) -> None:
            for value in values:
                enrichment._actors.forget()
                enrichment.feed([value])

        costs += [microseconds(known, len(values)), microseconds(new, len(values))]
    return costs


def run_costs(files: int) -> str:
    """Return the CPU of whole runs, a line for each set of options.

    Args:
        files: That are made, written and closed: they may be executed, so they have sums and
            versions where these are asked for.
    """
    lines = [_run_cost(options, files) for options in RUNS]
    return "\n".join(lines + [_socket_cost(options) for options in SOCKET_RUNS])


def _run_cost(options: tuple[str, ...], files: int) -> str:
    with TemporaryDirectory() as folder:
        monitor = () if "-m" in options else ("-m", "file")
        spent, result = _spent((*monitor, *options), lambda: start("write_many", folder, files))
    count = sum(it.get("FilePath") == f"{Path(folder).resolve()}/" for it in result.records)
    title = " ".join(options) or "no option"
    return f"live, {title}: {spent / files * 1e6:.1f} us CPU per file ({count} records)"


def _socket_cost(options: tuple[str, ...]) -> str:
    command = [sys.executable, "-c", CONNECT, str(CONNECTIONS)]
    work = partial(subprocess.run, command, check=True, timeout=300)
    spent, result = _spent(("-m", "socket", *options), work)
    count = sum(it.get("SockLocalIP") == "127.0.0.1" for it in result.records)
    title = " ".join(("-m socket", *options))
    cost = spent / CONNECTIONS * 1e6
    return f"live, {title}: {cost:.1f} us CPU per connection of two ends ({count} records)"


def _spent(options: tuple[str, ...], work: Callable[[], object]) -> tuple[float, Result]:
    """Return what the agent takes of the CPU, in seconds, for some work, and what it left."""
    with Agent(*options) as agent:
        agent.settle()
        before = agent.cpu_seconds()
        work()
        agent.settle()
        spent = agent.cpu_seconds() - before
        return spent, agent.stop()
