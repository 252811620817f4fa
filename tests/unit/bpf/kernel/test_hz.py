# SPDX-License-Identifier: Apache-2.0
"""HZ from ticks and from configurations."""

import pytest

from kflowd.bpf.kernel.hz import from_config, from_jiffies

NS = 1_000_000_000


@pytest.mark.parametrize("hz", [100, 250, 300, 1000])
@pytest.mark.parametrize("uptime", [5, 60, 280, 320, 86_400, 3 * 365 * 86_400])
def test_ticks_tell_hz(hz: int, uptime: int) -> None:
    """Ticks begin five minutes before 32 bits overflow, a bit later than the clock."""
    jiffies = (1 << 32) - 300 * hz + int((uptime - 0.2) * hz)
    assert from_jiffies(jiffies, uptime * NS) == hz


@pytest.mark.parametrize("hz", [100, 1000])
def test_near_five_minutes_nothing_is_said(hz: int) -> None:
    """Where every HZ means the same count, none is named."""
    assert from_jiffies((1 << 32) + hz // 10, 300 * NS) == 0


def test_an_odd_count_is_not_forced_into_a_value() -> None:
    """Ticks that fit no known HZ name none."""
    assert from_jiffies((1 << 32) + 180 * 1000, 1300 * NS) == 0


def test_the_configuration_says_it() -> None:
    """CONFIG_HZ is read, its relatives are not."""
    assert from_config("CONFIG_HZ_250=y\nCONFIG_HZ=250\n") == 250
    assert from_config("# CONFIG_HZ_100 is not set\n") == 0
