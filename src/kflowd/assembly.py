# SPDX-License-Identifier: Apache-2.0
"""Makes the stages for a run and joins them: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

import kflowd
from kflowd import contract
from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import FileAggregator
from kflowd.aggregate.socket import SocketAggregator
from kflowd.delivery import Delivery
from kflowd.enrich import Enricher
from kflowd.enrich.devices import Devices, read_mountinfo
from kflowd.enrich.host import host_facts
from kflowd.enrich.interfaces import Interfaces, own_namespace, read_interfaces
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import GROUP, PASSWD, IdNames, Stamp, Users, parse_ids, read_text
from kflowd.health import Health
from kflowd.model import Counters
from kflowd.pipeline import Pipeline
from kflowd.recording import SessionFacts
from kflowd.records import Decoder
from kflowd.serialize import Builder, Record, UserCounters
from kflowd.settings import Settings

_FOREVER = 1 << 63


class Tables(NamedTuple):
    """Where enrichers look names up."""

    users: Users
    devices: Devices
    interfaces: Interfaces


def live_tables() -> Tables:
    """Return tables of this host, which follow its changes."""
    return Tables(
        Users(IdNames(PASSWD), IdNames(GROUP)), Devices(), Interfaces(net_ns=own_namespace())
    )


def recorded_tables(facts: SessionFacts) -> Tables:
    """Return tables of the host that a recording was made on; they never change."""
    users = IdNames(PASSWD, _stamp, lambda _path: facts.users)
    groups = IdNames(GROUP, _stamp, lambda _path: facts.groups)
    return Tables(
        Users(users, groups, _FOREVER),
        Devices(lambda: facts.mountinfo, _FOREVER),
        Interfaces(lambda: facts.interfaces, facts.net_ns, _FOREVER),
    )


def session_facts(*, with_tables: bool) -> SessionFacts:
    """Return the facts of this host, for a recording with the tables."""
    facts = msgspec.structs.asdict(host_facts(f"kflowd-v{kflowd.__version__}"))
    if not with_tables:
        return SessionFacts(**facts)
    return SessionFacts(
        **facts,
        users=_id_lines(parse_ids(read_text(PASSWD))),
        groups=_id_lines(parse_ids(read_text(GROUP))),
        mountinfo=_valid(read_mountinfo()),
        interfaces=read_interfaces(),
        net_ns=own_namespace(),
    )


class Assembly:
    """The stages of one run and the pipeline that joins them.

    Args:
        settings: Of the run.
        tables: Where names are looked up.
        delivery: Where the records go; health records tell how that went.
    """

    def __init__(self, settings: Settings, tables: Tables, delivery: Delivery) -> None:
        self.decoder = Decoder()
        self.aggregator = Aggregator(
            FileAggregator(settings.idle_ns, settings.export_at), SocketAggregator(settings.idle_ns)
        )
        self.processes = Processes()
        self.enricher = Enricher(self.processes, *tables)
        self.builder = Builder(strict=settings.strict)
        self.health = Health(
            contract.constants(), self.user_counters, delivery.lost, self._health_record
        )
        self._delivery = delivery
        self.pipeline = Pipeline(
            decode=self.decoder.decode,
            aggregate=self.aggregator,
            enrich=self.enricher,
            begin=self.builder.begin,
            build=self.builder.record,
            health=self.health,
            tables=(tables.users.refresh, tables.devices.refresh),
        )

    def user_counters(self) -> UserCounters:
        """Return what user space has counted so far."""
        decoded, file, socket = self.decoder.stats, self.aggregator.file, self.aggregator.socket
        return UserCounters(
            decode_unknown=decoded.unknown,
            decode_short=decoded.short,
            decode_corrupt=decoded.corrupt,
            paths_evicted=file.stats.paths_evicted,
            partials_evicted=file.stats.partials_evicted,
            sockets_evicted=socket.stats.sockets_evicted,
            processes_evicted=self.processes.stats.evicted,
            processes_unknown=self.processes.stats.unknown,
        )

    def _health_record(self, kernel: Counters, ours: UserCounters) -> Record:
        return self.builder.health(kernel, ours, self._delivery.counters())


def _stamp(_path: str) -> Stamp:
    return 1, 1, 1


def _id_lines(names: Mapping[int, str]) -> str:
    return _valid("\n".join(f"{name}::{number}" for number, name in names.items()))


def _valid(text: str) -> str:
    """Return text that JSON can hold; names that are no UTF-8 lose those bytes."""
    return text.encode("utf-8", "replace").decode()
