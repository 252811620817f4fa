# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich import Enricher
from kflowd.enrich.devices import Devices
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import IdNames, Users
from kflowd.model import (
    Counters,
    Enriched,
    EnrichedFile,
    EnrichedSocket,
    EnrichedUnix,
    ProcessExit,
    Tick,
    Value,
)
from tests.unit.make import file, process, seen, socket, unix


def test_aggregates_get_names_and_processes_end_in_the_table() -> None:
    """Each kind of value comes out as its kind, in order."""
    users = Users(IdNames("/nonexistent"), IdNames("/nonexistent"))
    enricher = Enricher(Processes(), users, Devices(str), Interfaces(list))
    counters = Counters(1, (0,), 0)
    values: list[Value] = [
        seen(),
        file(),
        socket(),
        unix(),
        ProcessExit(1, process(), 0),
        counters,
        Tick(1),
    ]
    out = enricher.feed(values)
    assert [type(each) for each in out] == [
        *(EnrichedFile, EnrichedSocket, EnrichedUnix, Counters, Tick)
    ]
    assert {each.proc for each in out if isinstance(each, Enriched)} == {"curl"}
    assert len(enricher.processes) == 1
