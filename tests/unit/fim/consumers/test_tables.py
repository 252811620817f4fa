# SPDX-License-Identifier: Apache-2.0
from hypothesis import given

from kflowd.fim.consumers.entries import Malformed
from kflowd.fim.consumers.tables import Line, table
from tests.unit.fim.consumers.inputs import HASH, KEY, content


def test_lines_are_fields_or_malformed() -> None:
    """Comments and empty lines are nothing; NIS and wrong counts are kept, and say why (W9)."""
    found = list(table(b"# x\n\n \t\na:b\n+::\na:b:c\n:b\n", 2, KEY))
    assert found[0] == Line([b"a", b"b"])
    assert [it.cause for it in found[1:] if isinstance(it, Malformed)] == [
        "an entry of NIS",
        "3 fields instead of 2",
        "no name",
    ]


def test_a_malformed_line_shows_a_name_and_no_hash() -> None:
    """A name is shown, what may be a hash is not, wherever it stands."""
    for line in (b"root:" + HASH, HASH + b":root", HASH, b"abJnggxhB/yWI:x"):
        (found,) = table(line, 9, KEY)
        assert isinstance(found, Malformed)
        assert found.text in {"", "root"}
        assert found.hidden


@given(content)
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises."""
    list(table(data, 7, KEY))
