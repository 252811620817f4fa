# SPDX-License-Identifier: Apache-2.0
"""User space by stage: runs the agent with a clock around each stage. Runs in the machine.

`python3 -m tests.cost.stages OUTPUT OPTIONS...` is `python3 -m kflowd OPTIONS...`, which on each
SIGWINCH appends what the stages have cost so far to OUTPUT, as a line of JSON.

This module is all that knows the inside of kflowd, and STAGES is all of this module that does: when
the pipeline is rebuilt, the names there follow. It imports nothing of kflowd, so that the same file
measures older and newer trees: of a stage's places those that exist are taken.
"""

import functools
import importlib
import inspect
import json
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from types import FrameType
from typing import Any, NamedTuple

# Stage -> where its callables are: "module:Class.method", "module:TABLE.key" for an entry of a
# dict, or "module:function", in the module that calls it if that has imported it by name. All that
# exist get the clock, before the stages are made; what one calls of another counts for the other.
# Several places of one stage may call each other, and a place that a tree lacks does no harm: so an
# older tree keeps its line while a newer one gets its own.
STAGES: dict[str, tuple[str, ...]] = {
    "drain": ("kflowd.bpf.source:Source.drain",),
    "decode": ("kflowd.records:Decoder.decode", "kflowd.records:Decoder.pieces"),
    "health": ("kflowd.health:Health.count",),
    "aggregate": ("kflowd.aggregate:Aggregator.feed",),
    "enrich": ("kflowd.enrich:Enricher.feed", "kflowd.enrich:Enrichment.feed"),
    "build": ("kflowd.serialize:Serializer.record", "kflowd.serialize:Builder.record"),
    "format": (
        "kflowd.serialize:FORMATS.json-min",
        "kflowd.delivery.formats.json:JsonFormat.__call__",
    ),
    "write": (
        "kflowd.sinks.stdout:StdoutSink.write",
        "kflowd.delivery.output:Output.put",
        "kflowd.delivery.sinks.stdout:StdoutSink.write",
    ),
}
# What is in no stage: the loop, the joints, the sweep.
REST = "rest"
CALIBRATION = 20_000


class Overhead(NamedTuple):
    """What the clock itself costs for each call: within what it measures, and around it."""

    inside: float = 0
    outside: float = 0


class Clock:
    """Sums up, by stage, CPU time and calls, of all threads.

    The CPU time of the thread, not the time of day: a thread that waits for its turn costs nothing.

    Attributes:
        totals: Stage to [nanoseconds, calls].
        overhead: Taken off, for each call.
    """

    def __init__(self, overhead: Overhead = Overhead()) -> None:  # noqa: B008 - it is immutable
        self.totals: dict[str, list[float]] = {}
        self.overhead = overhead
        self._lock = threading.Lock()
        self._threads = threading.local()

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with the clock around it. A generator is run to its end inside."""
        now, threads, lock = time.thread_time_ns, self._threads, self._lock
        inside, outside = self.overhead
        total = self.totals.setdefault(stage, [0, 0])

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            stack = threads.__dict__.setdefault("stack", [])
            stack.append(0)
            began = now()
            try:
                result = function(*arguments, **named)
                return iter(list(result)) if isinstance(result, Iterator) else result
            finally:
                spent = now() - began
                own = spent - stack.pop() - inside
                if stack:
                    stack[-1] += spent + outside
                with lock:
                    total[0] += own
                    total[1] += 1

        return timed

    def snapshot(self) -> dict[str, float]:
        """Return nanoseconds by stage so far, and what of the process is in none of them."""
        stages = {stage: total[0] for stage, total in self.totals.items()}
        calls = sum(total[1] for total in self.totals.values())
        ours = calls * sum(self.overhead)
        return {**stages, REST: time.process_time_ns() - sum(stages.values()) - ours}


def calibrated() -> Overhead:
    """Return what the clock costs, found with a function that does nothing."""
    clock = Clock()
    inner = clock.around("inner", _nothing)

    def loop(function: Callable[[], None]) -> int:
        began = time.thread_time_ns()
        for _ in range(CALIBRATION):
            function()
        return time.thread_time_ns() - began

    loop(inner)  # a first time, for what Python adapts to in use
    clock.totals["inner"][0] = 0
    plain, clocked = loop(_nothing), loop(inner)
    inside = clock.totals["inner"][0] / CALIBRATION
    return Overhead(inside, (clocked - plain) / CALIBRATION - inside)


def _nothing() -> None:
    return


def install(clock: Clock, stages: dict[str, tuple[str, ...]]) -> list[str]:
    """Put the clock around the callables of all stages; return the stages that were not found."""
    missing = []
    for stage, places in stages.items():
        found = [place for place in places if _install(clock, stage, place)]
        if not found:
            missing.append(stage)
    return missing


def _install(clock: Clock, stage: str, place: str) -> bool:
    module, _, path = place.partition(":")
    *outer, last = path.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for name in outer:
            owner = getattr(owner, name)
        if isinstance(owner, MutableMapping):
            owner[last] = clock.around(stage, owner[last])
        else:
            timed: Any = clock.around(stage, getattr(owner, last))
            bound = isinstance(inspect.getattr_static(owner, last), staticmethod | classmethod)
            setattr(owner, last, staticmethod(timed) if bound else timed)
    except (ImportError, AttributeError, KeyError, TypeError):
        return False
    return True


def main() -> None:
    """Run kflowd with the clock."""
    output, *options = sys.argv[1:]
    clock = Clock(calibrated())
    for stage in install(clock, STAGES):
        print(f"no callable of the stage {stage}: see STAGES of stages.py", file=sys.stderr)

    def report(_number: int, _frame: FrameType | None) -> None:
        line = json.dumps(clock.snapshot()) + "\n"
        with open(output, "a") as file:
            file.write(line)

    signal.signal(signal.SIGWINCH, report)
    sys.argv = ["kflowd", *options]
    runpy.run_module("kflowd", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
