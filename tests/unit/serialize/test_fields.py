# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from kflowd.contract import constants
from kflowd.serialize import contract, fields

KINDS = (
    *(fields.FILE_RECORD, fields.CLIENT_RECORD, fields.SERVER_RECORD),
    *(fields.UNIX_CLIENT_RECORD, fields.UNIX_SERVER_RECORD, fields.HEALTH_RECORD),
)


@pytest.mark.parametrize("members", KINDS)
def test_no_key_stands_twice(members: tuple[fields.Field, ...]) -> None:
    """A record is one flat object."""
    names = [member.name for member in members]
    assert len(names) == len(set(names))


def test_every_field_is_explained() -> None:
    """The legend of a key is one line that fits a terminal."""
    for members in KINDS:
        for member in members:
            assert member.kind in fields.PYTHON_TYPES
            assert 0 < len(member.legend) <= 70


def test_records_have_the_keys_of_their_blocks() -> None:
    """The structs are made from the table."""
    for record, members in zip(contract.RECORDS, KINDS, strict=True):
        assert record.__struct_encode_fields__ == tuple(member.name for member in members)


def test_what_is_sent_comes_first_for_clients_only() -> None:
    """CLIENT: TX then RX; SERVER: RX then TX."""
    client = contract.ClientRecord.__struct_fields__
    server = contract.ServerRecord.__struct_fields__
    assert set(client) == set(server)
    assert client.index("SockTxInterface") < client.index("SockRxInterface")
    assert server.index("SockTxInterface") > server.index("SockRxInterface")


def test_health_follows_the_counters_of_the_contract() -> None:
    """Every kernel counter has its key, in the order of the enum."""
    counters = {value: name for name, value in constants().items() if name.startswith("KF_CNT_")}
    del counters[constants()["KF_CNT_MAX"]]
    keys = [
        re.sub(r"(?<!^)([A-Z])", r"_\1", field.name.removeprefix("Health")).upper()
        for field in fields.HEALTH_KERNEL
    ]
    assert [f"KF_CNT_{key}" for key in keys] == [counters[number] for number in sorted(counters)]


def test_file_events_follow_the_contract() -> None:
    """Every event has its name, in the order of the enum."""
    for position, (name, _) in enumerate(fields.FILE_EVENTS):
        assert constants()[f"KF_FILE_{name}"] == position
    assert constants()["KF_FILE_EVENTS"] == len(fields.FILE_EVENTS)
