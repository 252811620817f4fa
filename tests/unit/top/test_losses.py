# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.delivery.formats.words import counters, lost
from kflowd.serialize.blocks.health import HealthDelivery
from kflowd.top.losses import MOST_HOSTS, TOLD, Losses
from tests.unit.delivery.make import health as health_record
from tests.unit.top.made import health


def test_all_counters_of_losses_are_read() -> None:
    """Those that the forms for people show, and that of the outputs."""
    record = health_record()
    names = {*record.kernel.__struct_fields__, *record.user.__struct_fields__}  # type: ignore[attr-defined]
    assert set(TOLD) == {*lost(dict.fromkeys(names, 0)), "HealthOutputLost"}
    assert "HealthOutputLost" in HealthDelivery.__struct_fields__
    assert counters(record) == {}  # type: ignore[arg-type]


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
