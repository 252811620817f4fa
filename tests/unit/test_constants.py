# SPDX-License-Identifier: Apache-2.0
import socket

from kflowd import constants


def test_numbers_are_those_of_linux() -> None:
    """Written down, because a recording is read on other machines too."""
    for name in ("AF_INET", "AF_INET6", "IPPROTO_TCP", "IPPROTO_UDP"):
        assert getattr(constants, name) == getattr(socket, name)
