# SPDX-License-Identifier: Apache-2.0
import ssl

import pytest

from kflowd.protocols.tls.codes import ALERTS, alert_name, highest, is_grease, version_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0x0002, "SSL 2.0"),
        (0x0300, "SSL 3.0"),
        (0x0301, "TLS 1.0"),
        (0x0304, "TLS 1.3"),
        (0x7F1C, "TLS 1.3 draft 28"),
        (0x0305, "0x0305"),
        (0, "0x0000"),
    ],
)
def test_versions_have_names(number: int, name: str) -> None:
    """A number stands for one that has none."""
    assert version_name(number) == name


def test_alerts_are_those_of_openssl() -> None:
    """As far as Python names them."""
    prefix = "ALERT_DESCRIPTION_"
    for name, number in vars(ssl).items():
        if name.startswith(prefix):
            theirs = name.removeprefix(prefix).lower()
            assert ALERTS[number] == theirs.replace("cancelled", "canceled")
    assert alert_name(99) == "ALERT99"


def test_sixteen_numbers_stand_for_nothing() -> None:
    """RFC 8701 2."""
    found = [it for it in range(1 << 16) if is_grease(it)]
    assert found == [0x0A0A + 0x1010 * it for it in range(16)]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([], None),
        ([0x0A0A], None),
        ([0xFAFA, 0x0303, 0x0304, 0x0301], 0x0304),
        ([0x7F1C, 0x0303], 0x0303),
        ([0x7F1C, 0x7F17, 0x9999], 0x7F1C),
        ([0x9999, 0x9998], 0x9999),
        ([0x0305, 0x0302], 0x0302),
    ],
)
def test_the_highest_version_is_a_known_one(numbers: list[int], found: int | None) -> None:
    """No number that only looks high."""
    assert highest(numbers) == found
