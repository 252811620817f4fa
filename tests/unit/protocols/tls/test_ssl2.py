# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.tls import ssl2
from tests.unit.protocols.tls.make import older_client, older_server


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (older_client(), 0x0002),
        (older_client(0x0301, 32), 0x0301),
        (older_server(), 0x0002),
        (older_client(0x0201), None),
        (older_client(challenge=15), None),
        (older_client() and b"\x80\x2e" + older_client()[2:], None),
        (older_server()[:3] + b"\x02" + older_server()[4:], None),
        (b"\x80\x2e\x05" + bytes(20), None),
    ],
)
def test_hellos_are_known_by_their_lengths(data: bytes, version: int | None) -> None:
    """Those of other protocols are not as long as their parts say."""
    assert ssl2.version_of(data[: ssl2.BYTES]) == version


def test_what_may_become_one_is_known_by_three_bytes() -> None:
    """The rest is waited for."""
    assert all(ssl2.may_begin(older_client()[:size]) for size in range(1, 12))
    assert all(ssl2.may_begin(older_server()[:size]) for size in range(1, 12))
    assert not ssl2.may_begin(b"\x16")
    assert not ssl2.may_begin(b"\x80\x2e\x05")
