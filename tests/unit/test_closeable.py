# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.closeable import Closeable


class Counting(Closeable):
    """Counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_the_end_of_the_block_closes() -> None:
    """Once, at an error too, which goes on."""
    with Counting() as it:
        assert it.closed == 0
    assert it.closed == 1
    with pytest.raises(KeyError), it:
        raise KeyError
    assert it.closed == 2
