# SPDX-License-Identifier: Apache-2.0
"""What every record says about the host."""

import os
import socket

from kflowd.serialize.build import HostFacts

# Any address beyond the default route does; connecting a UDP socket sends nothing.
ROUTE_PROBE = ("8.8.8.8", 53)
NO_ADDRESS = "0.0.0.0"


def host_facts(version: str) -> HostFacts:
    """Return the facts of this host.

    Args:
        version: As in InfoVersion, "kflowd-v1.0.0".
    """
    names = os.uname()
    return HostFacts(
        _text(names.nodename), host_ip(), _text(names.sysname), _text(names.release), version
    )


def host_ip() -> str:
    """Return the address that the kernel selects for the way out; 0.0.0.0 without a route."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ROUTE_PROBE)
            return str(probe.getsockname()[0])
    except OSError:
        return NO_ADDRESS


def _text(name: str) -> str:
    """Return what Python decoded by the locale's charset as the UTF-8 that it is.

    A host's name can have any bytes; those that are no UTF-8 become U+FFFD.
    """
    return os.fsencode(name).decode("utf-8", "replace")
