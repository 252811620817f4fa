# SPDX-License-Identifier: Apache-2.0
"""SockTcpIsn against the packets on the wire, however a connection began."""

from pathlib import Path

import pytest

from tests.host import handshakes
from tests.host.agent import Agent, Record, socket_records
from tests.host.operations import forked
from tests.host.workloads import Facts


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], Facts]:
    """Connect beside an agent."""
    folder: Path = tmp_path_factory.mktemp("handshakes")
    with Agent("-m", "socket") as agent:
        done = forked(handshakes.handshakes, folder)
        result = agent.stop()
    return socket_records(result.records, done.pid), done.facts


@pytest.mark.parametrize("kind", handshakes.KINDS)
def test_both_ends_have_the_numbers_of_the_wire(
    kind: str, seen: tuple[list[Record], Facts]
) -> None:
    """Client's first; with fast open the SYN has carried data."""
    records, facts = seen
    client, server, *numbers, data = facts[kind]
    assert data == (kind == "fast")
    ends = [it for it in records if {it["SockLocalPort"], it["SockRemotePort"]} == {client, server}]
    assert sorted(it["SockRole"] for it in ends) == ["CLIENT", "SERVER"]
    assert [it["SockTcpIsn"] for it in ends] == [numbers, numbers]
    sent = {"CLIENT": len(handshakes.ASKED), "SERVER": len(handshakes.ANSWERED)}
    assert {it["SockRole"]: it["SockTxBytes"] for it in ends} == sent
