# SPDX-License-Identifier: Apache-2.0
import os
import select
import signal

import pytest

from kflowd.top.wake import ENDS, Wake


def is_ready(wake: Wake) -> bool:
    """Say whether a signal has come."""
    return bool(select.select([wake.fileno()], [], [], 0)[0])


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_asks_for_the_end(number: signal.Signals) -> None:
    """Each can be polled, and counts."""
    with Wake() as wake:
        assert not is_ready(wake)
        os.kill(os.getpid(), number)
        assert is_ready(wake)
        assert wake.asked == 1
        wake.clear()
        wake.clear()
        assert not is_ready(wake)


def test_a_new_size_wakes() -> None:
    """And asks for no end."""
    with Wake() as wake:
        os.kill(os.getpid(), signal.SIGWINCH)
        assert is_ready(wake)
        assert wake.asked == 0


def test_all_is_as_before() -> None:
    """Handlers and the descriptor that wakes; a second close does nothing."""
    before = [signal.getsignal(number) for number in (*ENDS, signal.SIGWINCH)]
    with Wake() as wake:
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    wake.close()
    assert [signal.getsignal(number) for number in (*ENDS, signal.SIGWINCH)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_nohup_is_respected() -> None:
    """What was ignored stays so, but for what scripts send to end it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Wake() as wake:
            os.kill(os.getpid(), signal.SIGHUP)
            assert wake.asked == 0
    finally:
        signal.signal(signal.SIGHUP, before)
