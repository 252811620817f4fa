# SPDX-License-Identifier: Apache-2.0
from kflowd.contract import constants
from kflowd.model import Counters
from kflowd.records import Decoder
from tests.unit.make import record


def test_counters_come_in_the_order_of_the_contract() -> None:
    """All counters and the missed runs are read."""
    values = tuple(range(constants()["KF_CNT_MAX"]))
    raw = record("COUNTERS", hdr__ts_ns=9, counters=values, missed=77)
    assert Decoder().decode(raw) == [Counters(9, values, 77)]
