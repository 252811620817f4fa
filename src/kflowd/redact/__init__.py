# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of the arguments of processes, ahead of all that keeps or passes them on.

`rules.py` is the table of what is a secret. A secret is replaced by three asterisks, whatever its
length; what names it stays: `--password ***`, `https://user:***@host/`.
"""

from kflowd.redact import hint
from kflowd.redact.text import redact_text
from kflowd.redact.words import redact_words

MAX_PASSES = 6
_HINT = hint.pattern()


def redact_args(raw: bytes, *, cut: bool = False) -> bytes:
    """Return arguments without the secrets that a rule knows; what has none is the same object.

    Args:
        raw: As the kernel has them, a NUL behind each; any bytes.
        cut: Their end is missing: the last one may end within a secret.
    """
    if _HINT.search(raw.lower()) is None and not cut:
        return raw
    # what was hidden may part what stands beside it in another way: a replay must find no more
    for _ in range(MAX_PASSES):
        before, raw = raw, _pass(raw, cut=cut)
        if raw == before:
            return before
    return raw


def _pass(raw: bytes, *, cut: bool) -> bytes:
    redacted, lines = redact_words(raw)
    words = redacted.split(b"\0")
    last = len(words) - 1
    return b"\0".join(
        redact_text(word, line=number in lines, cut=cut and number == last) if word else word
        for number, word in enumerate(words)
    )
