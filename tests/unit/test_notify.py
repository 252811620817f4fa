# SPDX-License-Identifier: Apache-2.0
import os
import socket
from pathlib import Path

import pytest

from kflowd import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_state_arrives(
    abstract: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A listener gets the state, by path and by abstract name."""
    name = f"kflowd-unit-{os.getpid()}" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if abstract else name)
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        notify.send(notify.READY)
        assert listener.recv(100) == b"READY=1"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a listener nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.send(notify.READY)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify.send(notify.STOPPING)


def test_reading_settings_again_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In microseconds, as Type=notify-reload wants it."""
    monkeypatch.setattr("time.monotonic_ns", lambda: 7_999_999)
    assert notify.reloading() == "RELOADING=1\nMONOTONIC_USEC=7999"
