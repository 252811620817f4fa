# SPDX-License-Identifier: Apache-2.0
"""What kflowd says that it lost, from its health records."""

from collections import OrderedDict

import msgspec

from kflowd.delivery.formats.words import HEALTH
from kflowd.health import LOSS_WORDS, NO_LOSS
from kflowd.serialize.blocks.health import HealthKernel, HealthUser
from kflowd.serialize.build import health_key
from kflowd.top.records import Count

# A file can be from many hosts; what those lost that are passed over stays in the sum.
MOST_HOSTS = 64
# what makes a health record due, by its keys
WORDS = tuple(health_key(word.strip("_")).removeprefix(HEALTH) for word in LOSS_WORDS)
OURS_NO_LOSS = {health_key(name) for name in NO_LOSS}
TOLD = (
    *(name for name in HealthKernel.__struct_fields__ if any(word in name for word in WORDS)),
    *(name for name in HealthUser.__struct_fields__ if name not in OURS_NO_LOSS),
    "HealthOutputLost",
)
_Health = msgspec.defstruct(
    "_Health",
    [("InfoUptime", float, 0.0), *((name, Count, 0) for name in TOLD)],
    gc=False,
)
_decode = msgspec.json.Decoder(_Health).decode

Counts = tuple[int, ...]
NONE: Counts = (0,) * len(TOLD)


class Losses:
    """The counters of the last health record of each run, added up.

    Attributes:
        told: Whether there was a health record.
    """

    def __init__(self) -> None:
        self.told = False
        self._before = NONE
        self._hosts: OrderedDict[str, tuple[float, Counts]] = OrderedDict()

    def take(self, host: str, text: bytes) -> bool:
        """Take a health record of a host; return whether it is one."""
        try:
            health = _decode(text)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        self.told = True
        uptime, *counted = (getattr(health, name) for name in health.__struct_fields__)
        counts = tuple(counted)
        before_s, before = self._hosts.pop(host, (0.0, NONE))
        if uptime < before_s:  # another run: its counters begin at 0
            self._before = added(self._before, before)
        elif len(self._hosts) >= MOST_HOSTS:
            _, (_, oldest) = self._hosts.popitem(last=False)
            self._before = added(self._before, oldest)
        self._hosts[host] = uptime, counts
        return True

    def counts(self) -> dict[str, int]:
        """Return the counters that are not 0, without the word Health."""
        total = self._before
        for _, each in self._hosts.values():
            total = added(total, each)
        pairs = zip(TOLD, total, strict=True)
        return {name.removeprefix(HEALTH): count for name, count in pairs if count}


def added(one: Counts, other: Counts) -> Counts:
    """Return the sums."""
    return tuple(map(sum, zip(one, other, strict=True)))
