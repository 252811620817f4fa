# SPDX-License-Identifier: Apache-2.0
"""The part of a page that a tool writes: what stands between two marks."""


def marked(text: str, begin: str, end: str, made: str) -> str:
    """Return a page with a text between its two marks."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{made}\n{end}{after}"
