# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.enrich import links
from kflowd.enrich.links import interface_of, interfaces_here, messages


def attribute(kind: int, value: bytes) -> bytes:
    raw = links.ATTRIBUTE.pack(links.ATTRIBUTE.size + len(value), kind) + value
    return raw + bytes(-len(raw) % 4)


def link(number: int, *attributes: bytes) -> bytes:
    return links.LINK.pack(0, 1, number, 0, 0) + b"".join(attributes)


def message(kind: int, payload: bytes) -> bytes:
    return links.HEAD.pack(links.HEAD.size + len(payload), kind, 0, 1, 0) + payload


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (b"\x0c\xc4\x7a\x88\x84\xc2", "0c:c4:7a:88:84:c2"),
        (b"\xc0\x00\x02\x01", "c0:00:02:01"),
        (bytes(range(20)), ":".join(f"{byte:02x}" for byte in range(20))),
        (b"", ""),
    ],
    ids=["Ethernet", "a tunnel", "InfiniBand", "none"],
)
def test_addresses_are_whole(address: bytes, expected: str) -> None:
    """Whatever their size is, and as sysfs shows them."""
    attributes = (attribute(links.IFLA_ADDRESS, address), attribute(links.IFLA_IFNAME, b"x0\0"))
    assert interface_of(link(7, *attributes)) == (7, "x0", expected)


def test_a_name_may_be_any_bytes() -> None:
    """What is no UTF-8 is replaced; other attributes are passed over."""
    name = attribute(links.IFLA_IFNAME, b"a\xff\0")
    assert interface_of(link(1, attribute(99, b"abc"), name)) == (1, "a\ufffd", "")


def test_messages_follow_each_other() -> None:
    """A size that makes no sense ends nothing early and reads nothing twice."""
    part = message(16, b"one!") + message(3, b"end!") + links.HEAD.pack(0, 9, 0, 0, 0)
    assert list(messages(part)) == [(16, b"one!"), (3, b"end!"), (9, b"")]


def test_interfaces_of_this_host_are_as_in_sysfs() -> None:
    """Numbers, names and addresses of all; with a limit, the first ones."""
    found = interfaces_here(1 << 20)
    assert {name for _, name, _ in found} == {path.name for path in Path("/sys/class/net").iterdir()
                                             if path.is_dir()}  # fmt: skip
    for number, name, address in found:
        folder = Path("/sys/class/net") / name
        assert int((folder / "ifindex").read_text()) == number
        assert (folder / "address").read_text().strip() == address
    assert interfaces_here(1) == found[:1]
