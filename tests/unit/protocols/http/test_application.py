# SPDX-License-Identifier: Apache-2.0
import msgspec

from kflowd.protocols import HTTP
from kflowd.protocols.base import Direction, Limits
from kflowd.protocols.http import Http
from tests.unit.protocols.http.talk import TX, UNREADABLE


def test_it_is_named_as_the_contract_has_it() -> None:
    """App is HTTP, the lists are AppTxHttp and AppRxHttp, with a time each."""
    assert (HTTP.name, HTTP.key, HTTP.stamped) == ("HTTP", "Http", True)


def test_a_datagram_is_not_read() -> None:
    """These versions of HTTP are streams: a datagram says so, with its length."""
    (message,) = HTTP.datagram(TX, b"GET / HTTP/1.1\r\n\r\n", 18, 7)
    assert (message.members, message.length, message.ts_ns) == (UNREADABLE, 18, 7)


def test_limits_are_those_given() -> None:
    """A body is cut where the limits of the application say."""
    conversation = Http(Limits(body_bytes=3)).conversation(joined=False)
    (message,) = conversation.feed(TX, b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde", 1)
    assert message.members["_Body"] == "abc"
    assert message.notes == ["CUT"]
    assert message.length == 42


SENT = b"GET / HTTP/1.1\r\nHost: kflow.co\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
CAME = (
    b"HTTP/1.1 301 Moved Permanently\r\n"
    b"Date: Thu, 04 Apr 2024 15:49:12 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Length: 59\r\n"
    b"Connection: keep-alive\r\n"
    b"Location: https://kflowd.github.io\r\n"
    b"Server: ip-10-123-123-119.ec2.internal\r\n"
    b"X-Request-Id: 5c331cbe-fbe1-40ea-ba2b-989691e687a0\r\n\r\n"
    b'<a href="https://kflowd.github.io">Moved Permanently</a>.\n\n'
)
SAMPLE = (
    b'[{"_Method":"GET","_Url":"/","_Version":"HTTP/1.1","Host":"kflow.co",'
    b'"User-Agent":"curl/7.88.1","Accept":"*/*"},'
    b'{"_Version":"HTTP/1.1","_Status":301,"_Reason":"Moved Permanently",'
    b'"Date":"Thu, 04 Apr 2024 15:49:12 GMT","Content-Type":"text/html; charset=utf-8",'
    b'"Content-Length":"59","Connection":"keep-alive","Location":"https://kflowd.github.io",'
    b'"Server":"ip-10-123-123-119.ec2.internal",'
    b'"X-Request-Id":"5c331cbe-fbe1-40ea-ba2b-989691e687a0",'
    b'"_Body":"<a href=\\"https://kflowd.github.io\\">Moved Permanently</a>."}]'
)


def test_the_contracts_sample_is_given_byte_for_byte() -> None:
    """The exchange of the contract's sample has its members, order, types and text."""
    conversation = HTTP.conversation(joined=False)
    messages = conversation.feed(Direction.TX, SENT, 1) + conversation.feed(Direction.RX, CAME, 2)
    assert msgspec.json.encode([it.members for it in messages]) == SAMPLE
    assert [(it.notes, it.length) for it in messages] == [([], 0)] * 2
