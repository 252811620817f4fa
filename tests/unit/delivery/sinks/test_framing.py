# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.sinks.framing import NEWLINE, RECORD, framed, taken


@given(st.lists(st.binary(max_size=5), max_size=6), st.sampled_from((NEWLINE, RECORD)), st.data())
def test_what_was_taken_and_the_rest_are_all(
    texts: list[bytes], separator: bytes, data: st.DataObject
) -> None:
    """Wherever a write ended."""
    whole_text = framed(texts, separator)
    written = data.draw(st.integers(0, len(whole_text)))
    whole, rest = taken(texts, separator, written)
    assert (
        framed(texts[:whole], separator) + framed(texts[whole:], separator)[:rest]
        == (whole_text[:written])
    )
    assert whole == len(texts) or rest < len(texts[whole]) + len(separator)
