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
    # any bytes are allowed in it, and the facts become JSON
    host_name = os.fsencode(names.nodename).decode("utf-8", "replace")
    return HostFacts(
        host_name=host_name,
        host_ip=host_ip(),
        system=names.sysname,
        kernel=names.release,
        version=version,
    )


def host_ip() -> str:
    """Return the address that the kernel selects for the way out; 0.0.0.0 without a route."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ROUTE_PROBE)
            return str(probe.getsockname()[0])
    except OSError:
        return NO_ADDRESS
