# SPDX-License-Identifier: Apache-2.0
"""The first exchange of a socket in ECS: dns.*, or http.*, url.* and user_agent.*."""

import ipaddress

from msgspec import UNSET

from kflowd.delivery.formats.documents import Document, known
from kflowd.delivery.formats.exchanges import DNS, Exchange, exchanges
from kflowd.delivery.formats.targets import headers_of, target_of
from kflowd.serialize.record import SocketRecord

ADDRESSES = ("A", "AAAA")
# a member of dns.type instead
QR = "QR"


def exchange_fields(record: SocketRecord) -> Document:
    """Return the fields of the first exchange; {} if there is none."""
    first = next(iter(exchanges(record)), None)
    if first is None:
        return {}
    return _dns(first) if first.app == DNS else _http(first)


def _dns(it: Exchange) -> Document:
    last = it.answer or it.question
    asked = next(iter(it.question.get("ResourceRecords", ())), None)
    answers = [
        {"type": kind, "name": name, "ttl": ttl, "class": group, "data": data}
        for kind, name, ttl, group, data in it.answer.get("ResourceRecords", ())
    ]
    found = [each["data"] for each in answers if each["type"] in ADDRESSES]
    return {
        "dns": known(
            type="answer" if it.answer else "query",
            id=str(last["TransactionId"]),
            op_code=it.question.get("OpCode", UNSET),
            header_flags=[each for each in last["Flags"] if each != QR],
            response_code=it.answer.get("ResponseCode", UNSET),
            question=UNSET if asked is None else {"type": asked[0], "name": asked[1]},
            answers=answers or UNSET,
            resolved_ip=list(filter(_is_address, found)) or UNSET,
        )
    }


def _is_address(text: str) -> bool:
    """Say whether data are an address; those that are malformed are not."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _http(it: Exchange) -> Document:
    last, headers = it.question or it.answer, headers_of(it.question)
    target = target_of(it.question)
    return known(
        http=known(
            version=str(last.get("_Version", "")).removeprefix("HTTP/"),
            request=known(
                method=it.question.get("_Method", UNSET), referrer=headers.get("referer", UNSET)
            ),
            response=known(status_code=it.answer.get("_Status", UNSET)),
        ),
        url=UNSET
        if target is None
        else known(
            original=target.original,
            scheme=target.scheme,
            domain=target.host,
            port=UNSET if target.port is None else target.port,
            path=target.path,
            query=target.query,
        ),
        user_agent=known(original=headers.get("user-agent", UNSET)),
    )
