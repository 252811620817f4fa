# SPDX-License-Identifier: Apache-2.0
"""What another host sends from forged sources leaves the records of all others as they are.

With the tables of default size; with small ones the same floods are part of test_floods.py.
"""

import pytest

from tests.host import forged, remote
from tests.host.agent import Agent, Record, part
from tests.host.flooded import (
    IDLE,
    bounded,
    check_accounts,
    check_victim,
    nothing_missed,
    of,
    victim,
)
from tests.host.link import NEAR, link
from tests.host.running import running


@pytest.mark.parametrize("name", remote.FLOODS)
def test_a_flood_of_forged_packets_hides_nobody(name: str) -> None:
    """A victim before and after, and one that is served meanwhile, have all their records."""
    flood, check = remote.FLOODS[name]
    with link() as net, Agent("-m", "socket", *IDLE) as agent:
        before = victim("default")
        with bounded(agent, name):
            said = flood(net, remote.DEFAULT)
        after = victim("default")
        result = agent.stop()
    assert result.exit_code == 0
    check_victim(result.records, before, "default")
    check_victim(result.records, after, "default")
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        check(result.records, said)


def test_a_connection_is_not_booked_on_a_forged_source() -> None:
    """The packet before may have the same ports: who connects is told by the connection."""
    with link() as net, Agent("-m", "socket", *IDLE) as agent:
        with running("greet", prefix=net.here, program=remote.PROGRAM) as server:
            said = server.said()
            client = ("masked", NEAR["inet6"], str(said["port"]), str(remote.FIRST_PORT))
            with running(*client, prefix=net.there, program=remote.PROGRAM) as forger:
                mine = forger.said()["mine"]
            assert server.said()["peer"] == mine
        result = agent.stop()
    check_accounts(result.records, result.stderr)
    (record,) = of(result.records, [said["pid"]], "TCP")
    expected: Record = {
        "SockRemoteIP": mine,
        "SockRemotePort": remote.FIRST_PORT,
        "SockRole": "SERVER",
    }
    expected["SockTxBytes"] = len(forged.REPLY)
    assert part(record, *expected) == expected
