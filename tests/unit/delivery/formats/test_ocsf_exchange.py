# SPDX-License-Identifier: Apache-2.0
from typing import Any

from hypothesis import given, settings

from kflowd.delivery.formats.exchanges import exchange_records
from kflowd.delivery.formats.ocsf_exchange import FLAGS, METHODS, OPCODES, RCODES
from kflowd.model import Role
from kflowd.protocols.dns import codes
from tests.unit.delivery.formats import ocsf_schema
from tests.unit.delivery.formats.hostile import TEXTS
from tests.unit.delivery.formats.ocsf_schema import event
from tests.unit.delivery.formats.said import (
    ANSWERED,
    ASKED,
    FIRST,
    GET,
    MS,
    OK,
    Said,
    received,
    record,
    sent,
)


def events(key: str, *said: Said, **changes: Any) -> list[dict[str, Any]]:
    """Return the events of the exchanges of a record, which are as OCSF says."""
    return [event(it) for it in exchange_records(record(key, *said, **changes))]


def test_an_exchange_of_dns() -> None:
    """Question and answer are one event, of the moment of the answer."""
    (made,) = events("Dns", sent(ASKED), received(ANSWERED))
    assert (made["class_uid"], made["activity_name"]) == (4003, "Traffic")
    assert made["query"] == {
        "hostname": "example.org", "type": "A", "opcode_id": 0, "opcode": "Query", "packet_uid": 7,
    }  # fmt: skip
    first, second = made["answers"]
    assert (first["type"], first["rdata"]) == ("CNAME", "www.example.org")
    assert second == {
        "type": "A", "ttl": 60, "class": "IN", "rdata": "192.0.2.9", "packet_uid": 7,
        "flag_ids": [3, 4], "flags": ["Recursion Desired", "Recursion Available"],
    }  # fmt: skip
    assert (made["rcode_id"], made["rcode"], made["status_id"]) == (0, "NoError", 1)
    asked, answered = (FIRST // MS + 5, FIRST // MS + 10)
    assert (made["query_time"], made["start_time"]) == (asked, asked)
    assert (made["response_time"], made["time"], made["duration"]) == (answered, answered, 5)
    assert made["unmapped"] == {
        "Question": {key: ASKED[key] for key in ("Flags", "ResourceRecords")},
        "Answer": {key: ANSWERED[key] for key in ("Flags", "AnswerCount", "ResourceRecords")},
    }


def test_questions_and_answers_of_dns_alone() -> None:
    """Each is an event; what failed is told, and who asks is the source."""
    failed = ANSWERED | {"ResponseCode": "NXDOMAIN", "ResourceRecords": [], "TransactionId": 9}
    odd = {"TransactionId": 1, "OpCode": "OPCODE9", "Flags": [], "ResourceRecords": [["NS", ""]]}
    query, answer, root, none, other = events(
        "Dns", sent(ASKED), received(failed), received(odd),
        sent(odd | {"ResourceRecords": [], "TransactionId": 2}),
        received(failed | {"ResponseCode": "RCODE12"}),
    )  # fmt: skip
    assert (query["activity_name"], answer["activity_name"]) == ("Query", "Response")
    assert not {"status_id", "answers", "duration"} & query.keys()
    assert (answer["rcode_id"], answer["status_id"], "answers" in answer) == (3, 2, False)
    assert root["query"] == {
        "hostname": ".", "type": "NS", "opcode_id": 99, "opcode": "OPCODE9", "packet_uid": 1,
    }  # fmt: skip
    assert query["src_endpoint"] == root["dst_endpoint"]
    assert [it["observation_point_id"] for it in (query, answer, root)] == [1, 1, 2]
    assert "query" not in none
    assert (other["rcode_id"], other["rcode"]) == (99, "RCODE12")


def test_an_exchange_of_http() -> None:
    """Headers stand in their lists, what has no attribute beside."""
    (made,) = events("Http", sent(GET), received(OK))
    assert (made["class_uid"], made["activity_name"]) == (4002, "Get")
    assert made["http_request"] == {
        "http_method": "GET", "version": "1.1",
        "url": {"hostname": "example.org", "port": 8080, "path": "/a", "query_string": "b=c"},
        "user_agent": "curl/7.88.1", "referrer": "http://example.org/",
        "http_headers": [
            {"name": "Host", "value": "example.org:8080"},
            {"name": "User-Agent", "value": "curl/7.88.1"},
            {"name": "Referer", "value": "http://example.org/"},
        ],
    }  # fmt: skip
    assert made["http_response"] == {
        "code": 200, "message": "OK", "content_type": "text/plain", "latency": 5,
        "http_headers": [{"name": "Content-Type", "value": "text/plain"}],
    }  # fmt: skip
    assert (made["status_id"], made["status_code"], made["duration"]) == (1, "200", 5)
    assert made["unmapped"] == {"Answer": {"_Body": "hello"}}


def test_requests_and_responses_of_http_alone() -> None:
    """A method that OCSF has no number for is named; of an answer alone none is known."""
    odd = GET | {"_Method": "PURGE"}
    answer, request, late = events(
        "Http", received(OK | {"_Status": 503}), received(odd, "GAP"), sent(OK), role=Role.SERVER
    )
    assert (answer["activity_id"], answer["status_id"]) == (0, 2)
    assert "http_request" not in answer
    assert (request["activity_id"], request["activity_name"]) == (99, "PURGE")
    assert "http_method" not in request["http_request"]
    assert request["unmapped"] == {"Question": {"_Notes": ["GAP"]}}
    assert request["connection_info"]["direction_id"] == 4
    assert "duration" not in late
    (asterisk,) = events("Http", sent(GET | {"_Method": "OPTIONS", "_Url": "*"}))
    assert asterisk["http_request"]["url"]["path"] == "*"
    (proxied,) = events("Http", sent({"_Method": "CONNECT", "_Url": "h:443"}))
    assert proxied["http_request"]["url"] == {
        "url_string": "h:443", "hostname": "h", "port": 443,
    }  # fmt: skip


def test_an_exchange_is_told_beside_its_socket() -> None:
    """The number of both is the same."""
    whole = record("Http", sent(GET), received(OK))
    (it,) = exchange_records(whole)
    flow, exchange = event(whole), event(it)
    assert (flow["class_uid"], exchange["class_uid"]) == (4001, 4002)
    assert flow["metadata"]["sequence"] == exchange["metadata"]["sequence"]
    for same in ("actor", "src_endpoint", "dst_endpoint", "device", "app_protocol_name"):
        assert flow[same] == exchange[same]
    assert "traffic" not in exchange


def test_words_are_those_of_ocsf() -> None:
    """And each code of the registry has one."""
    found = ocsf_schema._schemas().schema.schema
    dns, http = (found["classes"][f"{it}_activity"]["attributes"] for it in ("dns", "http"))
    for words, enum in (
        (RCODES.values(), dns["rcode_id"]["enum"]),
        (OPCODES.values(), found["objects"]["dns_query"]["attributes"]["opcode_id"]["enum"]),
        (FLAGS.values(), found["objects"]["dns_answer"]["attributes"]["flag_ids"]["enum"]),
        (METHODS.values(), http["activity_id"]["enum"]),
    ):
        for number, name in words:
            assert enum[str(number)]["caption"] == name
    assert RCODES.keys() == set(codes.RCODES.values())
    assert OPCODES.keys() == set(codes.OPCODES.values())


@settings(max_examples=50)
@given(TEXTS)
def test_texts_of_others_break_nothing(text: str) -> None:
    """Each place that they can fill."""
    said = [sent(GET | {"_Method": text, "_Url": text, "Host": text}),
            received(OK | {"_Reason": text, "Content-Type": text})]  # fmt: skip
    events("Http", *said)
    for name in (*ASKED, *ANSWERED):
        events("Http", *((way, {**members, name: text}, notes) for way, members, notes in said))
    rows = [[text, text, 1, text, text]]
    events(
        "Dns", sent(ASKED | {"OpCode": text, "ResourceRecords": [[text, text]]}),
        received(ANSWERED | {"ResponseCode": text, "ResourceRecords": rows}),
    )  # fmt: skip
