# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.fim.consumers import compare, decode, encode
from kflowd.fim.consumers.access import rules
from tests.fuzz.files import KEY, NAMES, fuzz


def test_readings_are_kept_and_compared() -> None:
    """M1, M2: a grant is added, then gone; what was kept compares as what was read."""
    old = rules(b"- : ALL : ALL\n", KEY)
    new = rules(b"+ : bob : LOCAL\n- : ALL : ALL\n", KEY)
    came = compare("access_rule", decode(encode(old)), new)
    assert [it["Users"] for it in came.added] == [["bob"]]
    assert came.removed == []
    gone = compare("access_rule", new, decode(encode(old)))
    assert gone.removed == came.added


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_nearly_right_are_read(name: str) -> None:
    """A part of `python -m tests.fuzz`: nothing is raised, no hash is shown, none takes long."""
    fuzz(name, 300, 7)
