# SPDX-License-Identifier: Apache-2.0
"""Metrics as lines of Graphite's plaintext protocol: name, value, time."""

import re
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from kflowd.metrics.families import PREFIX

# What is a level of a name as it is: carbon makes a file or directory of each (PATH_MAX, NAME_MAX).
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
MOST_LETTERS = 80


def segment(text: str) -> str:
    """Return a text as one level of a name, whatever is in it; never empty."""
    return _OTHERS.sub("_", text).strip("_")[:MOST_LETTERS] or "_"


def lines(families: Iterable[Metric], prefix: str, now: int) -> bytes:
    """Return a line for each number, in the order of the families.

    `kflowd_output_lost_total{output="stdout",reason="full"}` is
    `PREFIX.output_lost_total.stdout.full`.

    Args:
        families: What there is; those that are a text are left out.
        prefix: Levels in front of each name, with dots between them.
        now: Seconds since 1970.
    """
    front = ".".join(map(segment, prefix.split(".")))
    found: dict[str, str] = {}
    for family in families:
        if family.type == "info":
            continue
        for sample in family.samples:
            levels = (sample.name.removeprefix(PREFIX), *sample.labels.values())
            name = _unique(".".join((front, *map(segment, levels))), found)
            found[name] = f"{name} {_number(sample.value)} {now}\n"
    return "".join(found.values()).encode("ascii")


def _unique(name: str, known: Iterable[str]) -> str:
    """Return a name that is not known: two texts can be one segment."""
    made, number = name, 1
    while made in known:
        number += 1
        made = f"{name}-{number}"
    return made


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
