# SPDX-License-Identifier: Apache-2.0
from tests.unit.delivery.formats.said import ANSWERED, ASKED, GET, OK, received, record, sent
from tests.unit.delivery.formats.test_ecs import document


def test_the_first_question_of_dns_and_its_answer() -> None:
    """The others are in the forms that have all messages."""
    made = document(record("Dns", sent(ASKED), received(ANSWERED), sent(ASKED)))
    assert made["dns"] == {
        "type": "answer", "id": "7", "op_code": "QUERY", "header_flags": ["RD", "RA"],
        "response_code": "NOERROR", "question": {"type": "A", "name": "example.org"},
        "answers": [
            {"type": "CNAME", "name": "example.org", "ttl": 60, "class": "IN",
             "data": "www.example.org"},
            {"type": "A", "name": "www.example.org", "ttl": 60, "class": "IN",
             "data": "192.0.2.9"},
        ],
        "resolved_ip": ["192.0.2.9"],
    }  # fmt: skip
    alone = document(record("Dns", sent(ASKED)))["dns"]
    assert (alone["type"], alone["header_flags"]) == ("query", ["RD"])
    odd = ANSWERED | {"ResourceRecords": [["A", "x", 1, "IN", "\\# 1 00"]]}
    assert "resolved_ip" not in document(record("Dns", received(odd)))["dns"]
    empty = document(record("Dns", sent(ASKED | {"ResourceRecords": []})))["dns"]
    assert "question" not in empty


def test_the_first_request_of_http_and_its_answer() -> None:
    """With the parts of its target."""
    made = document(record("Http", sent(GET), received(OK)))
    assert made["http"] == {
        "version": "1.1", "response": {"status_code": 200},
        "request": {"method": "GET", "referrer": "http://example.org/"},
    }  # fmt: skip
    assert made["url"] == {
        "original": "/a?b=c", "domain": "example.org", "port": 8080, "path": "/a", "query": "b=c",
    }  # fmt: skip
    assert made["user_agent"] == {"original": "curl/7.88.1"}
    answer = document(record("Http", received(OK)))
    assert answer["http"] == {"version": "1.1", "response": {"status_code": 200}}
    assert "url" not in answer


def test_what_could_not_be_read_has_no_fields() -> None:
    """It is said in short alone."""
    made = document(record("Http", sent({"_Exception": "HTTP Message Decoder"})))
    assert not {"http", "url", "dns"} & made.keys()
    assert made["kflowd"]["said"] == "HTTP Message Decoder"
