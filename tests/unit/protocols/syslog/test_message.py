# SPDX-License-Identifier: Apache-2.0
import json
import time
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.message import decode

LIMITS = Limits()
PROC = {"Facility": "Security/Authorization", "Severity": "Notice (5)", "Priority": 85}


def of(raw: bytes, *, local: bool = False, limits: Limits = LIMITS) -> dict[str, Any]:
    """Return the members of a message that has no notes."""
    members, notes = decode(raw, limits, local=local)
    assert notes == []
    return members


def short(raw: bytes, *, local: bool = False) -> dict[str, Any]:
    """Return the same without the names of the priority."""
    members = of(raw, local=local)
    return {key: members[key] for key in members if key not in ("Facility", "Severity", "Priority")}


@pytest.mark.parametrize("local", [False, True])
def test_messages_of_the_sample_record(local: bool) -> None:
    """Byte for byte, in order."""
    text = "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
    raw = f"<85>Sep 16 14:30:01 CRON[2122368]: {text}".encode()
    assert json.dumps(of(raw, local=local)) == (
        '{"Facility": "Security/Authorization", "Severity": "Notice (5)", "Priority": 85, '
        '"Version": 0, "Timestamp": "Sep 16 14:30:01", "Appname": "CRON", "ProcId": "2122368", '
        f'"Message": "{text}"}}'
    )


@pytest.mark.parametrize(
    ("raw", "members"),
    [
        # of RFC 5424 6.5
        ("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed",
         {"Version": 1, "Timestamp": "2003-10-11T22:14:15.003Z",
          "Hostname": "mymachine.example.com", "Appname": "su", "MsgId": "ID47",
          "Message": "'su root' failed"}),
        ("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make",
         {"Version": 1, "Timestamp": "2003-08-24T05:14:15.000003-07:00", "Hostname": "192.0.2.1",
          "Appname": "myproc", "ProcId": "8710", "Message": "%% It's time to make"}),
        ('<165>1 2003-10-11T22:14:15.003Z m e - ID47 [ex@1 iut="3" src="App"][prio@1 c="high"]',
         {"Version": 1, "Timestamp": "2003-10-11T22:14:15.003Z", "Hostname": "m", "Appname": "e",
          "MsgId": "ID47", "Data": '[ex@1 iut="3" src="App"][prio@1 c="high"]', "Message": ""}),
        # escapes in values; a bracket that is not escaped
        (r'<1>1 - h a - - [x@1 a="q\"\]\\" b="]"] text]',
         {"Version": 1, "Hostname": "h", "Appname": "a", "Data": r'[x@1 a="q\"\]\\" b="]"]',
          "Message": "text]"}),
        ("<165>1 - - - - - -", {"Version": 1, "Appname": "", "Message": ""}),
        ("<165>12 - - - - - [x]  two",
         {"Version": 12, "Appname": "", "Data": "[x]", "Message": " two"}),
        # what only begins as it does
        ("<13>1 hello", {"Version": 0, "Appname": "", "Message": "1 hello"}),
    ],
)  # fmt: skip
def test_messages_of_rfc_5424(raw: str, members: dict[str, Any]) -> None:
    """NILVALUE is absent, data are as they were sent, the mark of UTF-8 is no text."""
    assert short(raw.encode()) == members


def bsd(message: str, **members: str) -> dict[str, Any]:
    """Return members of a message of RFC 3164."""
    names = {"Timestamp": "time", "Hostname": "host", "Appname": "app", "ProcId": "pid"}
    found = {"Version": 0, "Appname": ""} | {
        key: members[short] for key, short in names.items() if short in members
    }
    return found | {"Message": message}


@pytest.mark.parametrize(
    ("raw", "members"),
    [
        ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick",
         bsd("'su root' failed for lonvick", time="Oct 11 22:14:15", host="mymachine", app="su")),
        ("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
         bsd("Use the BFG!", time="Feb  5 17:32:18", host="10.0.0.99")),
        ("<5>Sep 12 19:16:12 through logger: test message 21\0",
         bsd("test message 21", time="Sep 12 19:16:12", host="through", app="logger")),
        ("<13>2013-09-12T19:16:34.457849+04:00 localhost through rsyslog: test message 23",
         bsd("through rsyslog: test message 23", time="2013-09-12T19:16:34.457849+04:00",
             host="localhost")),
        ("<13>Oct 11 22:14:15 fe80::1%eth0 sshd[12]: x",
         bsd("x", time="Oct 11 22:14:15", host="fe80::1%eth0", app="sshd", pid="12")),
        ("<22>Oct 11 22:14:15 mx postfix/smtpd[77]: connect",
         bsd("connect", time="Oct 11 22:14:15", host="mx", app="postfix/smtpd", pid="77")),
        ("<30>Oct 11 22:14:15 mac launchd[1] (com.x): text",
         bsd("(com.x): text", time="Oct 11 22:14:15", host="mac", app="launchd", pid="1")),
        ("<166>Oct 11 2024 22:14:15: %ASA-6-302013: Built",
         bsd("Built", time="Oct 11 2024 22:14:15", app="%ASA-6-302013")),
        ("<166>Oct 11 2024 22:14:15 fw : %ASA-6-302013: Built",
         bsd("Built", time="Oct 11 2024 22:14:15", host="fw", app="%ASA-6-302013")),
        ("<187>Oct 11 22:14:15.123 EST: %LINK-3-UPDOWN: down",
         bsd("down", time="Oct 11 22:14:15.123 EST", app="%LINK-3-UPDOWN")),
        ("<13>Sep 16 14:30:01 host -- MARK --",
         bsd("-- MARK --", time="Sep 16 14:30:01", host="host")),
        ("<13>Sep 16 14:30:01 alone", bsd("alone", time="Sep 16 14:30:01")),
        ("<13>Sep 16 14:30:01 app[]:no blank", bsd("no blank", time="Sep 16 14:30:01", app="app")),
        ("<13>Sep 16 14:30:01 app:  two", bsd(" two", time="Sep 16 14:30:01", app="app")),
        ("<13>Sep 16 14:30:01", bsd("", time="Sep 16 14:30:01")),
        # no timestamp
        ("<30>dnsmasq[123]: query", bsd("query", app="dnsmasq", pid="123")),
        ("<13>hello world", bsd("hello world")),
        ("<0>1990 Oct 22 10:52:01 TZ-6 x y z[0]: all",
         bsd("1990 Oct 22 10:52:01 TZ-6 x y z[0]: all")),
        ("<13>", bsd("")),
        ("<13>a\nb\tc\r\n", bsd("a\nb\tc")),
    ],
)  # fmt: skip
def test_messages_of_rfc_3164_as_they_are(raw: str, members: dict[str, Any]) -> None:
    """Host and tag are what stands where they do; the rest is content, nothing is lost."""
    assert short(raw.encode()) == members


def test_messages_for_this_host_have_no_host_name() -> None:
    """Without a tag the first word is text; one ahead of a tag is a host all the same."""
    raw = b"<13>Sep 16 14:30:01 last message repeated 3 times"
    assert short(raw, local=True) == bsd("last message repeated 3 times", time="Sep 16 14:30:01")
    assert short(raw)["Hostname"] == "last"
    named = b"<13>Sep 16 14:30:01 host app: text"
    assert short(named, local=True) == short(named)


def test_a_message_without_a_priority_has_that_of_the_rfc() -> None:
    """All of it is content, but for one that has a time."""
    raw = "This is not really a syslog message #173538 1552584410.781186"
    assert of(raw.encode()) == {
        "Facility": "User", "Severity": "Notice (5)", "Priority": 13, "Version": 0, "Appname": "",
        "Message": raw,
    }  # fmt: skip
    assert of(b"su: x")["Appname"] == ""
    assert of(b"<html>")["Message"] == "<html>"
    assert of(b"Sep 16 14:30:01 h su: x") == of(b"<13>Sep 16 14:30:01 h su: x")


@pytest.mark.parametrize(
    "raw",
    ["<192>x", "<999>x", "<0013>x", "<" + "9" * 5000 + ">x", "",
     "<34>1 - h a - - [bad x", '<34>1 - h a - - [x a="] x', "<34>1 - h a - - text",
     "<34>1 - h a - - [x]text", "<34>1 - h a - - [] x"],
)  # fmt: skip
def test_what_is_no_message_is_shown_as_it_came(raw: str) -> None:
    """Priorities beyond 191, structured data that are none, nothing at all."""
    members, notes = decode(raw.encode(), Limits(text_bytes=1 << 20))
    assert members == {"_Exception": "SYSLOG Message Decoder", "_Message": raw}
    assert notes == ["MALFORMED"]


def test_all_priorities_are_taken() -> None:
    """From 0 to 191, with zeros ahead too."""
    assert [of(f"<{it}>x".encode())["Priority"] for it in range(192)] == list(range(192))
    assert of(b"<007>x")["Priority"] == 7


def test_bytes_that_are_no_text_stay() -> None:
    """As in the names of files; controls are for the form to escape."""
    assert of(b"<13>Sep 16 14:30:01 app: \xff\x1b[31m\0x")["Message"] == "\udcff\x1b[31m\0x"


def test_values_are_cut() -> None:
    """Beyond the limit, with a note."""
    members, notes = decode(b"<13>" + b"a" * 50, Limits(text_bytes=10))
    assert (members["Message"], notes) == ("a" * 10, ["CUT"])
    members, notes = decode(b"<999>" + b"a" * 50, Limits(text_bytes=10))
    assert (members["_Message"], notes) == ("<999>aaaaa", ["MALFORMED", "CUT"])


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own library is older than this Python
    import syslog_rfc5424_parser as theirs  # type: ignore[import-untyped] # it has no types

NAME = st.from_regex(r"[a-zA-Z0-9@._-]{1,20}", fullmatch=True)
VALUE = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters='"\\]'), max_size=20
)
DATA = st.dictionaries(NAME, st.dictionaries(NAME, VALUE, max_size=3), max_size=3)
CONTENT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=40)


@settings(max_examples=100)
@given(st.integers(0, 191), NAME, NAME, NAME, DATA, CONTENT.map(str.strip))
def test_messages_are_those_of_another_parser(  # noqa: PLR0917 - the fields of a message
    priority: int, host: str, app: str, process: str, data: dict[str, Any], content: str
) -> None:
    """Of RFC 5424, with structured data of any kind."""
    written = "".join(
        f"[{name}{''.join(f' {key}={chr(34)}{value}{chr(34)}' for key, value in each.items())}]"
        for name, each in data.items()
    )
    stamp = "2003-10-11T22:14:15.003Z"
    raw = f"<{priority}>1 {stamp} {host} {app} {process} ID {written or '-'} {content}"
    known = theirs.SyslogMessage.parse(raw)
    ours = of(raw.encode())
    absent = {"-": None}
    assert ours["Priority"] == known.severity.value + 8 * known.facility.value
    assert ours.get("Hostname") == absent.get(host, known.hostname)
    assert ours["Appname"] == absent.get(app, known.appname) or (app == "-" and not ours["Appname"])
    # theirs makes a number of one, and "007" loses its zeros
    assert ours.get("ProcId") == absent.get(process, process)
    assert process == "-" or process.isdigit() or known.procid == process
    assert ours["MsgId"] == known.msgid
    assert known.sd == data
    assert ours.get("Data", "") == written
    assert ours["Message"] == (known.msg or "").removeprefix("\ufeff")


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda it: f"<13>{it}".encode()))
def test_no_bytes_are_lost(raw: bytes) -> None:
    """The end of any text is the end of a message."""
    members, _ = decode(raw, LIMITS)
    text = members.get("Message", members.get("_Message"))
    assert isinstance(text, str)
    json.dumps(members)
    assert raw.rstrip(b"\0\r\n").endswith(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "block",
    [b"<", b"<1", b"9", b"[", b" ", b'[a b="', b'\\"', b"a:", b"a[1]", b"::", b"\xff", b" a"],
)
@pytest.mark.parametrize(
    "head", [b"", b"<13>", b"<13>1 - h a - - ", b"<13>1 - h a - - [a ", b"<13>Sep 16 14:30:01 "]
)
def test_cost_is_linear_on_hostile_messages(head: bytes, block: bytes) -> None:
    """Of 64 KiB, whatever is in them."""
    raw = (head + block * 65536)[:65536]
    began = time.process_time()
    decode(raw, LIMITS)
    assert time.process_time() - began < 0.2
