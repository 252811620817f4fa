# SPDX-License-Identifier: Apache-2.0
"""The host of a record: by what was known of it at that moment."""

from bisect import bisect_right

import msgspec
from msgspec import UNSET

from kflowd.serialize.blocks.info import Host

# An address that comes and goes twice a second, for as long as a record can wait. What is older
# than all of these has the oldest.
MAX_HOSTS = 256


class HostFacts(msgspec.Struct, frozen=True):
    """What a session says of the host and the program.

    Attributes:
        host_since_ns: CLOCK_BOOTTIME when that was found, 0: at the start.
        host_token: What the user calls it, "" if nothing.
    """

    host_name: str = ""
    host_ip: str = "0.0.0.0"
    system: str = ""
    kernel: str = ""
    version: str = ""
    host_since_ns: int = 0
    host_token: str = ""


class Hosts:
    """The host as it is, and as it was."""

    def __init__(self, max_hosts: int = MAX_HOSTS) -> None:
        self._max_hosts = max_hosts
        self._since = [0]
        self._hosts = [host_block(HostFacts())]

    def take(self, facts: HostFacts) -> None:
        """Take what a session says; it holds from its time on, in place of what was known."""
        at = bisect_right(self._since, facts.host_since_ns - 1)
        host = host_block(facts)
        if at < len(self._since) and self._hosts[at] == host:
            host = self._hosts[at]  # the object that records have already
        self._since[at:], self._hosts[at:] = [facts.host_since_ns], [host]
        if len(self._since) > self._max_hosts:
            del self._since[0], self._hosts[0]

    def at(self, boot_ns: int) -> Host:
        """Return the host at a moment of CLOCK_BOOTTIME."""
        if len(self._since) == 1:
            return self._hosts[0]
        return self._hosts[max(0, bisect_right(self._since, boot_ns) - 1)]


def host_block(facts: HostFacts) -> Host:
    """Return the block of a host."""
    return Host(
        InfoHostName=facts.host_name,
        InfoHostIP=facts.host_ip,
        InfoHostToken=facts.host_token or UNSET,
        InfoSystem=facts.system,
        InfoKernel=facts.kernel,
        InfoVersion=facts.version,
    )
