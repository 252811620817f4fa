# SPDX-License-Identifier: Apache-2.0
from kflowd.delivery.sinks.body import LINES


def test_lines() -> None:
    """A text is one; what a server says of them says nothing, and 5xx is no last word."""
    assert LINES.make([b"a", b"b"]) == b"a\nb\n"
    assert LINES.content_type == "application/x-ndjson"
    assert LINES.rejected(b'{"partialSuccess":{"rejectedLogRecords":"3"}}') == 0
    later = [it for it in range(300, 600) if LINES.later(it)]
    assert later == [408, 425, 429, *range(500, 600)]
