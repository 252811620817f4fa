# SPDX-License-Identifier: Apache-2.0
from kflowd.contract import constants
from kflowd.serialize.blocks.file import FILE_EVENTS


def test_file_events_follow_the_contract() -> None:
    """Every event has its name, in the order of the enum."""
    for position, (name, _) in enumerate(FILE_EVENTS):
        assert constants()[f"KF_FILE_{name}"] == position
    assert constants()["KF_FILE_EVENTS"] == len(FILE_EVENTS)
