# SPDX-License-Identifier: Apache-2.0
"""What both ends of a connection with TLS have agreed on, from their hellos."""

from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from kflowd.serialize.record import SocketRecord

Hellos = list[dict[str, Any]]
APP = "TLS"


class Handshake(NamedTuple):
    """What is known of it; "" is not known.

    Attributes:
        offered: Highest version that the client offers, "TLS 1.3".
        chosen: Version that the server has chosen.
        name: Of the server, as the client asks for it.
        protocol: Of the application, that the server has chosen.
        trouble: First alert, or what could not be read.
    """

    offered: str = ""
    chosen: str = ""
    name: str = ""
    protocol: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        """Return all of it in short: `TLS 1.3 example.org`."""
        words = (self.chosen or self.offered, self.name, self.trouble)
        return " ".join(filter(None, words))


def handshake(record: SocketRecord) -> Handshake:
    """Return what the hellos of a record say; they are text of others."""
    sent = _hellos(UNSET if record.app_tx is None else record.app_tx.AppTxTls)
    received = _hellos(UNSET if record.app_rx is None else record.app_rx.AppRxTls)
    serves = record.socket.SockRole == "SERVER"
    client, server = (received, sent) if serves else (sent, received)
    offered = next((it for it in client if "Version" in it), {})
    chosen = next((it for it in server if "Version" in it and "Retry" not in it), {})
    troubles = (
        str(it[key]) for it in (*client, *server) for key in ("Alert", "_Exception") if key in it
    )
    return Handshake(
        str(offered.get("Version", "")),
        str(chosen.get("Version", "")),
        str(offered.get("Sni", "")),
        str(next(iter(chosen.get("Alpn", ())), "")),
        next(troubles, ""),
    )


def _hellos(messages: Hellos | UnsetType) -> Hellos:
    return [] if messages is UNSET else messages
