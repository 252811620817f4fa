# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats import FORMATS
from kflowd.model import Messages, Role
from kflowd.protocols import NOTES, Direction, Message
from kflowd.serialize.blocks import messages as members
from kflowd.serialize.messages import said
from tests.unit.make import SECOND, named_socket
from tests.unit.serialize.text import builder

TX, RX = Direction.TX, Direction.RX
WRITE = FORMATS["json-min"]()


def messages(*those: Message, **changes: Any) -> Messages:
    values: dict[str, Any] = {"app": "DNS", "key": "Dns", "stamped": True, **changes}
    return Messages(messages=those, **values)


def text(messages: Messages | None, *, strict: bool = False, **changes: Any) -> bytes:
    """Return a record of a socket whose first event was at one second."""
    value = named_socket(first_ns=SECOND, messages=messages, **changes)
    return WRITE(builder(strict=strict).socket(value))


def pairs(raw: bytes) -> list[tuple[str, Any]]:
    """Return the members of a record, of objects in it as lists of pairs."""
    found: list[tuple[str, Any]] = json.loads(raw, object_pairs_hook=list)
    return found


ONE = Message(SECOND + 7, TX, {"TransactionId": 1, "Flags": ["RD"]})
TWO = Message(3 * SECOND, RX, {"TransactionId": 1})


@pytest.mark.parametrize(
    ("role", "keys"),
    [
        (Role.CLIENT, ["SockAge", "App", "AppTxDns", "AppRxDns"]),
        (Role.SERVER, ["SockAge", "App", "AppRxDns", "AppTxDns"]),
        (Role.NONE, ["SockAge", "App", "AppTxDns", "AppRxDns"]),
    ],
)
def test_messages_stand_behind_the_age(role: int, keys: list[str]) -> None:
    """Those of the client first."""
    names = [name for name, _ in pairs(text(messages(ONE, TWO), role=role))]
    at = names.index("SockAge")
    assert names[at : at + 4] == keys


def test_a_list_is_there_if_it_has_a_message() -> None:
    """And App if there is one at all."""
    record = dict(pairs(text(messages(TWO))))
    assert record["App"] == "DNS"
    assert "AppTxDns" not in record
    assert len(record["AppRxDns"]) == 1
    assert b"App" not in text(None)


def test_the_time_of_a_message_is_since_the_first_event() -> None:
    """It is 0 where it was before that, and absent where the protocol has none."""
    early = Message(SECOND - 1, TX, {})
    record = json.loads(text(messages(ONE, TWO, early)))
    assert b'"AppRxDns": [{"_Timestamp": 2.000000000, ' in text(messages(ONE, TWO))
    assert [it["_Timestamp"] for it in record["AppTxDns"]] == [7e-9, 0]
    raw = text(messages(TWO, app="SYSLOG", key="Syslog", stamped=False))
    assert b'"App": "SYSLOG", "AppRxSyslog": [{"TransactionId": 1}]' in raw


def test_what_is_wrong_stands_last_and_is_beyond_the_contract() -> None:
    """Notes and the true length; and how many messages there were."""
    cut = Message(SECOND, RX, {"A": "b"}, ["CUT", "GAP"], 700)
    (message,) = dict(pairs(text(messages(cut))))["AppRxDns"]
    assert message == [
        *(("_Timestamp", 0), ("A", "b"), ("_Notes", ["CUT", "GAP"]), ("_Length", 700))
    ]
    (message,) = dict(pairs(text(messages(cut), strict=True)))["AppRxDns"]
    assert message == [("_Timestamp", 0), ("A", "b")]
    assert dict(pairs(text(messages(ONE, TWO, more=5))))["AppMessages"] == 7
    assert b"AppMessages" not in text(messages(ONE, TWO, more=5), strict=True)
    assert b"AppMessages" not in text(messages(ONE))


def test_no_key_can_be_forged() -> None:
    """Neither one of kflowd's own, nor one twice."""
    forged = {"_Timestamp": "x", "_Notes": "x", "_Length": "x", "__Length": "y", "\udc80": "1"}
    forged |= {"\udc81": "2", chr(0xD800): "3", "ü": "4", 'a": 1, "b': "5", "App": "6"}
    hostile = Message(SECOND, TX, forged, ["CUT"], 9)
    (message,) = dict(pairs(text(messages(hostile))))["AppTxDns"]
    keys = [key for key, _ in message]
    assert len(set(keys)) == len(keys) == len(forged) + 3
    found = dict(message)
    assert (found["_Timestamp"], found["_Notes"], found["_Length"]) == (0, ["CUT"], 9)
    assert found["__Timestamp"] == "x"
    assert found['a": 1, "b'] == "5"


def test_an_application_without_keys_of_its_own_is_named() -> None:
    """Its messages have no place in the record."""
    raw = text(messages(ONE, TWO, app="LINE", key="Line"))
    assert b'"App": "LINE"' in raw
    assert b"AppTx" not in raw
    assert said(None, 0).app is None


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=9)
    | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=9,
)


@pytest.mark.parametrize("form", list(FORMATS))
@given(made=st.dictionaries(st.text(st.characters(), max_size=5), ANY, max_size=5))
def test_whatever_a_decoder_makes_is_a_record(form: str, made: dict[str, Any]) -> None:
    """In each form; and in those of JSON no key stands twice."""
    both = messages(Message(SECOND, TX, made), Message(SECOND, RX, made))
    record = builder().socket(named_socket(messages=both))
    raw = FORMATS[form]()(record)
    if form.startswith("json"):
        (message,) = dict(pairs(raw))["AppTxDns"]
        keys = [key for key, _ in message]
        assert len(set(keys)) == len(keys) == len(made) + 1


def test_deep_values_end() -> None:
    """What no decoder should make costs no record."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    (message,) = json.loads(text(messages(Message(SECOND, TX, {"A": deep}))))["AppTxDns"]
    assert str(message["A"]) == "[" * 7 + "'...'" + "]" * 7


def test_each_note_is_explained() -> None:
    """By the same words as in the decoders."""
    assert members.MESSAGE_NOTES is NOTES
