# SPDX-License-Identifier: Apache-2.0
"""Names and numbers: what a run has found, what is stored, and what has grown. Pure.

A figure's name is its attach mode and a path: `fentry.file.all_in`, `fentry.file.stage.decode`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

MODES = ("fentry", "kprobe", "tracepoint")
WORKLOADS = {
    "file": "open, 10 writes, close, unlink",
    "tcp": "TCP connection, 100 bytes each way",
    "bulk": "TCP, 1 MiB by 64 KiB",
    "udp": "UDP datagram",
    "exec": "fork, exec and read",
    "read": "open, read, close",
}
# Of which each operation makes records, so that fewer of them mean a loss.
REPORTED = ("file", "tcp", "exec", "read")
RECORD_KINDS = {"file": "file record", "tcp": "socket record"}
STAGES = ("drain", "decode", "health", "aggregate", "enrich", "build", "format", "write", "rest")
MEMORY = {"rss": "resident after the workloads", "maps": "BPF maps", "programs": "BPF programs"}
# More than that is a failure. What repeats within less is worth a limit: see docs/cost.md.
GROWTH = 0.05
# Growth by less than this is none, in instructions or bytes: small stages and what the agent keeps
# of its largest batch differ by that from run to run.
SLACK = {".stage.": 500.0, ".memory.rss": 4.0 * 2**20}
# Says something, and differs from run to run: the loop's share depends on how many batches the
# records come in, the segments of a transfer on how its two processes take turns.
NOT_KEPT = ("stage.rest", "bulk.bpf")

Figures = dict[str, float]


class Verdict(NamedTuple):
    """What a comparison says.

    Attributes:
        failures: A line for each figure that has grown too much or is missing.
        news: A line for each that shrank as much, or that nothing is stored for.
    """

    failures: list[str]
    news: list[str]


def of_mode(mode: str, base: Mapping[str, Any], run: Mapping[str, Any]) -> Figures:
    """Return the figures of an attach mode.

    Args:
        mode: Its name.
        base: What the guest wrote about the workloads alone.
        run: What it wrote beside the agent.
    """
    found: Figures = {}
    for kind, work in run["work"].items():
        alone = base["work"][kind]["ns"] / base["work"][kind]["n"]
        # of the time of the workload, without the agent's turns on the one processor
        kernel = (work["ns"] - work["agent_ns"]) / work["n"]
        net = work["cpu"] - run["idle"] * work["seconds"]
        found[f"{kind}.all_in"] = (kernel + net / (work["n"] + work["warm"])) / alone
        found[f"{kind}.kernel"] = kernel / alone
        if kind in REPORTED:
            found[f"{kind}.records"] = work["records"] / (work["n"] + work["warm"])
        if kind in RECORD_KINDS and work["records"]:
            found[f"{kind}.user"] = net / work["records"]
    for kind, counted in run["bpf"].items():
        total = sum(ns for ns, _ in counted["programs"].values())
        found[f"{kind}.bpf"] = total / (counted["n"] + counted["warm"])
    for kind in RECORD_KINDS:
        found |= _stages(kind, run["staged"])
    found["memory.rss"] = run["rss_end"]
    found["memory.maps"] = run["memory"]["maps"]
    found["memory.programs"] = run["memory"]["programs"]
    found["start.first_record"] = run["first_cpu"]
    return {f"{mode}.{name}": round(value, 4) for name, value in found.items()}


def _stages(kind: str, staged: Mapping[str, Any]) -> Figures:
    """Return instructions per record by stage; a stage that was never called has no figure."""
    spent, idle, records = staged[kind]["stages"], staged["idle"], staged[kind]["records"]
    return {
        f"{kind}.stage.{stage}": (value - idle.get(stage, 0)) / records
        for stage, value in spent.items()
        if records and value > 0
    }


def compare(
    stored: Mapping[str, float], found: Mapping[str, float], modes: Iterable[str]
) -> Verdict:
    """Say what has grown by more than GROWTH, is missing, has shrunk by as much, or is new.

    Args:
        stored: Figures of the repository.
        found: Those of this run.
        modes: Attach modes of this run; of others nothing can be said.
    """
    failures, news = [], []
    chosen = tuple(f"{mode}." for mode in modes)
    for name, before in stored.items():
        if not name.startswith(chosen):
            continue
        if name not in found:
            failures.append(f"{name}: missing, {number(name, before)} is stored")
        elif kept(name):
            line = _change(name, before, found[name])
            if name.endswith(".records") and grown(name, found[name], before):
                # what loses records is cheap
                failures.append(f"{line} (records are missing)")
            elif grown(name, before, found[name]):
                failures.append(f"{line} (at most {GROWTH:.0%} is allowed)")
            elif grown(name, found[name], before):
                news.append(f"{line}, an improvement")
    news += [f"{name}: {number(name, found[name])}, new" for name in found if name not in stored]
    return Verdict(failures, news)


def kept(name: str) -> bool:
    """Say whether growth of a figure is a failure."""
    return not name.endswith(NOT_KEPT)


def grown(name: str, before: float, after: float) -> bool:
    """Say whether a figure is so much larger than before that it means something."""
    slack = next((value for word, value in SLACK.items() if word in name), 0.0)
    return after - before > max(before * GROWTH, slack)


def _change(name: str, before: float, after: float) -> str:
    share = f"{after / before - 1:+.1%}" if before else "from nothing"
    return f"{name}: {number(name, before)} -> {number(name, after)}, {share}"


def number(name: str, value: float) -> str:
    """Return a figure as a person reads it: a ratio, MiB, or instructions."""
    if name.endswith((".all_in", ".kernel", ".records")):
        return f"{value:.3f}"
    if ".memory." in name:
        return f"{value / 2**20:.1f} MiB"
    if name.endswith(".first_record"):
        return f"{value / 1e9:.2f} G"
    return f"{value:,.0f}"


def updated(
    stored: Mapping[str, float], found: Mapping[str, float], modes: Sequence[str]
) -> Figures:
    """Return the stored figures with those of some attach modes replaced, in order of name."""
    chosen = tuple(f"{mode}." for mode in modes)
    others = {name: value for name, value in stored.items() if not name.startswith(chosen)}
    return dict(sorted({**others, **found}.items()))
