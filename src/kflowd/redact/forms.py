# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of forms as HTTP sends them: names with %XX, and parts of multipart bodies.

All of it takes time linear in the length of the text, whatever that is.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

HIDDEN = b"***"
MOST_NAME = 64
# a field whose name has an escape (RFC 3986 2.1)
ESCAPED = re.compile(
    rb"(?<![\w.%\[\]+-])(?P<name>[\w.%\[\]+-]*%[0-9A-Fa-f]{2}[\w.\[\]+-]*)=(?P<value>[^&#\s\"']+)"
)
# a part of multipart/form-data (RFC 7578 4.2)
PART = re.compile(
    rb"(?P<head>content-disposition:[^\r\n]*[; \t]name=\"?(?P<name>[^\"\r\n;]{1,64})[^\r\n]*\r?\n"
    rb"(?:[^\r\n]+\r?\n){0,4}\r?\n)(?P<value>(?:(?!\r?\n--).)+)",
    re.IGNORECASE | re.DOTALL,
)


def redact_forms(text: bytes, is_secret: Callable[[bytes], bool]) -> bytes:
    """Return a text without the values of fields that are secret by their names.

    Args:
        text: Query or body.
        is_secret: Says it of a name, in plain letters.
    """

    def escaped(found: re.Match[bytes]) -> bytes:
        # of a longer one the end tells: user[password]
        name = unquote_to_bytes(found["name"][-3 * MOST_NAME :])
        hidden = is_secret(name.strip(b"[]"))
        return found["name"] + b"=" + HIDDEN if hidden else found[0]

    def part(found: re.Match[bytes]) -> bytes:
        return found["head"] + HIDDEN if is_secret(found["name"]) else found[0]

    if b"%" in text:
        text = ESCAPED.sub(escaped, text)
    return PART.sub(part, text) if b"form-data" in text else text
