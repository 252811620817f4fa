# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.top.rows import SORTS
from kflowd.top.view import MOST_FILTER, View


def pressed(*keys: str) -> View:
    """Return the view after some keys."""
    view = View()
    for key in keys:
        view.press(key)
    return view


@pytest.mark.parametrize(
    ("keys", "sort"),
    [("", "RATE"), ("s", "PID"), (">", "PID"), ("<", "CONNS"), ("<>", "RATE"), ("s" * 9, "RATE")],
)
def test_the_order_turns(keys: str, sort: str) -> None:
    """By s, < and >, as the arrows do, round and round."""
    assert len(SORTS) == 9
    assert pressed(*keys).sort == sort
    assert pressed(*({"<": "left", ">": "right"}.get(key, key) for key in keys)).sort == sort


def test_a_filter_is_written() -> None:
    """Letters that are keys else are letters there; Enter keeps it, Escape clears it."""
    view = pressed("/", *"qspx", "backspace")
    assert (view.filter, view.editing, view.done, view.paused) == ("qsp", True, False, False)
    view.press("left")
    view.press("enter")
    assert (view.filter, view.editing) == ("qsp", False)
    view.press("escape")
    assert view.filter == ""
    assert pressed("/", "a", "escape").editing is False
    assert len(pressed("/", *"x" * 1000).filter) == MOST_FILTER


def test_it_ends() -> None:
    """By q, and by Ctrl-C also where it is no signal."""
    assert pressed("q").done
    assert pressed("/", "interrupt").done


def test_it_is_paused_and_goes_on() -> None:
    """By p; other keys do nothing."""
    assert pressed("p").paused
    assert not pressed("p", "p").paused
    assert vars(pressed("x", "enter", "backspace")) == vars(View())
