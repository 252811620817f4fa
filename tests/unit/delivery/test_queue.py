# SPDX-License-Identifier: Apache-2.0
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.queue import OVERHEAD_BYTES, SAME_AGE_NS, Counts, Queue, Reason, Waiting

TEXT = b"x" * (100 - OVERHEAD_BYTES)  # 100 bytes each in the queue
BIG = 1 << 20


def texts(number: int) -> list[bytes]:
    return [TEXT] * number


class Woken:
    """A queue, and how often it woke who empties it."""

    def __init__(self, size: int = 1000) -> None:
        self.times = 0
        self.queue = Queue(size, self._wake)

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
    queue.put([b"1", b"2"])
    queue.put([b"3"])
    assert queue.front(BIG) == ([b"1", b"2", b"3"], 0)
    queue.advance(2, 0)
    assert queue.front(BIG) == ([b"3"], 0)
    assert balanced(queue)[:3] == (3, 2, 1)


def test_a_text_that_nobody_takes_is_lost_alone() -> None:
    """It makes room; without a text nothing is lost."""
    queue = Woken(size=200).queue
    queue.put(texts(2))
    queue.drop()
    queue.put([b"y"])
    assert queue.front(BIG) == ([TEXT, b"y"], 0)
    queue.advance(2, 0)
    queue.drop()
    assert lost(queue) == {"REFUSED": 1}
    queue.abandon(Reason.END)
    queue.drop()
    assert lost(queue) == {"REFUSED": 1}


def test_what_does_not_fit_is_lost() -> None:
    """The bound is one of bytes, to the text; what came first stays."""
    queue = Woken(size=1000).queue
    queue.put(texts(7))
    queue.put(texts(7))
    assert lost(queue) == {"FULL": 4}
    assert balanced(queue).queued == 10
    queue.advance(3, 0)
    queue.put(texts(5))
    assert lost(queue) == {"FULL": 6}


def test_memory_is_bounded() -> None:
    """Short texts and long ones take what the limit says, with what Python needs for them."""
    limit = 4 << 20
    for size in (1, 100, 1500, 100_000):
        tracemalloc.start()
        queue = Woken(size=limit).queue
        for _ in range(2 * limit // (size + OVERHEAD_BYTES) // 7):
            queue.put([bytes(size) for _ in range(7)])
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 0.8 * limit < taken < 1.1 * limit
        assert lost(queue)["FULL"] > 0


def test_one_text_always_finds_room_in_an_empty_queue() -> None:
    """A record that is longer than the whole queue passes, alone."""
    queue = Woken(size=10).queue
    queue.put([b"x" * 1000, b"y"])
    assert queue.front(BIG)[0] == [b"x" * 1000]
    assert lost(queue) == {"FULL": 1}


def test_a_text_that_is_partly_out_is_finished_first() -> None:
    """It leaves its place to nobody: the reader has its beginning."""
    queue = Woken().queue
    queue.put([b"begun", b"2"])
    queue.advance(0, 4)
    queue.put([b"3"])
    assert queue.front(BIG) == ([b"begun", b"2", b"3"], 4)
    queue.advance(0, 6)
    assert queue.front(BIG) == ([b"begun", b"2", b"3"], 6)
    queue.advance(2, 1)
    assert queue.front(BIG) == ([b"3"], 1)
    queue.advance(1, 0)
    assert balanced(queue)[:3] == (3, 3, 0)


def test_a_chunk_is_as_long_as_asked_for() -> None:
    """At least one text, and no more once there are enough bytes."""
    queue = Woken().queue
    queue.put([b"12345", b"6789", b"0"])
    assert len(queue.front(1)[0]) == 1
    assert len(queue.front(5)[0]) == 1
    assert len(queue.front(6)[0]) == 2


def test_one_wake_for_who_found_nothing() -> None:
    """A put wakes once after a look that found nothing, and not for each text or put."""
    woken = Woken()
    woken.queue.put(texts(1))
    assert woken.times == 0
    woken.queue.advance(1, 0)
    assert woken.queue.front(BIG)[0] == []
    woken.queue.put(texts(2))
    woken.queue.put(texts(2))
    assert woken.times == 1


def test_while_refused_all_losses_are_for_that() -> None:
    """A full disk is why there is no room; not so that nobody reads."""
    queue = Woken(size=200).queue
    queue.refusing = True
    queue.put(texts(5))
    assert lost(queue) == {"REFUSED": 3}
    queue.abandon(Reason.GONE)
    queue.put(texts(1))
    assert lost(queue) == {"REFUSED": 3, "GONE": 3}


@pytest.mark.parametrize("reason", [Reason.END, Reason.GONE])
def test_abandoned_is_lost(reason: Reason) -> None:
    """What is queued and what comes later, and what comes out of the sink after that is nothing."""
    queue = Woken().queue
    queue.put(texts(5))
    queue.advance(1, 3)
    queue.abandon(reason)
    queue.advance(1, 0)
    queue.put(texts(2), notices=[0])
    queue.abandon(Reason.END)
    assert lost(queue) == {reason.name: 6}
    assert queue.front(BIG) == ([], 0)


def test_the_newest_notice_waits_for_room() -> None:
    """After a stall the reader learns what is missing, where it is missing."""
    queue = Woken(size=300).queue
    queue.put(texts(3))
    queue.put([b"a", b"notice 1", b"b", b"notice 2", b"c"], notices=[1, 3])
    assert lost(queue) == {"FULL": 4}
    queue.put([b"notice 3"], notices=[0])
    assert balanced(queue).replaced == 2
    assert lost(queue) == {"FULL": 5}
    queue.put([b"smaller"])
    queue.advance(1, 0)
    queue.put([b"later"])
    assert queue.front(BIG)[0] == [TEXT, TEXT, b"notice 3"]
    queue.advance(2, 0)
    queue.put([b"later"])
    assert queue.front(BIG)[0] == [b"notice 3", b"later"]
    assert balanced(queue)[:3] == (12, 3, 2)


def test_a_notice_that_fits_is_a_text() -> None:
    """It replaces nothing."""
    queue = Woken().queue
    queue.put([b"1", b"notice"], notices=[1])
    queue.put([b"notice"], notices=[0])
    assert queue.front(BIG)[0] == [b"1", b"notice", b"notice"]
    assert balanced(queue).replaced == 0


def test_put_all_waits_for_room() -> None:
    """Nothing is lost; who fills goes on when there is room."""
    queue = Woken(size=300).queue
    filler = threading.Thread(target=queue.put_all, args=([b"%d" % n for n in range(101)],))
    filler.start()
    found: list[bytes] = []
    while len(found) < 101:
        here, _ = queue.front(1)
        found += here
        queue.advance(len(here), 0)
    filler.join()
    assert found == [b"%d" % n for n in range(101)]
    assert balanced(queue)[:3] == (101, 101, 0)


def test_put_all_ends_when_the_sink_does() -> None:
    """Who waits for room does not wait for a sink that is gone."""
    queue = Woken(size=300).queue
    filler = threading.Thread(target=queue.put_all, args=(texts(101),))
    filler.start()
    while balanced_waiting(queue) < 3:
        time.sleep(0.001)
    queue.abandon(Reason.GONE)
    filler.join()
    queue.put_all(texts(2))
    assert lost(queue) == {"GONE": 103}


def balanced_waiting(queue: Queue) -> int:
    """Return how many texts are queued while one more put is under way."""
    return queue.counts().queued


STEPS = st.lists(
    st.one_of(
        st.lists(st.integers(0, 300), max_size=9),  # put
        st.integers(0, 9),  # advance
    ),
    max_size=40,
)


@given(steps=STEPS, sizes=st.integers(1, 2000), last=st.booleans())
def test_counts_add_up_and_bounds_hold(
    steps: list[list[int] | int], sizes: int, last: bool
) -> None:
    """Whatever happens: put = written + queued + lost, and no more bytes than the limit."""
    queue, serial = Queue(sizes, lambda: None), 0
    seen: list[bytes] = []
    for value in steps:
        if isinstance(value, list):
            batch = [b"%06d" % (serial + n) + b"x" * size for n, size in enumerate(value)]
            serial += len(batch)
            queue.put(batch, notices=[n for n, size in enumerate(value) if size % 3 == 0])
        else:
            here, offset = queue.front(BIG)
            whole = min(value, len(here))
            part = 1 if whole < len(here) and value % 2 and (whole or offset < 2) else 0
            part = max(part, offset) if not whole else part
            seen += here[:whole]
            queue.advance(whole, part)
        counts = balanced(queue)
        assert counts.written == len(seen)
        here, _ = queue.front(BIG)
        held = sum(len(text) + OVERHEAD_BYTES for text in here)
        assert held <= sizes or len(here) == 1
    assert seen == sorted(seen)
    if last:
        queue.abandon(Reason.END)
        assert balanced(queue).queued == 0


def test_what_has_waited_too_long_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found with what is put and what is taken next; a text that is partly out stays."""
    now = [10 * SAME_AGE_NS]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    queue = Queue(1 << 20, lambda: None, age_ns=5 * SAME_AGE_NS)
    queue.put([b"1", b"2"])
    now[0] = 13 * SAME_AGE_NS
    queue.put([b"3"])
    assert queue.front(100)[0] == [b"1", b"2", b"3"]
    queue.advance(0, 1)
    now[0] = 16 * SAME_AGE_NS
    assert queue.front(100) == ([b"1", b"3"], 1)
    now[0] = 19 * SAME_AGE_NS
    queue.put([b"4"])
    assert queue.front(100) == ([b"1", b"4"], 1)
    queue.advance(2, 0)
    counts = queue.counts()
    assert (counts.put, counts.written, counts.queued) == (4, 2, 0)
    assert counts.lost[Reason.LATE] == sum(counts.lost.values()) == 2
    now[0] = 99 * SAME_AGE_NS
    assert queue.front(100) == ([], 0)


def test_a_notice_waits_no_longer_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost makes room for it; from then on it has its time."""
    now = [10 * SAME_AGE_NS]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    queue = Queue(1, lambda: None, age_ns=5 * SAME_AGE_NS)
    queue.put([b"a", b"notice"], [1])
    now[0] = 16 * SAME_AGE_NS
    assert queue.front(100)[0] == [b"notice"]
    now[0] = 22 * SAME_AGE_NS
    assert queue.front(100)[0] == []
    assert queue.counts().lost[Reason.LATE] == 2


def test_what_a_sink_has_in_its_hands_does_not_get_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what is written afterwards would be another text than the one that is counted."""
    now = 100 * SAME_AGE_NS
    monkeypatch.setattr(time, "monotonic_ns", lambda: now)
    queue = Queue(1 << 20, lambda: None, age_ns=5 * SAME_AGE_NS)
    queue.put([b"1", b"2"])
    assert queue.front(BIG) == ([b"1", b"2"], 0)
    now = 200 * SAME_AGE_NS
    queue.put([b"3"])
    queue.advance(1, 0)
    assert queue.counts().lost[Reason.LATE] == 0
    # one that was begun is under way; nobody has the others
    queue.hold(0)
    queue.put([b"4"])
    counts = balanced(queue)
    assert (counts.written, counts.lost[Reason.LATE], counts.queued) == (1, 1, 2)
    now = 300 * SAME_AGE_NS
    assert queue.front(BIG, held=2) == ([b"3", b"4"], 0)
    queue.advance(2, 0)
    assert balanced(queue).written == 3


def test_some_texts_are_refused_together() -> None:
    """And counted each."""
    queue = Queue(1 << 20, lambda: None)
    queue.put([b"1", b"2", b"3"])
    queue.front(BIG)
    queue.drop(2)
    assert balanced(queue).lost[Reason.REFUSED] == 2
    assert queue.front(BIG) == ([b"3"], 0)


def test_what_waits_has_a_size_and_an_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """The age is that of the oldest, also of one that is partly out."""
    now = [10 * SAME_AGE_NS]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    queue = Queue(1000, lambda: None)
    assert queue.waiting() == Waiting(0, 1000, 0)
    queue.put(texts(1))
    now[0] += SAME_AGE_NS - 1
    queue.put(texts(1))
    now[0] += 9 * SAME_AGE_NS
    queue.put(texts(1))
    assert queue.waiting() == Waiting(300, 1000, 10 * SAME_AGE_NS - 1)
    queue.advance(1, 3)
    assert queue.waiting() == Waiting(200, 1000, 10 * SAME_AGE_NS - 1)
    queue.advance(1, 0)
    assert queue.waiting() == Waiting(100, 1000, 0)
    queue.abandon(Reason.END)
    assert queue.waiting() == Waiting(0, 1000, 0)
