# SPDX-License-Identifier: Apache-2.0
"""The difference of two lists of lines, by the algorithm of Myers (1986), with a limit to its work.

It takes (n + d) * d steps for d differences at worst. Beyond its limits what lies between the first
and the last difference is told as a whole: right, if not short.
"""

from collections.abc import Sequence
from typing import NamedTuple

# some megabytes
MAX_DIFFERENCES = 500
# half a second
MAX_STEPS = 2_000_000


class Edit(NamedTuple):
    """Lines old[begin:end] have become new[new_begin:new_end]; one of both may be none."""

    begin: int
    end: int
    new_begin: int
    new_end: int


def edits(old: Sequence[bytes], new: Sequence[bytes], most: int = MAX_DIFFERENCES) -> list[Edit]:
    """Return what makes `new` of `old`, in order.

    Args:
        old: Lines.
        new: Lines.
        most: How many lines may differ for the shortest answer.
    """
    ahead = 0
    shorter = min(len(old), len(new))
    while ahead < shorter and old[ahead] == new[ahead]:
        ahead += 1
    behind = 0
    while behind < shorter - ahead and old[-1 - behind] == new[-1 - behind]:
        behind += 1
    before, after = old[ahead : len(old) - behind], new[ahead : len(new) - behind]
    if not before and not after:
        return []
    found = _middle(before, after, most) if before and after else None
    if found is None:
        found = [Edit(0, len(before), 0, len(after))]
    return [Edit(*(it + ahead for it in each)) for each in found]


def _middle(old: Sequence[bytes], new: Sequence[bytes], most: int) -> list[Edit] | None:
    """Return the shortest edits, None if more than `most` lines differ."""
    if abs(len(old) - len(new)) > most:
        return None
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    steps = 0
    for differences in range(most + 1):
        trace.append(dict(furthest))
        for diagonal in range(-differences, differences + 1, 2):
            down = diagonal == -differences or (
                diagonal != differences and furthest[diagonal - 1] < furthest[diagonal + 1]
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            steps -= x
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            steps += x + 1
            if steps > MAX_STEPS:
                return None
            if x >= len(old) and y >= len(new):
                return _back(trace, len(old), len(new))
    return None


def _back(trace: list[dict[int, int]], x: int, y: int) -> list[Edit]:
    """Return the edits of a way that has been found, by its last point."""
    found: list[Edit] = []
    for differences in range(len(trace) - 1, 0, -1):
        furthest = trace[differences]
        diagonal = x - y
        down = diagonal == -differences or (
            diagonal != differences and furthest[diagonal - 1] < furthest[diagonal + 1]
        )
        from_diagonal = diagonal + 1 if down else diagonal - 1
        from_x = furthest[from_diagonal]
        from_y = from_x - from_diagonal
        to_x, to_y = (from_x, from_y + 1) if down else (from_x + 1, from_y)
        if found and found[-1].begin == to_x and found[-1].new_begin == to_y:
            last = found.pop()
            found.append(Edit(from_x, last.end, from_y, last.new_end))
        else:
            found.append(Edit(from_x, to_x, from_y, to_y))
        x, y = from_x, from_y
    return found[::-1]
