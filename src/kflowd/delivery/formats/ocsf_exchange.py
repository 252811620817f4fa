# SPDX-License-Identifier: Apache-2.0
"""Exchanges of DNS and HTTP as OCSF's DNS activity and HTTP activity."""

from typing import Any

from msgspec import UNSET

from kflowd.delivery.formats.documents import Document, known
from kflowd.delivery.formats.exchanges import DNS, Exchange, ExchangeRecord, Message
from kflowd.delivery.formats.ocsf_event import (
    FAILURE,
    MILLISECOND_NS,
    SUCCESS,
    UNKNOWN,
    Activity,
    EventClass,
    actor_of,
    at,
    event_of,
)
from kflowd.delivery.formats.ocsf_network import (
    DESTINATION,
    INBOUND,
    LOCAL,
    OUTBOUND,
    SOURCE,
    connection_of,
    ends_of,
)
from kflowd.delivery.formats.targets import headers_of, target_of

HTTP_ACTIVITY = EventClass(4002, 4, "HTTP Activity")
DNS_ACTIVITY = EventClass(4003, 4, "DNS Activity")
METHODS = {
    "CONNECT": Activity(1, "Connect"),
    "DELETE": Activity(2, "Delete"),
    "GET": Activity(3, "Get"),
    "HEAD": Activity(4, "Head"),
    "OPTIONS": Activity(5, "Options"),
    "POST": Activity(6, "Post"),
    "PUT": Activity(7, "Put"),
    "TRACE": Activity(8, "Trace"),
    "PATCH": Activity(9, "Patch"),
}
OTHER = 99
QUERY, RESPONSE = Activity(1, "Query"), Activity(2, "Response")
TRAFFIC = Activity(6, "Traffic")
LEAST_ERROR = 400
NO_ERROR = "NOERROR"
# OCSF has numbers of the registry, and words of its own
RCODES = {
    NO_ERROR: (0, "NoError"),
    "FORMERR": (1, "FormError"),
    "SERVFAIL": (2, "ServError"),
    "NXDOMAIN": (3, "NXDomain"),
    "NOTIMP": (4, "NotImp"),
    "REFUSED": (5, "Refused"),
    "YXDOMAIN": (6, "YXDomain"),
    "YXRRSET": (7, "YXRRSet"),
    "NXRRSET": (8, "NXRRSet"),
    "NOTAUTH": (9, "NotAuth"),
    "NOTZONE": (10, "NotZone"),
    "DSOTYPENI": (11, "DSOTYPENI"),
    "BADVERS": (16, "BADSIG_VERS"),
    "BADKEY": (17, "BADKEY"),
    "BADTIME": (18, "BADTIME"),
    "BADMODE": (19, "BADMODE"),
    "BADNAME": (20, "BADNAME"),
    "BADALG": (21, "BADALG"),
    "BADTRUNC": (22, "BADTRUNC"),
    "BADCOOKIE": (23, "BADCOOKIE"),
}
OPCODES = {
    "QUERY": (0, "Query"),
    "IQUERY": (1, "Inverse Query"),
    "STATUS": (2, "Status"),
    "NOTIFY": (4, "Notify"),
    "UPDATE": (5, "Update"),
    "DSO": (6, "DSO Message"),
}
FLAGS = {
    "AA": (1, "Authoritative Answer"),
    "TC": (2, "Truncated Response"),
    "RD": (3, "Recursion Desired"),
    "RA": (4, "Recursion Available"),
}
# What attributes hold of messages, whole; headers are beside.
OF_DNS = frozenset(("_Timestamp", "TransactionId", "OpCode", "ResponseCode"))
OF_HTTP = frozenset(("_Timestamp", "_Method", "_Url", "_Version", "_Status", "_Reason"))


def exchange_event(record: ExchangeRecord) -> Document:
    """Return the event of an exchange; its sequence number is that of the record of its socket."""
    return _dns_event(record) if record.exchange.app == DNS else _http_event(record)


def _event(record: ExchangeRecord, of: EventClass, activity: Activity) -> Document:
    """Return what both classes have; who has asked is the source."""
    it = record.exchange
    local, remote = ends_of(record)
    source, destination = (local, remote) if it.asked else (remote, local)
    connection = connection_of(record)
    if connection["direction_id"] != LOCAL:
        connection["direction_id"] = OUTBOUND if it.asked else INBOUND
    event = event_of(record, of, activity)
    event |= {
        **at("time", it.ns),
        "app_protocol_name": it.app.lower(),
        "connection_info": connection,
        "observation_point_id": SOURCE if it.asked else DESTINATION,
        **known(actor=actor_of(record), src_endpoint=source, dst_endpoint=destination),
    }
    if it.question_ns is not None:
        event |= at("start_time", it.question_ns)
    if (took := _took(it)) is not None:
        event["duration"] = took
    return event


def _took(it: Exchange) -> int | None:
    """Return the time from question to answer in milliseconds; None: one is not there."""
    if it.question_ns is None or it.answer_ns is None:
        return None
    return max(it.answer_ns - it.question_ns, 0) // MILLISECOND_NS


def _dns_event(record: ExchangeRecord) -> Document:
    it = record.exchange
    activity = TRAFFIC if it.question and it.answer else QUERY if it.question else RESPONSE
    event = _event(record, DNS_ACTIVITY, activity)
    if it.question_ns is not None:
        event |= at("query_time", it.question_ns) | known(query=_query(it.question))
    if it.answer_ns is not None:
        said = str(it.answer["ResponseCode"])
        number, name = RCODES.get(said, (OTHER, said))
        event |= at("response_time", it.answer_ns)
        event |= {
            "rcode_id": number,
            "rcode": name,
            "status_id": SUCCESS if said == NO_ERROR else FAILURE,
            "status_code": said,
            **known(answers=_answers(it.answer) or UNSET),
        }
    event["unmapped"] = _rest(it, OF_DNS)
    return event


def _query(question: Message) -> Document:
    """Return the first question; {} of a message that has none."""
    kind, name, *_ = next(iter(question["ResourceRecords"]), ("", None))
    if name is None:
        return {}
    number, opcode = OPCODES.get(question["OpCode"], (OTHER, question["OpCode"]))
    return {
        # the root has no letters, and a name is needed
        "hostname": name or ".",
        "type": kind,
        "opcode_id": number,
        "opcode": opcode,
        "packet_uid": question["TransactionId"],
    }


def _answers(answer: Message) -> list[Document]:
    flags = [FLAGS[each] for each in answer["Flags"] if each in FLAGS]
    return [
        {
            "type": kind,
            "ttl": ttl,
            "class": group,
            "rdata": data,
            "packet_uid": answer["TransactionId"],
            "flag_ids": [number for number, _ in flags],
            "flags": [name for _, name in flags],
        }
        for kind, _, ttl, group, data in answer["ResourceRecords"]
    ]


def _http_event(record: ExchangeRecord) -> Document:
    it = record.exchange
    method = str(it.question.get("_Method", ""))
    other = Activity(OTHER, method) if method else UNKNOWN
    event = _event(record, HTTP_ACTIVITY, METHODS.get(method, other))
    if it.question:
        event["http_request"] = _request(it.question)
    if it.answer:
        status = it.answer["_Status"]
        event["http_response"] = _response(it.answer, _took(it))
        event["status_id"] = FAILURE if status >= LEAST_ERROR else SUCCESS
        event["status_code"] = str(status)
    event["unmapped"] = _rest(it, OF_HTTP, headers=True)
    return event


def _request(message: Message) -> Document:
    headers = headers_of(message)
    target = target_of(message)
    return known(
        # others are the name of the activity
        http_method=message["_Method"] if message["_Method"] in METHODS else UNSET,
        version=_version(message),
        url=UNSET
        if target is None
        else known(
            url_string=target.original if target.whole else UNSET,
            scheme=target.scheme,
            hostname=target.host,
            port=UNSET if target.port is None else target.port,
            path=target.path,
            query_string=target.query,
        ),
        user_agent=headers.get("user-agent", UNSET),
        referrer=headers.get("referer", UNSET),
        http_headers=_headers(message) or UNSET,
    )


def _response(message: Message, took: int | None) -> Document:
    return known(
        code=message["_Status"],
        message=message.get("_Reason", UNSET),
        content_type=headers_of(message).get("content-type", UNSET),
        latency=UNSET if took is None else took,
        http_headers=_headers(message) or UNSET,
    )


def _version(message: Message) -> str:
    return str(message.get("_Version", "")).removeprefix("HTTP/")


def _headers(message: Message) -> list[Document]:
    return [
        {"name": name, "value": value}
        for name, value in message.items()
        if name[:1] != "_" and isinstance(value, str)
    ]


def _rest(it: Exchange, placed: frozenset[str], *, headers: bool = False) -> Document:
    """Return the members that no attribute holds, of question and answer."""

    def rest(message: Message) -> dict[str, Any]:
        return {
            name: value
            for name, value in message.items()
            if name not in placed and not (headers and name[:1] != "_")
        }

    return known(Question=rest(it.question), Answer=rest(it.answer))
