# SPDX-License-Identifier: Apache-2.0
import re

from kflowd.contract import constants
from kflowd.serialize import UserCounters
from kflowd.serialize.blocks.health import HealthKernel, HealthUser
from kflowd.serialize.build import health_key


def test_health_follows_the_counters_of_the_contract() -> None:
    """Every kernel counter has its key, in the order of the enum."""
    counters = {value: name for name, value in constants().items() if name.startswith("KF_CNT_")}
    del counters[constants()["KF_CNT_MAX"]]
    keys = [
        re.sub(r"(?<!^)([A-Z])", r"_\1", name.removeprefix("Health")).upper()
        for name in HealthKernel.__struct_fields__
    ]
    assert [f"KF_CNT_{key}" for key in keys] == [counters[number] for number in sorted(counters)]


def test_health_follows_the_counters_of_user_space() -> None:
    """Runs that the kernel skipped, then each counter of user space in its order."""
    keys = [health_key(name) for name in UserCounters.__struct_fields__]
    assert list(HealthUser.__struct_fields__) == ["HealthMissedRuns", *keys]
