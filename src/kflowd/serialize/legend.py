# SPDX-License-Identifier: Apache-2.0
"""The legend: what each key of a record means, on one line each."""

from collections.abc import Iterator

from kflowd.serialize.keys import Key, keys_of
from kflowd.serialize.sections import SECTIONS, WORDS

KEY_WIDTH = 26
WORD_WIDTH = KEY_WIDTH - 2


def legend(head: str) -> str:
    """Return the legend, without a line end.

    Args:
        head: Its first line.
    """
    keys = {key.name for _, blocks in SECTIONS for block in blocks for key in keys_of(block)}
    words = sum(len(each.meanings) for each in WORDS)
    return "\n".join((head, f"Legend ({len(keys)} keys, {words} subkeys):", *_sections()))


def _sections() -> Iterator[str]:
    explained: set[str] = set()
    for title, blocks in SECTIONS:
        yield ""
        yield f"{title}:"
        for key in (key for block in blocks for key in keys_of(block)):
            yield _line(key)
            # once is enough: some keys are in two kinds of records
            if key.name not in explained:
                explained.add(key.name)
                yield from _words(key.name)


def _line(key: Key) -> str:
    when = f" ({key.when})" if key.when else ""
    return f"{key.name:<{KEY_WIDTH}} {key.legend}{when}"


def _words(key: str) -> Iterator[str]:
    for each in WORDS:
        if each.key == key:
            for word, meaning in each.meanings.items():
                yield f"  {word:<{WORD_WIDTH}} {meaning}"
