# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.health import Health
from kflowd.model import Counters
from kflowd.serialize import UserCounters
from kflowd.serialize.blocks.health import HealthDelivery
from kflowd.top.losses import MOST_HOSTS, TOLD, Losses
from tests.unit.delivery.make import health as health_record
from tests.unit.make import COUNTERS
from tests.unit.top.made import health

HEALTH: Any = health_record()


def test_all_counters_of_losses_are_read() -> None:
    """What makes a health record due: as many as are compared there, and no count of what was."""
    kept = Health(UserCounters, int, lambda *_: HEALTH)
    assert len(TOLD) == len(kept._lost(Counters(1, (0,) * COUNTERS, 0), UserCounters()))
    assert set(TOLD) > {"HealthMissedRuns", "HealthPathTruncated", "HealthReadFailed"}
    assert set(TOLD) > {"HealthFileLostRing", "HealthSocketsEvicted", "HealthNamesLost"}
    assert not set(TOLD) & {"HealthFileEvents", "HealthRecordsHidden", "HealthFileRecords"}
    assert "HealthOutputLost" in HealthDelivery.__struct_fields__


def test_the_last_record_counts() -> None:
    """Its counters are those of the whole run."""
    losses = Losses()
    assert not losses.told
    assert losses.take("a", health(uptime=1, HealthFileLostRing=3))
    assert losses.take("a", health(uptime=2, HealthFileLostRing=5, HealthFileEvents=9))
    assert losses.counts() == {"FileLostRing": 5}
    assert losses.told


def test_runs_and_hosts_add_up() -> None:
    """A run after another begins at 0, and each host has its own."""
    losses = Losses()
    losses.take("a", health(uptime=9, HealthFileLostRing=3))
    losses.take("a", health(uptime=1, HealthFileLostRing=1))
    losses.take("b", health(uptime=9, HealthFileLostRing=10, HealthReadFailed=1))
    assert losses.counts() == {"FileLostRing": 14, "ReadFailed": 1}


def test_hosts_are_bounded() -> None:
    """What was lost by one that is passed over stays in the sum."""
    losses = Losses()
    for number in range(3 * MOST_HOSTS):
        losses.take(str(number), health(HealthOutputLost=1))
    assert losses.counts() == {"OutputLost": 3 * MOST_HOSTS}
    assert len(losses._hosts) == MOST_HOSTS


@pytest.mark.parametrize("value", [-1, 1.5, "1", 1 << 63])
def test_what_is_no_counter(value: object) -> None:
    """The record is none, and changes nothing."""
    losses = Losses()
    assert not losses.take("a", health(HealthOutputLost=value))  # type: ignore[arg-type]
    assert not losses.told
