# SPDX-License-Identifier: Apache-2.0
"""Users of sockets over several records of one socket, and beyond the share of a process."""

import os
import time
from collections import Counter

import pytest

from tests.host import users
from tests.host.agent import Agent, Record, parse, part
from tests.host.ledger import SECONDS, STREAMS, End, end_child, pair, start_child, take
from tests.host.one_run import IDLE
from tests.host.operations import end_forked, start_forked
from tests.host.test_users import PYTHON, moved

ACTIVE = 1.0
Sums = dict[tuple[str, int], tuple[int, int]]

# --- more than a process may have

# more than half of the entries, each with two ends, and fewer than half of the owners
ENTRIES, CONNECTIONS = 32, 13


def test_folded_connections_have_no_users() -> None:
    """Beyond the share of a process they are one record; of the others each has its users."""
    with Agent("-m", "socket", "-t", IDLE, "--sock-entries", str(ENTRIES)) as agent:
        done = end_forked(*start_forked(users.forking_server, CONNECTIONS))
        result = agent.stop()

    mine = [
        each
        for each in result.records
        if (each.get("ProcPID"), each.get("SockRole")) == (done.pid, "SERVER")
    ]
    children = {move[1] for end in done.facts["ends"] for move in end["moves"]}
    folded = [each for each in mine if "FOLDED" in each.get("SockNotes", ())]
    assert folded
    assert not any("SockUsers" in each for each in folded)
    for record in (each for each in mine if each not in folded):
        entries = record["SockUsers"]
        assert {each["ProcPID"] for each in entries if "ProcPID" in each} <= children
        for way in ("Tx", "Rx") if entries else ():
            assert sum(each[f"{way}Bytes"] for each in entries) == record[f"Sock{way}Bytes"]
    assert sum(each["SockTxBytes"] for each in mine) == CONNECTIONS * users.ANSWERED
    assert sum(each["SockRxBytes"] for each in mine) == CONNECTIONS * users.ASKED


# --- a connection that lasts


def shares(records: list[Record]) -> Sums:
    """Return who moved what by records of one socket; without users it is the owner."""
    added: Counter[tuple[str, int, str]] = Counter()
    for record in records:
        owner = {"Proc": record["Proc"], "ProcPID": record["ProcPID"]}
        owner |= {f"{way}Bytes": record.get(f"Sock{way}Bytes", 0) for way in ("Tx", "Rx")}
        for each in record.get("SockUsers", [owner]):
            for way in ("Tx", "Rx"):
                added[each["Proc"], each["ProcPID"], way] += each[f"{way}Bytes"]
    images = {(name, pid) for (name, pid, _), size in added.items() if size}
    return {image: (added[*image, "Tx"], added[*image, "Rx"]) for image in images}


class Lasting:
    """Rounds over one socket under an agent that reports each second, and their records."""

    def __init__(self, agent: Agent, near: End, far: End) -> None:
        self._agent = agent
        self._near, self._far = near, far
        self._taken = 0
        self.rounds: list[list[Record]] = []

    def records(self) -> list[Record]:
        """Return all records of the near end so far."""
        output = os.pread(self._agent._stdout.fileno(), 1 << 24, 0)
        whole = output[: output.rfind(b"\x1e\n") + 2]
        return self.of(parse(whole))

    def of(self, records: list[Record]) -> list[Record]:
        """Return those of the near end: of UNIX sockets both, which are told apart by the sizes."""
        where = self._near.facts["where"]
        return [each for each in records if part(each, *where) == where]

    def end_round(self) -> None:
        """Wait until what was moved is in records, and keep them."""
        sent, received = moved(self._near.facts)
        end = time.monotonic() + SECONDS / 2
        while time.monotonic() < end:
            found = self.records()
            sums = [sum(each.get(f"Sock{way}Bytes", 0) for each in found) for way in ("Tx", "Rx")]
            if sums == [sent, received]:
                self.rounds.append(found[self._taken :])
                self._taken = len(found)
                return
            time.sleep(0.1)
        raise AssertionError(f"no record of the round: {found}")


@pytest.mark.parametrize("kind", ["server", "client", "udp"])
def test_each_record_has_what_happened_since_the_one_before(kind: str) -> None:
    """Of a connection that lasts: owner, child, both, nobody, child; and the sums are exact."""
    with Agent("-m", "socket", "-t", f"{IDLE},{ACTIVE}") as agent:
        with pair(kind) as (near, far):
            child = start_child(lambda: _answer(near, kind))
            lasting = Lasting(agent, near, far)
            _speak(near, far, child, lasting)
            if kind in STREAMS:
                far.channel.shutdown(1)
            end_child(child)
        result = agent.stop()

    owner, user = (PYTHON, os.getpid()), (PYTHON, child)
    wanted_rounds: list[Sums] = [
        {owner: (13, 0)},
        {user: (19, 17)},
        {owner: (23, 0), user: (31, 29)},
        {user: (41, 37)},
    ]
    assert [shares(each) for each in lasting.rounds] == wanted_rounds
    assert [any("SockUsers" in it for it in each) for each in lasting.rounds] == [
        False,
        True,
        True,
        True,
    ]
    everything = lasting.of(result.records)
    assert shares(everything) == {owner: (36, 0), user: (91, 83)}
    assert {each["ProcPID"] for each in everything} == {os.getpid()}
    for record in everything:
        entries = record.get("SockUsers", [])
        assert len(entries) <= 2
        assert all(each["TxBytes"] or each["RxBytes"] for each in entries)
        for way in ("Tx", "Rx") if entries else ():
            assert sum(each[f"{way}Bytes"] for each in entries) == record.get(f"Sock{way}Bytes", 0)


TAKEN, GIVEN = (17, 29, 37), (19, 31, 41)


def _answer(near: End, kind: str) -> None:
    """Answer three times, then wait for the end of the connection."""
    for asked, answered in zip(TAKEN, GIVEN, strict=True):
        take(near.channel, asked)
        assert near.channel.send(bytes(answered)) == answered
    assert kind not in STREAMS or near.channel.recv(1) == b""


def _speak(near: End, far: End, child: int, lasting: Lasting) -> None:
    """Move bytes in four rounds."""
    near.send(13)
    far.take(13)
    lasting.end_round()
    for number, (asked, answered) in enumerate(zip(TAKEN, GIVEN, strict=True)):
        if number == 1:
            near.send(23)
            far.take(23)
        far.send(asked)
        far.take(answered)
        near.note(child, answered, asked)
        lasting.end_round()
