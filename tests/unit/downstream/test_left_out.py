# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable

from kflowd.downstream.left_out import LeftOut


def test_plugins_and_the_consumer_are_left_out_together() -> None:
    """Whichever of them is another one; plugins come first."""
    told: list[list[tuple[int, int]]] = []

    def leave_out(found: Iterable[tuple[int, int]]) -> None:
        told.append(list(found))

    it = LeftOut(leave_out)
    it.consumer([(7, 1)])
    it.plugins(iter([(8, 2), (9, 3)]))
    it.consumer([])
    assert told == [[(7, 1)], [(8, 2), (9, 3), (7, 1)], [(8, 2), (9, 3)]]
