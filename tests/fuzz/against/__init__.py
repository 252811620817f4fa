# SPDX-License-Identifier: Apache-2.0
"""Whether decoders read what other readers read, of messages that are made at random.

Each module has `compare(random)`, which makes some messages, has both read them, and returns how
many these were; it raises AssertionError where they differ.
"""

from collections.abc import Callable
from random import Random

from tests.fuzz.against import dns, http, syslog, tls

COMPARE: dict[str, Callable[[Random], int]] = {
    "DNS": dns.compare,
    "HTTP": http.compare,
    "SYSLOG": syslog.compare,
    "TLS": tls.compare,
}


def against(name: str, count: int, seed: int) -> int:
    """Compare at least so many messages, and return how many it were.

    Raises:
        AssertionError: Two readers differ; it names the seed.
    """
    done = 0
    while done < count:
        try:
            done += COMPARE[name](Random(seed))
        except Exception as error:
            raise AssertionError(f"{name}: seed {seed}") from error
        seed += 1
    return done
