# SPDX-License-Identifier: Apache-2.0
import re

from kflowd.serialize.legend import KEY_WIDTH, legend
from kflowd.serialize.record import RECORDS, record_keys
from tools import fields_page


def test_every_key_and_word_is_explained() -> None:
    """As often as in docs/fields.md, whose table it is, with the same meaning."""
    lines = legend("x").splitlines()
    rows = re.findall(
        r"^\| `(\w+)`[ +]*\|(?:.* \|)? (.*) \|$", fields_page.generated(), re.MULTILINE
    )
    keys = {key for record in RECORDS for key in record_keys(record)}
    explained = {line.split()[0] for line in lines[2:] if line and not line.endswith(":")}
    assert keys <= explained
    assert {name for name, _ in rows} == explained
    text = "\n".join(lines)
    assert not [meaning for _, meaning in rows if meaning not in text]


def test_the_head_counts_what_follows() -> None:
    """Keys of two kinds of records count once."""
    head, counts, *lines = legend("kflowd 1").splitlines()
    keys = {line.split()[0] for line in lines if line and line[0] != " " and line[-1] != ":"}
    words = [line for line in lines if line.startswith("  ")]
    assert head == "kflowd 1"
    assert counts == f"Legend ({len(keys)} keys, {len(words)} subkeys):"


def test_meanings_are_aligned() -> None:
    """Behind a column for keys; words are indented below the key whose value has them."""
    lines = legend("x").splitlines()
    for line in lines[2:]:
        if line and not line.endswith(":"):
            assert line[KEY_WIDTH] == " "
            assert line[KEY_WIDTH + 1] != " "
    at = next(n for n, line in enumerate(lines) if line.startswith("FileEvents "))
    assert lines[at + 1].startswith("  CREATE  ")
