# SPDX-License-Identifier: Apache-2.0
from typing import get_args, get_type_hints

import pytest

from kflowd.serialize.keys import Block, keys_of
from kflowd.serialize.record import (
    BEYOND_CONTRACT,
    RECORDS,
    FlowRecord,
    Record,
    ServerRecord,
    SocketRecord,
    UnixRecord,
    UnixServerRecord,
)


def blocks(record: type[Record]) -> list[type[Block]]:
    """Return the kinds of blocks of a record in the order of the output."""
    hints = get_type_hints(record)
    named = [get_args(hints[name]) or (hints[name],) for name in record.ORDER]
    return [each for kinds in named for each in kinds if issubclass(each, Block)]


@pytest.mark.parametrize("record", RECORDS)
def test_no_key_stands_twice(record: type[Record]) -> None:
    """A record is one flat object."""
    names = [key.name for block in blocks(record) for key in keys_of(block)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("record", RECORDS)
def test_records_have_the_keys_of_their_blocks(record: type[Record]) -> None:
    """Each block of a record has its place in the output, and no other has.

    Of a flow nobody knows the process.
    """
    unknown = {"process", "age", "details"} if record is FlowRecord else set()
    assert set(record.ORDER) == set(record.__struct_fields__) - unknown
    assert len(set(record.ORDER)) == len(record.ORDER)


@pytest.mark.parametrize("record", RECORDS)
def test_what_goes_beyond_the_contract_is_optional(record: type[Record]) -> None:
    """--strict leaves those blocks out; no other record has them."""
    hints = get_type_hints(record)
    for name in record.ORDER:
        kinds = get_args(hints[name]) or (hints[name],)
        assert type(None) in kinds or not set(kinds) & set(BEYOND_CONTRACT)
    beyond = [each in BEYOND_CONTRACT for each in blocks(record)]
    assert beyond == sorted(beyond), "what goes beyond the contract comes last"


@pytest.mark.parametrize(
    ("client", "server"), [(SocketRecord, ServerRecord), (UnixRecord, UnixServerRecord)]
)
def test_what_is_sent_comes_first_for_clients_only(
    client: type[Record], server: type[Record]
) -> None:
    """CLIENT: TX then RX; SERVER: RX then TX."""
    assert set(client.ORDER) == set(server.ORDER)
    for sent, received in (("tx", "rx"), ("app_tx", "app_rx")):
        if sent in client.ORDER:
            assert client.ORDER.index(sent) < client.ORDER.index(received)
            assert server.ORDER.index(sent) > server.ORDER.index(received)
    assert "app_tx" in client.ORDER
