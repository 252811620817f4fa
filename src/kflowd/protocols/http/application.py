# SPDX-License-Identifier: Apache-2.0
"""HTTP as an application: these versions of it are streams."""

from kflowd.protocols.base import Conversation
from kflowd.protocols.http import words
from kflowd.protocols.http.conversation import HttpConversation
from kflowd.protocols.streams import StreamApplication


class Http(StreamApplication):
    """Decodes requests and responses."""

    name, key, unreadable = "HTTP", "Http", words.UNREADABLE

    def conversation(self, *, joined: bool) -> Conversation:
        """Return a decoder for a new connection."""
        return HttpConversation(self.limits, joined=joined)


HTTP = Http()
