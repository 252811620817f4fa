# SPDX-License-Identifier: Apache-2.0
"""Runs the streams of `raw` through the stages and compares whole records with `expected`."""

import json
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from kflowd import assembly
from kflowd import records as stage_2
from kflowd.aggregate.followed import Followed
from kflowd.delivery import Delivery
from kflowd.delivery.formats import FORMATS
from kflowd.pipeline import Pipeline
from kflowd.serialize import Record
from kflowd.settings import EnrichSettings, Settings, Subsystem, TraceSettings
from tests.unit.whole import expected, lived, raw, summed
from tests.unit.whole.common import Keys

FORM = FORMATS["json-min"]()
ENRICHER_FACTS = msgspec.json.encode(raw.FACTS)


class Case(NamedTuple):
    """A stream, and the records that it becomes; of health only the last."""

    stream: Callable[[], bytes]
    records: tuple[Keys, ...]
    monitor: frozenset[Subsystem] = frozenset(("file", "socket"))


CASES = {
    "file": Case(raw.file, (expected.FILE,)),
    "file, path ahead": Case(raw.file_with_path_ahead, (expected.FILE_WITH_PATH_AHEAD,)),
    "file, failed": Case(raw.file_failed, (expected.FILE_FAILED,)),
    "file, with sums": Case(summed.file, (summed.FILE,)),
    "file in parts": Case(raw.file_in_parts, (expected.FILE_IN_PARTS,)),
    "TCP client": Case(raw.tcp_client, (expected.TCP_CLIENT,)),
    "TCP server": Case(raw.tcp_server, (expected.TCP_SERVER,)),
    "TCP, growth": Case(raw.tcp_interim, (expected.INTERIM, expected.OTHER, expected.GROWTH)),
    "TCP from before": Case(raw.tcp_from_before, (expected.FROM_BEFORE,)),
    "UDP": Case(raw.udp, (expected.UDP,)),
    "UDP, closed": Case(raw.udp_closed, (expected.UDP_CLOSED,)),
    "UDP, folded": Case(raw.udp_folded, (expected.PEERS_FOLDED, expected.SOCKETS_FOLDED)),
    "TCP, used": Case(raw.tcp_used, (expected.USED_INTERIM, expected.USED)),
    "TCP, used by others": Case(raw.tcp_used_by_others, (expected.USED_BY_OTHERS,)),
    "UDP, used": Case(raw.udp_used, (expected.UDP_USED,)),
    "UNIX, used": Case(raw.unix_used, (expected.UNIX_USED,)),
    "UNIX, used by nobody else": Case(raw.unix_used_by_nobody, (expected.UNIX_CLIENT,)),
    "UNIX, folded": Case(raw.unix_folded, (expected.UNIX_FOLDED,)),
    "UNIX client": Case(raw.unix_client, (expected.UNIX_CLIENT,)),
    "UNIX server": Case(raw.unix_server, (expected.UNIX_SERVER,)),
    "UNIX, no owner": Case(raw.unix_without_owner, (expected.UNIX_WITHOUT_OWNER,)),
    "process, killed": Case(lived.killed, (lived.KILLED,), frozenset(("process",))),
    "process": Case(lived.exited, (lived.EXITED,), frozenset(("process",))),
    "health": Case(raw.health, (expected.HEALTH,)),
}


def made(name: str) -> list[Record]:
    """Return the records that a case becomes."""
    enrichers = assembly.recorded_enrichers(ENRICHER_FACTS)
    settings = Settings(
        trace=TraceSettings(monitor=CASES[name].monitor), enrich=EnrichSettings(checksums=True)
    )
    pipeline = assembly.make_pipeline(settings, enrichers, Delivery([]))
    found = pipeline.feed(raw.SESSION + raw.PROCESSES)
    found += pipeline.feed(CASES[name].stream())
    if name == "health":
        count_in_user_space(pipeline)
        found = pipeline.close()
    return found


def records(name: str) -> list[Keys]:
    """Return the records that a case becomes, as their text has them."""
    return [json.loads(FORM(record)) for record in made(name)]


def count_in_user_space(pipeline: Pipeline) -> None:
    """Give each counter of user space a value of its own."""
    decoder = pipeline._decoder.stats
    decoder.unknown, decoder.short, decoder.corrupt = 801, 802, 803
    files = pipeline._aggregator.file.stats
    files.paths_evicted, files.partials_evicted = 804, 805
    files.records, files.names_lost = 809, 810
    pipeline._aggregator.socket.stats.sockets_evicted = 806
    processes = pipeline._enrichment.processes.stats
    processes.evicted, processes.unknown, processes.incomplete = 807, 808, 811
    pipeline._faults.records, pipeline._faults.names = 812, 813
    pipeline._unrecorded = lambda: 814
    pipeline._lost.lookups_lost, pipeline._lost.ends_lost = 815, 816
    waiting = pipeline._enrichment.waiting
    waiting.count, waiting.given_up = 817, 818
    followed = pipeline._aggregator.followed = Followed(1)
    followed.hidden, followed.lost = 819, 820
    pipeline._messages.lost, pipeline._messages.evicted = 821, 822
    pipeline._names._answers.evicted = 823
    told = pipeline._lost
    told.plugin_faults, told.plugin_parts_lost, told.plugins_disabled = 824, 825, 826


def holds(name: str) -> bool:
    """Say whether a case becomes its records, with all keys in their order."""
    try:
        return json.dumps(records(name)) == json.dumps(CASES[name].records)
    except Exception:  # noqa: BLE001 - what raises does not hold, whatever it is
        return False


def exit_holds() -> bool:
    """Say whether the end of a process is read as it is."""
    try:
        return stage_2.Decoder().decode(raw.process_exit()) == [expected.EXIT]
    except Exception:  # noqa: BLE001 - as above
        return False


def all_hold() -> bool:
    """Say whether each case becomes its records, and what is in no record its value."""
    return all(map(holds, CASES)) and exit_holds()
