# SPDX-License-Identifier: Apache-2.0
"""TLS as an application: how connections begin."""

from kflowd.protocols.base import Conversation
from kflowd.protocols.streams import StreamApplication
from kflowd.protocols.tls.conversation import TlsConversation
from kflowd.protocols.tls.hello import EXCEPTION


class Tls(StreamApplication):
    """Decodes hellos; nothing is read of what is encrypted."""

    name, key, unreadable = "TLS", "Tls", EXCEPTION

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return TlsConversation(self.limits, joined=joined)


TLS = Tls()
