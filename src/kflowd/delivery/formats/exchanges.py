# SPDX-License-Identifier: Apache-2.0
"""Questions and their answers, of the messages of DNS and HTTP that a record has.

DNS says which belong together. Of HTTP/1 their order does, as long as none is missing; with HTTP/2
a record does not have what tells it, and each message stands alone.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from msgspec import UNSET, Raw

from kflowd.constants import SECOND_NS
from kflowd.serialize.record import Record, SocketRecord

Message = dict[str, Any]
DNS, HTTP = "DNS", "HTTP"
MULTIPLEXED = "HTTP/2"
SWITCHING = 101


class Exchange(NamedTuple):
    """A question and its answer; one of them may be missing.

    Attributes:
        app: DNS or HTTP.
        asked: By this end.
        question: Its members, {} if there is none.
        answer: As above.
        question_ns: When it came, nanoseconds since 1970; None: there is none.
        answer_ns: As above.
    """

    app: str
    asked: bool
    question: Message = {}  # noqa: RUF012 - nobody changes a message
    answer: Message = {}  # noqa: RUF012 - as above
    question_ns: int | None = None
    answer_ns: int | None = None

    @property
    def ns(self) -> int:
        """When the last of it came, nanoseconds since 1970."""
        return self.answer_ns if self.answer_ns is not None else self.question_ns or 0


class ExchangeRecord(SocketRecord, frozen=True, kw_only=True, gc=False):
    """One exchange over a socket, beside the record of the socket, whose stamp it has."""

    ORDER: ClassVar[tuple[str, ...]] = (
        *Record.ORDER,
        *("process", "age", "socket", "socket_age", "app", "details"),
    )

    exchange: Exchange


class _Said(NamedTuple):
    """A message.

    Attributes:
        ns: When it came, nanoseconds since 1970.
        answer: It is one, else it is a question.
        sent: By this end.
        message: Its members.
    """

    ns: int
    answer: bool
    sent: bool
    message: Message


def exchange_records(record: Record) -> list[ExchangeRecord]:
    """Return a record for each exchange of one of a socket."""
    if not isinstance(record, SocketRecord) or record.app is None:
        return []
    blocks = {name: getattr(record, name) for name in SocketRecord.__struct_fields__}
    return [ExchangeRecord(**blocks, exchange=each) for each in exchanges(record)]


def exchanges(record: SocketRecord) -> list[Exchange]:
    """Return the exchanges of a record in the order in which they began.

    Messages that could not be read are in none, nor are interim responses of HTTP.
    """
    app = "" if record.app is None else record.app.App
    if app not in (DNS, HTTP):
        return []
    said = sorted(_messages(record, app), key=lambda it: (it.ns, it.answer))
    # without notes it is not known whether a message is missing between others
    noted = record.extra is not None
    return _by_number(said) if app == DNS else _in_order(said, noted=noted)


def _messages(record: SocketRecord, app: str) -> Iterator[_Said]:
    first_ns = record.stamp.InfoTimestamp - record.socket_age.SockAge
    name = app.capitalize()
    for sent, block in ((True, record.app_tx), (False, record.app_rx)):
        listed = UNSET if block is None else getattr(block, f"App{'Tx' if sent else 'Rx'}{name}")
        for message in () if listed is UNSET else listed:
            answer = _is_answer(message, app)
            if answer is not None:
                yield _Said(first_ns + _since_ns(message), answer, sent, message)


def _is_answer(message: Message, app: str) -> bool | None:
    """Say whether a message is an answer; None: it is neither that nor a question."""
    if app == DNS:
        if "OpCode" in message:
            return False
        return True if "ResponseCode" in message else None
    # a header may be called as a member of DNS is
    if "_Method" in message:
        return False
    status = message.get("_Status")
    told = isinstance(status, int) and (status == SWITCHING or not 100 <= status < 200)
    return True if told else None


def _since_ns(message: Message) -> int:
    """Return the time of a message, nanoseconds since the first event of its socket."""
    value = message.get("_Timestamp")
    if not isinstance(value, Raw):
        return 0
    whole, _, fraction = bytes(value).partition(b".")
    return int(whole) * SECOND_NS + int(fraction or 0)


def _by_number(said: list[_Said]) -> list[Exchange]:
    """Pair messages of DNS: an answer has the number of its question."""
    made: list[Exchange] = []
    waiting: dict[tuple[bool, int], deque[int]] = {}
    for it in said:
        number = (it.sent != it.answer, it.message["TransactionId"])
        if it.answer and waiting.get(number):
            at = waiting[number].popleft()
            made[at] = made[at]._replace(answer=it.message, answer_ns=it.ns)
            continue
        if not it.answer:
            waiting.setdefault(number, deque()).append(len(made))
        made.append(_alone(DNS, it))
    return made


def _in_order(said: list[_Said], *, noted: bool) -> list[Exchange]:
    """Pair messages of HTTP/1: answers come in the order of questions, if none is missing."""
    made: list[Exchange] = []
    waiting: deque[int] = deque()
    certain = noted
    for it in said:
        missing = "GAP" in it.message.get("_Notes", ())
        certain = certain and not missing and it.message.get("_Version") != MULTIPLEXED
        if it.answer and waiting and certain and made[waiting[0]].asked != it.sent:
            at = waiting.popleft()
            made[at] = made[at]._replace(answer=it.message, answer_ns=it.ns)
            continue
        if not it.answer:
            waiting.append(len(made))
        made.append(_alone(HTTP, it))
    return made


def _alone(app: str, it: _Said) -> Exchange:
    if it.answer:
        return Exchange(app, not it.sent, answer=it.message, answer_ns=it.ns)
    return Exchange(app, it.sent, question=it.message, question_ns=it.ns)
