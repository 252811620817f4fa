# SPDX-License-Identifier: Apache-2.0
import threading

from kflowd.plugins.room import Room


def test_each_user_has_room_and_all_have() -> None:
    """To the byte; what is given back can be taken again."""
    room = Room(10, 15)
    assert [room.take(1, 6), room.take(1, 5), room.take(1, 4)] == [True, False, True]
    assert [room.take(2, 6), room.take(2, 5), room.take(3, 1)] == [False, True, False]
    room.give(1, 10)
    assert room.take(3, 10)
    room.give(3, 10)
    room.give(2, 5)
    assert (room._all, room._of_user) == (0, {})


def test_threads_lose_no_room() -> None:
    """Who takes while another gives does not bring back what was given."""
    room = Room(1 << 40, 1 << 40)

    def work() -> None:
        for _ in range(20_000):
            assert room.take(7, 3)
            room.give(7, 3)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (room._all, room._of_user) == (0, {})
