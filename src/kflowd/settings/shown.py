# SPDX-License-Identifier: Apache-2.0
"""Values as a message shows them, and texts as a file has them."""

from collections.abc import Iterable
from datetime import date, time

import msgspec

MAX_SHOWN = 60


def shown(value: object) -> str:
    """Return what was given as a message shows it: one short line, whatever it is."""
    match value:  # as a file has it
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case date() | time():  # a datetime is a date, too
            return value.isoformat()
        case list():  # whatever depth it has
            listed = ("[...]" if isinstance(it, list) else shown(it) for it in value)
            text = f"[{', '.join(listed)}]"
        case _:
            try:
                text = ascii(value)
            except ValueError:  # more digits than Python writes
                text = "a number of very many digits"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def quoted(text: str) -> str:
    """Return a text as a basic string of TOML.

    Raises:
        ValueError: It is no UTF-8.
    """
    # JSON escapes all that TOML wants escaped but for DEL
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def listed(texts: Iterable[str]) -> str:
    """Return texts as a list of TOML.

    Raises:
        ValueError: One is no UTF-8.
    """
    return f"[{', '.join(map(quoted, texts))}]"
