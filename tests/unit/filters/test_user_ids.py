# SPDX-License-Identifier: Apache-2.0
import threading
import time

from kflowd.filters.user_ids import look_up, named_users
from kflowd.settings.rules import Rule


def test_names_in_rules() -> None:
    """Numbers are none, other keys have none, and each name counts once."""
    rules = [Rule("user", ("root", "0", "alice")), Rule("exe", ("sh",)), Rule("user", ("root",))]
    assert named_users(rules) == ["root", "alice"]


def test_numbers_of_names() -> None:
    """What nobody knows is left out."""
    assert look_up(["root", "no such user, surely"]) == {"root": 0}


def test_a_name_service_that_hangs() -> None:
    """It is given up; what was known before stays."""
    ends = threading.Event()

    def ask(name: str) -> int:
        if name == "slow":
            ends.wait(30)
        return 7

    began = time.monotonic()
    assert look_up(["quick", "slow", "later"], ask, 0.2) == {"quick": 7}
    assert time.monotonic() - began < 5
    ends.set()
