# SPDX-License-Identifier: Apache-2.0
from kflowd.serialize.hosts import HostFacts, Hosts


def names(hosts: Hosts, *times: int) -> list[str]:
    """Return the host's name at each of these times."""
    return [hosts.at(each).InfoHostName for each in times]


def test_a_moment_has_the_host_of_that_time() -> None:
    """What is found later does not change what was; the first holds from ever on."""
    hosts = Hosts()
    hosts.take(HostFacts("one"))
    hosts.take(HostFacts("two", host_since_ns=10))
    hosts.take(HostFacts("three", host_since_ns=20))
    assert names(hosts, 0, 9, 10, 19, 20, 99) == ["one", "one", "two", "two", "three", "three"]


def test_the_same_again_is_the_same_object() -> None:
    """Sessions with news of something else repeat the host."""
    hosts = Hosts()
    hosts.take(HostFacts("one"))
    hosts.take(HostFacts("two", host_since_ns=10))
    before = hosts.at(10)
    hosts.take(HostFacts("two", host_since_ns=10))
    assert hosts.at(10) is before
    assert names(hosts, 9, 10) == ["one", "two"]


def test_an_earlier_time_replaces_what_came_later() -> None:
    """A stream that begins anew has one host again."""
    hosts = Hosts()
    hosts.take(HostFacts("one", host_since_ns=10))
    hosts.take(HostFacts("two"))
    assert names(hosts, 0, 10) == ["two", "two"]


def test_old_hosts_are_forgotten() -> None:
    """What is older than all that are known has the oldest."""
    hosts = Hosts(max_hosts=2)
    for since, name in enumerate(("one", "two", "three"), 1):
        hosts.take(HostFacts(name, host_since_ns=since))
    assert names(hosts, 0, 1, 2, 3) == ["two", "two", "two", "three"]
