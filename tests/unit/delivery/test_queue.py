# SPDX-License-Identifier: Apache-2.0
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.queue import OVERHEAD_BYTES, Counts, Limits, Queue, Reason

TEXT = b"x" * (100 - OVERHEAD_BYTES)  # 100 bytes each in the queue
BIG = 1 << 20


def texts(number: int) -> list[bytes]:
    return [TEXT] * number


class Woken:
    """A queue, and how often it woke who empties it."""

    def __init__(self, size: int = 1000, age_ns: int | None = None) -> None:
        self.times = 0
        self.queue = Queue(Limits(size, age_ns), self._wake)

    def _wake(self) -> None:
        self.times += 1


def balanced(queue: Queue) -> Counts:
    """Return the counts, which add up."""
    counts = queue.counts()
    assert counts.put == counts.written + counts.queued + sum(counts.lost.values())
    assert counts.replaced <= sum(counts.lost.values())
    return counts


def lost(queue: Queue) -> dict[str, int]:
    return {reason.name: number for reason, number in balanced(queue).lost.items() if number}


def test_texts_come_out_in_order_and_are_counted() -> None:
    """What was put is queued, then written."""
    queue = Woken().queue
    queue.put([b"1", b"2"], 0)
    queue.put([b"3"], 0)
    assert queue.front(BIG) == ([b"1", b"2", b"3"], 0)
    queue.advance(2, 0, 0)
    assert queue.front(BIG) == ([b"3"], 0)
    assert balanced(queue)[:3] == (3, 2, 1)


def test_what_does_not_fit_is_lost() -> None:
    """The bound is one of bytes, to the text; what came first stays."""
    queue = Woken(size=1000).queue
    queue.put(texts(7), 0)
    queue.put(texts(7), 0)
    assert lost(queue) == {"FULL": 4}
    assert balanced(queue).queued == 10
    queue.advance(3, 0, 0)
    queue.put(texts(5), 0)
    assert lost(queue) == {"FULL": 6}


def test_memory_is_bounded() -> None:
    """Short texts and long ones take what the limit says, with what Python needs for them."""
    limit = 4 << 20
    for size in (1, 100, 1500, 100_000):
        tracemalloc.start()
        queue = Woken(size=limit).queue
        for _ in range(2 * limit // (size + OVERHEAD_BYTES) // 7):
            queue.put([bytes(size) for _ in range(7)], 0)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 0.8 * limit < taken < 1.1 * limit
        assert lost(queue)["FULL"] > 0


def test_one_text_always_finds_room_in_an_empty_queue() -> None:
    """A record that is longer than the whole queue passes, alone."""
    queue = Woken(size=10).queue
    queue.put([b"x" * 1000, b"y"], 0)
    assert queue.front(BIG)[0] == [b"x" * 1000]
    assert lost(queue) == {"FULL": 1}


def test_what_is_too_old_is_lost() -> None:
    """Age counts from the put; the front knows when the next one is due."""
    queue = Woken(age_ns=50).queue
    queue.put(texts(3), 100)
    queue.put(texts(2), 120)
    assert queue.expire(149) == 150
    assert lost(queue) == {}
    assert queue.expire(150) == 170
    assert lost(queue) == {"AGE": 3}
    queue.advance(1, 0, 160)
    assert queue.expire(170) is None
    assert lost(queue) == {"AGE": 4}
    assert balanced(queue)[:3] == (5, 1, 0)


def test_without_an_age_nothing_is_too_old() -> None:
    """A reader that is slow but alive loses nothing that fits."""
    queue = Woken().queue
    queue.put(texts(3), 0)
    assert queue.expire(1 << 62) is None
    assert balanced(queue).queued == 3


def test_a_text_that_is_partly_out_is_finished_first() -> None:
    """It is never too old: the reader has its beginning."""
    queue = Woken(age_ns=50).queue
    queue.put([b"begun", b"2", b"3"], 0)
    queue.advance(0, 4, 0)
    queue.put([b"4"], 40)
    queue.expire(60)
    assert queue.front(BIG) == ([b"begun", b"4"], 4)
    assert lost(queue) == {"AGE": 2}
    queue.advance(0, 6, 60)
    assert queue.front(BIG) == ([b"begun", b"4"], 6)
    queue.advance(1, 1, 60)
    assert queue.front(BIG) == ([b"4"], 1)
    queue.advance(1, 0, 60)
    assert balanced(queue)[:3] == (4, 2, 0)


def test_a_chunk_is_as_long_as_asked_for() -> None:
    """At least one text, and no more once there are enough bytes."""
    queue = Woken().queue
    queue.put([b"12345", b"6789", b"0"], 0)
    assert len(queue.front(1)[0]) == 1
    assert len(queue.front(5)[0]) == 1
    assert len(queue.front(6)[0]) == 2


def test_one_wake_for_who_found_nothing() -> None:
    """A put wakes once after a look that found nothing, and not for each text or put."""
    woken = Woken()
    woken.queue.put(texts(1), 0)
    assert woken.times == 0
    woken.queue.advance(1, 0, 0)
    assert woken.queue.front(BIG)[0] == []
    woken.queue.put(texts(2), 0)
    woken.queue.put(texts(2), 0)
    assert woken.times == 1


def test_while_refused_all_losses_are_for_that() -> None:
    """A full disk is why there is no room, and why texts get old; not so that nobody reads."""
    queue = Woken(size=200, age_ns=50).queue
    queue.refusing = True
    queue.put(texts(3), 0)
    queue.expire(50)
    assert lost(queue) == {"REFUSED": 3}
    queue.put(texts(1), 60)
    queue.abandon(Reason.GONE)
    queue.put(texts(1), 70)
    assert lost(queue) == {"REFUSED": 3, "GONE": 2}


@pytest.mark.parametrize("reason", [Reason.END, Reason.GONE])
def test_abandoned_is_lost(reason: Reason) -> None:
    """What is queued and what comes later, and what comes out of the sink after that is nothing."""
    queue = Woken().queue
    queue.put(texts(5), 0)
    queue.advance(1, 3, 0)
    queue.abandon(reason)
    queue.advance(1, 0, 0)
    queue.put(texts(2), 0, notices=[0])
    queue.abandon(Reason.END)
    assert lost(queue) == {reason.name: 6}
    assert queue.front(BIG) == ([], 0)


def test_the_newest_notice_waits_for_room() -> None:
    """After a stall the reader learns what is missing, where it is missing."""
    queue = Woken(size=300).queue
    queue.put(texts(3), 0)
    queue.put([b"a", b"notice 1", b"b", b"notice 2", b"c"], 0, notices=[1, 3])
    assert lost(queue) == {"FULL": 4}
    queue.put([b"notice 3"], 0, notices=[0])
    assert balanced(queue).replaced == 2
    assert lost(queue) == {"FULL": 5}
    queue.put([b"smaller"], 0)
    queue.advance(1, 0, 0)
    queue.put([b"later"], 0)
    assert queue.front(BIG)[0] == [TEXT, TEXT, b"notice 3"]
    queue.advance(2, 0, 0)
    queue.put([b"later"], 0)
    assert queue.front(BIG)[0] == [b"notice 3", b"later"]
    assert balanced(queue)[:3] == (12, 3, 2)


def test_a_notice_that_fits_is_a_text() -> None:
    """It replaces nothing."""
    queue = Woken().queue
    queue.put([b"1", b"notice"], 0, notices=[1])
    queue.put([b"notice"], 0, notices=[0])
    assert queue.front(BIG)[0] == [b"1", b"notice", b"notice"]
    assert balanced(queue).replaced == 0


def test_put_all_waits_for_room() -> None:
    """Nothing is lost; who fills goes on when there is room."""
    queue = Woken(size=300).queue
    filler = threading.Thread(target=queue.put_all, args=([b"%d" % n for n in range(101)], 0))
    filler.start()
    found: list[bytes] = []
    while len(found) < 101:
        here, _ = queue.front(1)
        found += here
        queue.advance(len(here), 0, 0)
    filler.join()
    assert found == [b"%d" % n for n in range(101)]
    assert balanced(queue)[:3] == (101, 101, 0)


def test_put_all_ends_when_the_sink_does() -> None:
    """Who waits for room does not wait for a sink that is gone."""
    queue = Woken(size=300).queue
    filler = threading.Thread(target=queue.put_all, args=(texts(101), 0))
    filler.start()
    while balanced_waiting(queue) < 3:
        time.sleep(0.001)
    queue.abandon(Reason.GONE)
    filler.join()
    queue.put_all(texts(2), 0)
    assert lost(queue) == {"GONE": 103}


def balanced_waiting(queue: Queue) -> int:
    """Return how many texts are queued while one more put is under way."""
    return queue.counts().queued


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.integers(0, 300), max_size=9)),
        st.tuples(st.just("advance"), st.integers(0, 9)),
        st.tuples(st.just("expire"), st.integers(0, 90)),
    ),
    max_size=40,
)


@given(steps=STEPS, sizes=st.integers(1, 2000), age=st.integers(1, 100), last=st.booleans())
def test_counts_add_up_and_bounds_hold(
    steps: list[tuple[str, list[int] | int]], sizes: int, age: int, last: bool
) -> None:
    """Whatever happens: put = written + queued + lost, and no more bytes than the limit."""
    queue, now, serial = Queue(Limits(sizes, age), lambda: None), 0, 0
    seen: list[bytes] = []
    for kind, value in steps:
        if isinstance(value, list):
            batch = [b"%06d" % (serial + n) + b"x" * size for n, size in enumerate(value)]
            serial += len(batch)
            queue.put(batch, now, notices=[n for n, size in enumerate(value) if size % 3 == 0])
        elif kind == "advance":
            here, offset = queue.front(BIG)
            whole = min(value, len(here))
            part = 1 if whole < len(here) and value % 2 and (whole or offset < 2) else 0
            part = max(part, offset) if not whole else part
            seen += here[:whole]
            queue.advance(whole, part, now)
        else:
            now += value
            queue.expire(now)
        counts = balanced(queue)
        assert counts.written == len(seen)
        here, _ = queue.front(BIG)
        held = sum(len(text) + OVERHEAD_BYTES for text in here)
        assert held <= sizes or len(here) == 1
    assert seen == sorted(seen)
    if last:
        queue.abandon(Reason.END)
        assert balanced(queue).queued == 0
