# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from tests.fuzz.against import COMPARE, against

# `python -m tests.fuzz --against` has a million
MESSAGES = int(os.environ.get("KFLOWD_TEST_MESSAGES", "500"))
SEED = int(os.environ.get("KFLOWD_TEST_SEED", "12"))


@pytest.mark.timeout(60 + MESSAGES // 100)
@pytest.mark.parametrize("name", COMPARE)
def test_messages_are_those_of_another_reader(name: str) -> None:
    """Of dnspython, h11 and httptools, syslog_rfc5424_parser, OpenSSL."""
    assert against(name, MESSAGES, SEED) >= MESSAGES


def test_a_difference_names_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be made again."""
    seeds = iter([1, 1, 0])

    def differs(_random: object) -> int:
        made = next(seeds)
        assert made
        return made

    monkeypatch.setitem(COMPARE, "DNS", differs)
    with pytest.raises(AssertionError, match="DNS: seed 9"):
        against("DNS", 3, 7)
