# SPDX-License-Identifier: Apache-2.0
from kflowd.delivery.formats.screen import COLOURS, PAPER, RESET, Screen, painted


def test_words_are_painted_where_there_are_colours() -> None:
    """And nowhere else; a kind without a colour is plain."""
    assert painted("file", "file", PAPER) == "file"
    assert painted("file", "file", Screen(80, colours=True)) == f"{COLOURS['file']}file{RESET}"
    assert painted("x", "x", Screen(80, colours=True)) == "x"
