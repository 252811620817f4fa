# SPDX-License-Identifier: Apache-2.0
"""What each key of a rule asks of a record: True, False, or None where that is not known."""

import ipaddress
import socket
from collections.abc import Callable, Mapping

from kflowd.filters.patterns import path_matcher
from kflowd.model import Actor, EnrichedFile, EnrichedSocket, ExeFlag, FileFlag, SocketFlag
from kflowd.settings.rules import port_range

DELETED = " (deleted)"
HOST = "host"
ANY = "*"
_UNSURE = (
    FileFlag.PATH_UNKNOWN
    | FileFlag.PATH_NO_MOUNT
    | FileFlag.PATH_TEXT
    | FileFlag.PATH_GUESSED
    | FileFlag.PATH_TRUNCATED
)
Values = tuple[str, ...]
OfActor = Callable[[Actor], bool | None]
OfFile = Callable[[EnrichedFile], bool | None]
OfSocket = Callable[[EnrichedSocket], bool | None]


def exe(values: Values) -> OfActor:
    """Ask for the executable; kernel threads have none, and match nothing."""
    matches = path_matcher(values)

    def ask(actor: Actor) -> bool | None:
        if actor.process is None or actor.seen is None or actor.incomplete:
            return None
        flags, path = actor.seen.exe_flags, actor.seen.exe
        if flags & (ExeFlag.DELETED | FileFlag.PATH_DELETED):
            path = path.removesuffix(DELETED)
        return matches(path) or (None if flags & _UNSURE else False)

    return ask


def user(values: Values, ids: Mapping[str, int]) -> OfActor:
    """Ask for the real user, by number or name.

    Args:
        values: Numbers and names.
        ids: Numbers of names, where a name service knows them.
    """
    numbers = {int(value) for value in values if value.isdigit()}
    numbers |= {ids[value] for value in values if value in ids}
    names = {value for value in values if value not in ids and not value.isdigit()}

    def ask(actor: Actor) -> bool | None:
        if actor.process is None:
            return None
        if actor.process.uid in numbers or actor.user in names:
            return True
        return None if names and actor.names_late else False

    return ask


def cgroup(values: Values) -> OfActor:
    """Ask for the path of the control group."""
    matches = path_matcher(values)

    def ask(actor: Actor) -> bool | None:
        if actor.process is None or not actor.cgroup:
            return None
        return matches(actor.cgroup)

    return ask


def container(values: Values) -> OfActor:
    """Ask for the innermost container: its id or the beginning of that, its runtime, any, none."""
    ids = tuple(value for value in values if value not in (ANY, HOST))

    def ask(actor: Actor) -> bool | None:
        if actor.process is None or not actor.cgroup:
            return None
        if not actor.container:
            return HOST in values
        named = actor.container.startswith(ids) if ids else False
        return ANY in values or named or actor.runtime in ids

    return ask


def path(values: Values) -> OfFile:
    """Ask for the path of the file."""
    matches = path_matcher(values)

    def ask(value: EnrichedFile) -> bool | None:
        aggregate = value.aggregate
        if not aggregate.path:
            return None
        whole = aggregate.path
        if aggregate.flags & FileFlag.PATH_DELETED:
            whole = whole.removesuffix(DELETED)
        if aggregate.flags & _UNSURE:
            return None
        return matches(whole)

    return ask


def fstype(values: Values) -> OfFile:
    """Ask for the type of the file system, as mountinfo has it."""

    def ask(value: EnrichedFile) -> bool | None:
        return value.fstype in values if value.fstype else None

    return ask


def port(values: Values) -> OfSocket:
    """Ask for the ports of both ends."""
    ranges = [port_range(value) for value in values]

    def ask(value: EnrichedSocket) -> bool | None:
        if value.aggregate.flags & SocketFlag.FOLDED:
            return None
        flow = value.aggregate.flow
        return any(
            low <= flow.local_port <= high or low <= flow.remote_port <= high
            for low, high in ranges
        )

    return ask


def net(values: Values) -> OfSocket:
    """Ask for the remote address."""
    networks = [ipaddress.ip_network(value) for value in values]

    def ask(value: EnrichedSocket) -> bool | None:
        if value.aggregate.flags & SocketFlag.FOLDED:
            return None
        flow = value.aggregate.flow
        size = 4 if flow.family == socket.AF_INET else 16
        address = ipaddress.ip_address(flow.remote_addr[:size])
        return any(address in network for network in networks)

    return ask
