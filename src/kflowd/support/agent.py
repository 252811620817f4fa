# SPDX-License-Identifier: Apache-2.0
"""What a running agent counts, asked at the place where it answers Prometheus."""

import socket
from http.client import HTTPConnection, HTTPException

from kflowd.errors import KflowdError
from kflowd.settings.servers import Listen

TIMEOUT_S = 3.0
MOST_BYTES = 1 << 20
# Who listens at all addresses is reached at these.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class _UnixConnection(HTTPConnection):
    """HTTP at the path of a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def metrics_of(listen: Listen) -> str:
    """Return the text that a running agent gives Prometheus.

    Raises:
        KflowdError: Nobody answers there, or it is something else.
    """
    host = ANYWHERE.get(listen.host, listen.host)
    connection = (
        _UnixConnection(listen.path)
        if listen.path
        else HTTPConnection(host, listen.port, timeout=TIMEOUT_S)
    )
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise KflowdError(f"asking {listen}: {error.strerror or error}") from None
    except HTTPException as error:
        raise KflowdError(f"asking {listen}: no HTTP: {type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status != 200 or "kflowd_build_info" not in text:
        raise KflowdError(f"asking {listen}: it is no kflowd (HTTP {answer.status})")
    return text
