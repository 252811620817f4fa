# SPDX-License-Identifier: Apache-2.0
import tomllib

import pytest

from kflowd.settings.shown import listed, quoted, shown


def test_long_values_are_cut() -> None:
    """A message stays short."""
    assert shown("x" * 99) == f"'{'x' * 56}..."
    assert shown(1 << 99_999) == "a number of very many digits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("true", "true"),
        ("1979-05-27", "1979-05-27"),
        ("07:32:00", "07:32:00"),
        ("1979-05-27T07:32:00Z", "1979-05-27T07:32:00+00:00"),
        ("inf", "inf"),
        ("{ a = 1 }", "a table"),
        ("[1, true, 1979-05-27, [[2]], 'x']", "[1, true, 1979-05-27, [...], 'x']"),
        (f"[{'1, ' * 50}]", f"[{'1, ' * 18}1,..."),
    ],
)
def test_values_are_shown_as_a_file_has_them(text: str, message: str) -> None:
    """Not as Python writes them."""
    assert shown(tomllib.loads(f"a = {text}")["a"]) == message


def test_texts_as_a_file_has_them() -> None:
    """What TOML wants escaped is; what is no UTF-8 has no place there."""
    texts = ["", 'a"\\\n\x7f\xe4', "\0"]
    assert tomllib.loads(f"a = {listed(texts)}")["a"] == texts
    with pytest.raises(ValueError, match="surrogates"):
        quoted("\udcff")
