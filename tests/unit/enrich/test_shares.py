# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich.shares import Shares


def test_entries_of_a_user_that_were_used_last_stay() -> None:
    """One that is told again is no other one."""
    known: Shares[dict[int, str]] = Shares(3)
    for number in (13, 20, 21, 13):
        known.put(number, 1000, {4: str(number)})
    known.use(20)
    known.put(22, 1000, {})
    assert [known.look(number) for number in (13, 20, 21, 22)] == [{4: "13"}, {4: "20"}, None, {}]


def test_who_makes_entries_in_a_loop_forgets_his_own() -> None:
    """Nobody's push out those of who has fewer."""
    known: Shares[dict[int, str]] = Shares(5)
    known.put(7, 1000, {1: "mine"})
    known.put(8, 1001, {1: "other"})
    for number in range(30, 60):
        known.put(number, 1002, {})
        known.use(number)
    assert (known.look(7), known.look(8)) == ({1: "mine"}, {1: "other"})
    assert [number for number in range(30, 60) if known.use(number) is not None] == [57, 58, 59]
