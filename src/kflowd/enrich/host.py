# SPDX-License-Identifier: Apache-2.0
"""What every record says about the host."""

import os
import socket
from collections.abc import Callable

import msgspec

from kflowd.serialize.hosts import HostFacts

# Any address beyond the default route does; connecting a UDP socket sends nothing. IPv6 is for
# hosts that have nothing else.
ROUTE_PROBES = (
    (socket.AF_INET, ("8.8.8.8", 53)),
    (socket.AF_INET6, ("2001:4860:4860::8888", 53)),
)
NO_ADDRESS = "0.0.0.0"
# A look takes some 15 microseconds. Batches of a quiet host are not more often: to be told of
# changes would not be known earlier.
INTERVAL_NS = 100_000_000


class HostWatch:
    """Finds changes of the host's name and address.

    Args:
        known: As the stream has it.
        clock: Returns CLOCK_BOOTTIME of the kernel.
        look: Returns the facts of now for a version.
    """

    def __init__(
        self,
        known: HostFacts,
        clock: Callable[[], int],
        look: Callable[[str], HostFacts] | None = None,
    ) -> None:
        self._known = known
        self._clock = clock
        self._look = look or host_facts
        self._token = known.host_token
        self._next_ns = 0

    def rename(self, token: str) -> None:
        """Call the host something else from now on: InfoHostToken, "" is no name."""
        self._token = _whole(token)
        self._next_ns = 0  # by the next look, which is at once

    def __call__(self) -> HostFacts | None:
        """Return the facts if they have changed; looks ten times a second at most."""
        now_ns = self._clock()
        if now_ns < self._next_ns:
            return None
        self._next_ns = now_ns + INTERVAL_NS
        known = self._known
        found = msgspec.structs.replace(
            self._look(known.version),
            host_since_ns=known.host_since_ns,
            host_token=self._token,
        )
        if found == known:
            return None
        self._known = msgspec.structs.replace(found, host_since_ns=now_ns)
        return self._known


def host_facts(version: str, token: str = "") -> HostFacts:
    """Return the facts of this host.

    Args:
        version: As in InfoVersion, "kflowd-v1.0.0".
        token: As in InfoHostToken, "" if there is none.
    """
    names = os.uname()
    return HostFacts(
        host_name=_text(names.nodename),
        host_ip=host_ip(),
        system=_text(names.sysname),
        kernel=_text(names.release),
        version=version,
        host_token=_whole(token),
    )


def host_ip() -> str:
    """Return the address that the kernel selects for the way out; 0.0.0.0 without a route."""
    for family, address in ROUTE_PROBES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(address)
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return NO_ADDRESS


def _whole(token: str) -> str:
    return token.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _text(name: str) -> str:
    """Return what Python decoded by the locale's charset as the UTF-8 that it is.

    A host's name can have any bytes; those that are no UTF-8 become U+FFFD.
    """
    return os.fsencode(name).decode("utf-8", "replace")
