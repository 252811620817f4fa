# SPDX-License-Identifier: Apache-2.0
"""Two hosts, here network namespaces behind a veth: one that is attacked, one that attacks."""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

NEAR = {"inet": "198.18.77.1", "inet6": "2001:db8:77::1"}
FAR = {"inet": "198.18.77.2", "inet6": "2001:db8:77::2"}
# of the sources that forged.py makes: the way back to them ends at the attacker, who says nothing
FORGED = {"inet": "10.64.0.0/10", "inet6": "2001:db8:64::/48"}
PREFIX = {"inet": 30, "inet6": 64}
NEAR_MAC, FAR_MAC = "02:00:5e:10:00:01", "02:00:5e:10:00:02"
UP_SECONDS = 60.0


class Link(NamedTuple):
    """Names of the two namespaces."""

    near: str
    far: str

    @property
    def here(self) -> tuple[str, ...]:
        """What starts a command on the host that is attacked."""
        return ("ip", "netns", "exec", self.near)

    @property
    def there(self) -> tuple[str, ...]:
        """What starts a command on the host that attacks."""
        return ("ip", "netns", "exec", self.far)

    def syncookies(self, value: int) -> None:
        """Set whether the host that is attacked answers by cookies when a backlog is full."""
        write = f"echo {value} > /proc/sys/net/ipv4/tcp_syncookies"
        subprocess.run([*self.here, "sh", "-c", write], check=True)


def _ip(command: str) -> str:
    done = subprocess.run(["ip", *command.split()], check=True, capture_output=True, text=True)
    return done.stdout


def _join(net: Link, name: str) -> None:
    """Make the way between them, and wait until it is open."""
    _ip(
        f"link add {name} netns {net.near} address {NEAR_MAC} type veth"
        f" peer name {name} netns {net.far} address {FAR_MAC}"
    )
    for space in net:
        _ip(f"-n {space} link set lo up")
        _ip(f"-n {space} link set {name} up")
    end = time.monotonic() + UP_SECONDS
    while any("state UP" not in _ip(f"-n {space} link show {name}") for space in net):
        assert time.monotonic() < end
        time.sleep(0.02)


def _address(net: Link, name: str) -> None:
    """Tell both hosts who and where they are, so that nothing is lost while they would ask."""
    for space, own, other, mac in (
        (net.near, NEAR, FAR, FAR_MAC),
        (net.far, FAR, NEAR, NEAR_MAC),
    ):
        _ip(f"-n {space} address add {own['inet']}/{PREFIX['inet']} dev {name}")
        _ip(f"-n {space} address add {own['inet6']}/{PREFIX['inet6']} dev {name} nodad")
        for address in other.values():
            _ip(f"-n {space} neighbour replace {address} lladdr {mac} dev {name} nud permanent")
    for family, sources in FORGED.items():
        _ip(f"-n {net.near} route add {sources} via {FAR[family]}")
        _ip(f"-n {net.far} route add blackhole {sources}")


@contextmanager
def link() -> Iterator[Link]:
    """Two hosts and the way between them."""
    name = f"kf{secrets.token_hex(4)}"
    net = Link(f"{name}n", f"{name}f")
    try:
        for space in net:
            _ip(f"netns add {space}")
        _join(net, name)
        _address(net, name)
        yield net
    finally:
        for space in net:
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)
