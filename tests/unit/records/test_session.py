# SPDX-License-Identifier: Apache-2.0
from kflowd.model import HostFacts, Session
from kflowd.records import Decoder
from tests.unit.make import record


def test_a_session_holds_clock_and_host() -> None:
    """Facts that this program does not know are passed over."""
    facts = b'{"host_name":"dev","kernel":"6.1.0","later":[1,{"x":2}]}'
    raw = record(
        "SESSION", facts, hdr__ts_ns=9, realtime_offset_ns=2**60, hz=250, facts_len=len(facts)
    )
    expected = Session(9, 2**60, 250, HostFacts(host_name="dev", kernel="6.1.0"))
    assert Decoder().decode(raw) == [expected]
