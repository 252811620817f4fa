# SPDX-License-Identifier: Apache-2.0
"""One agent that sees all workloads, for test_one_run.py: what a slow machine can afford."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.host import (
    connections,
    directories,
    fragments,
    lives,
    mapped_files,
    operations,
    renames,
    unix_sockets,
    unopened,
    workloads,
)
from tests.host.agent import SEPARATOR, Agent, Record, Result, parse
from tests.host.blocked import blocked
from tests.host.cases import CASES, SHARING, folder_of
from tests.host.lives import Lived
from tests.host.older import Older
from tests.host.operations import end_forked, forked, start_forked
from tests.host.workloads import Done

Files = dict[str, os.stat_result]

ATTACH_MODE = os.environ.get("KFLOWD_TEST_ATTACH_MODE", "")
DROPS, DROP_BYTES = 23, 1999
# less than the idle time, after which a record would come without the hook that is to be proven
SOON = 10.0
IDLE = "600"  # longer than a slow machine takes: nothing is cut in two because nobody used it


class Run(NamedTuple):
    """What one agent saw of all workloads.

    Attributes:
        result: What the agent left.
        base: The folder of the run.
        folders: Of the cases.
        before: What was in the folders of the cases before their workloads, by path.
        after: And after all of them.
        done: Pid and facts of each workload.
        lived: Processes, and what their parent knows of their ends.
        early: By name, whether a record came while the agent ran and not at its end only.
    """

    result: Result
    base: Path
    folders: dict[str, Path]
    before: dict[str, Files]
    after: dict[str, Files]
    done: dict[str, Done]
    lived: dict[str, Lived]
    early: dict[str, bool]


def seen_soon(agent: Agent, matches: Callable[[Record], bool]) -> bool:
    """Say whether a record comes soon, while the agent runs."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        output = os.pread(agent._stdout.fileno(), 1 << 24, 0)
        whole = output[: output.rfind(SEPARATOR) + len(SEPARATOR)] if SEPARATOR in output else b""
        if any(matches(record) for record in parse(whole)):
            return True
        time.sleep(0.3)
    return False


def udp_echo() -> Done:
    """Be the peers of udp_peers: one reads 3 datagrams, one 5, and each answers once."""
    channels = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for channel in channels:
        channel.bind(("127.0.0.1", 0))
    ports = [channel.getsockname()[1] for channel in channels]
    child, facts = start_forked(workloads.udp_peers, *ports)
    for channel, count in zip(channels, (3, 5), strict=True):
        channel.settimeout(60)
        for _ in range(count):
            _, sender = channel.recvfrom(4096)
        channel.sendto(b"r" * 29, sender)
    done = end_forked(child, facts)
    for channel in channels:
        channel.close()
    return Done(done.pid, done.facts | {"peers": ports})


def drop_datagrams(agent: Agent) -> tuple[Done, bool]:
    """Send more than a socket of ours holds; count what was kept, close, wait for its record."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel.bind(("127.0.0.1", 0))
        port = channel.getsockname()[1]
        sender = forked(operations.flood, port, DROPS, DROP_BYTES)
        kept = 0
        with suppress(BlockingIOError):
            while channel.recv(4096, socket.MSG_DONTWAIT):
                kept += 1
    early = seen_soon(
        agent, lambda it: it.get("SockLocalPort") == port and it.get("ProcPID") == os.getpid()
    )
    return Done(os.getpid(), {"port": port, "kept": kept, "sender": sender.pid}), early


def talk_to_ourselves(agent: Agent, path: Path) -> tuple[Done, bool]:
    """Send over a UNIX socket from this process to itself, close it, wait for its record."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(str(path))
        sender.sendto(b"x" * 37, str(path))
        receiver.recv(64)
    early = seen_soon(agent, lambda it: it.get("SockAddress") == str(path))
    return Done(os.getpid(), {"path": str(path)}), early


def files_of(folders: dict[str, Path]) -> dict[str, Files]:
    """Return what is in folders, by their names and by path below them."""
    return {
        name: {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*")}
        for name, folder in folders.items()
    }


def run_all(base: Path) -> Run:
    """Run every workload once under one agent, beside threads that wait for ever."""
    folders = {case.name: folder_of(case, base) for case in CASES}
    prepared = {case.name: case.arguments(folders[case.name]) for case in CASES}
    renamed = {name: renames.prepare(place / name) for name, place in rename_places(base).items()}
    stays_out = directories.prepare(base / "directories")
    layers = mapped_files.prepare_overlay(base / "overlaid")
    before = files_of(folders)
    done: dict[str, Done] = {}
    early: dict[str, bool] = {}
    elsewhere = connections.Elsewhere.make()  # first: it outlives the connections of the other
    older = Older.make()
    with Agent("-t", IDLE, "-m", "file,socket,process") as agent:
        with blocked(base / "blocked"):
            for case in CASES:
                done[case.name] = forked(case.workload, *prepared[case.name])
            done["overlaid"] = forked(mapped_files.on_overlay, layers)
            done["memfds"] = forked(mapped_files.memfds, f"kf-{os.getpid()}")
            done["tmpfiles"] = forked(unopened.tmpfiles, _made(base / "tmpfiles"))
            for name, folder in renamed.items():
                done[name] = forked(renames.renames, folder)
            done["directories"] = forked(directories.directories, stays_out)
            (base / "mine").write_bytes(b"m")
            done["older"] = older.end()
            _sockets(done, base)
            elsewhere.use()
            lived = lives.run(base)
            done["drops"], early["socket.close"] = drop_datagrams(agent)
            done["self"], early["unix.close"] = talk_to_ourselves(agent, base / "self")
            # by path alone: no close ends it, but the end of its process
            gone = str(folders["attributes"])
            early["process.exit"] = seen_soon(agent, lambda it: it.get("FilePath", "")[:-1] == gone)
        result = agent.stop()
    done["elsewhere"] = elsewhere.end()
    after = files_of(folders)
    for folder in (*folders.values(), *renamed.values()):
        if base not in folder.parents:
            shutil.rmtree(folder)
    return Run(result, base, folders, before, after, done, lived, early)


def rename_places(base: Path) -> dict[str, Path]:
    """Return where files are renamed, on which file systems, by the names of the folders there."""
    shared = Path("/dev/shm")
    name = f"kflowd-renames-{os.getpid()}"
    return {"renames": base, "renames-sharing": base / SHARING, name: shared}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def destinations(base: Path) -> tuple[bytes, ...]:
    """Return sun_path of a path, twice, of the longest path without a NUL, of an abstract name."""
    path = os.fsencode(base / "cut")
    return (
        path + b"\0behind the NUL",
        path + b"\0and something else",
        os.fsencode(base / "whole").ljust(108, b"w"),
        b"\0" + os.fsencode(f"{base.name}-{os.getpid()}") + b"\0abstract",
    )


def _sockets(done: dict[str, Done], base: Path) -> None:
    """Run the workloads for sockets."""
    for name, arguments in {
        "inet": ("inet",),
        "inet6": ("inet6",),
        "dual": ("dual",),
        "reset": ("inet", "reset"),
    }.items():
        done[name] = forked(workloads.tcp_exchange, *arguments)
    for workload in connections.DROPPING:
        done[workload.__name__] = forked(workload)
    for name, (protocol, when) in connections.MPTCP.items():
        done[name] = forked(connections.mptcp, protocol, when)
    done["refused"] = forked(workloads.tcp_refused)
    done["accept"] = forked(operations.accept_in_child, "211")
    done["udp"] = udp_echo()
    for family in fragments.ADDRESSES:
        done[f"fragments-{family}"] = forked(fragments.udp_fragments, family)
    done["stream"] = forked(workloads.unix_stream, base / "stream")
    done["datagram"] = forked(workloads.unix_datagram, base / "datagram")
    done["destinations"] = forked(operations.unix_destinations, *map(bytes.hex, destinations(base)))
    done["seqpacket"] = forked(operations.unix_seqpacket)
    done["batch"] = forked(operations.unix_batch)
    done["many"] = forked(unix_sockets.many_destinations, base / "many")
    done["replaced"] = forked(unix_sockets.replaced_descriptor)
