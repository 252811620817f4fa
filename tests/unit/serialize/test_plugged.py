# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Iterator

import pytest

from kflowd.model import Messages
from kflowd.protocols import Message
from kflowd.protocols.base import Direction
from kflowd.serialize.blocks.socket import AppTx, SocketBlock
from kflowd.serialize.messages import said
from kflowd.serialize.plugged import MESSAGES_PATTERN, plug, plugged
from kflowd.serialize.record import FileRecord, ServerRecord, record_keys

REDIS = "AppTxRedis"


@pytest.fixture
def redis() -> Iterator[None]:
    plug(["Redis"])
    yield
    plug([])


@pytest.mark.usefixtures("redis")
def test_records_have_keys_for_what_plugins_read() -> None:
    """Behind those of kflowd, where messages stand; other blocks are as they were."""
    keys = record_keys(ServerRecord)
    assert keys.index("AppRxTls") + 1 == keys.index("AppRxRedis") < keys.index("AppTxRedis")
    assert "AppTxRedis" not in record_keys(FileRecord)
    assert plugged(SocketBlock) is SocketBlock
    assert issubclass(plugged(AppTx), AppTx)


@pytest.mark.usefixtures("redis")
def test_messages_of_plugins_are_in_them() -> None:
    """As those of kflowd's own decoders."""
    message = Message(9, Direction.TX, {"Line": "get a"})
    found = said(Messages("REDIS", "Redis", stamped=True, messages=(message,)), 4)
    assert found.tx is not None
    assert [dict(it)["Line"] for it in getattr(found.tx, REDIS)] == ["get a"]
    assert found.rx is None


def test_without_plugins_there_are_none() -> None:
    """A word that is not known has no key, and nothing that was said is no application."""
    assert plugged(AppTx) is AppTx
    message = Message(9, Direction.TX, {"Line": "get a"})
    assert said(Messages("REDIS", "Redis", stamped=True, messages=(message,)), 4).tx is None
    assert said(Messages("REDIS", "Redis", stamped=True, messages=()), 4).app is None


def test_all_keys_of_messages_look_so() -> None:
    """The schema has them by their pattern."""
    assert all(re.fullmatch(MESSAGES_PATTERN, it) for it in AppTx.__struct_fields__)
    assert not any(re.fullmatch(MESSAGES_PATTERN, it) for it in record_keys(FileRecord))
