# SPDX-License-Identifier: Apache-2.0
import errno

from kflowd.delivery.sinks.base import RefusedError


def test_a_refusal_says_how_much_was_taken() -> None:
    """And whether it is worth while to ask again."""
    error = OSError(errno.EMSGSIZE, "Message too long")
    refused = RefusedError(7, error, forever=True)
    assert (refused.written, refused.error, refused.forever) == (7, error, True)
    assert refused.number == 1
    assert RefusedError(0, error, forever=True, number=9).number == 9
