# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from kflowd.delivery.formats import make_format
from kflowd.delivery.formats.syslog import SyslogFormat
from kflowd.serialize import Record
from kflowd.serialize.blocks.info import Host, Stamp, Uptime

# RFC 5424, 6: HEADER SP STRUCTURED-DATA [SP MSG]
MESSAGE = re.compile(
    rb"<(?P<priority>[0-9]{1,3})>1 "
    rb"(?P<time>[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{1,6}Z) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) "
    rb"(?P<id>[!-~]{1,32}) - (?P<text>.*)",
    re.DOTALL,
)
SECOND = 1_712_244_875_123_456_789


def record(name: str = "web-1", monitor: str = "filesystem") -> Record:
    host = Host(InfoHostName=name, InfoHostIP="", InfoSystem="", InfoKernel="", InfoVersion="")
    stamp = Stamp(InfoSequenceNumber=1, InfoTimestamp=SECOND, InfoMonitor=monitor)
    return Record(stamp=stamp, host=host, uptime=Uptime(InfoUptime=1), moment=None)


def test_a_message_has_the_header_of_the_rfc() -> None:
    """Facility daemon, severity informational; the time is that of the record."""
    made = SyslogFormat(lambda _record: b'{"a": 1}', 4711, counted=False)(record())
    found = MESSAGE.fullmatch(made)
    assert found is not None, made
    assert found.groupdict() == {
        "priority": b"30",
        "time": b"2024-04-04T15:34:35.123456Z",
        "host": b"web-1",
        "app": b"kflowd",
        "process": b"4711",
        "id": b"filesystem",
        "text": b'{"a": 1}',
    }


@pytest.mark.parametrize("name", ["", "a b", "z\u00fcrich", "x" * 256, "a\nb"])
def test_a_host_that_syslog_cannot_name_is_not_named(name: str) -> None:
    """It would be taken for the rest of the header."""
    found = MESSAGE.fullmatch(SyslogFormat(lambda _record: b"x", 1, counted=False)(record(name)))
    assert found is not None
    assert found["host"] == b"-"


def test_a_stream_has_the_length_in_front() -> None:
    """RFC 6587: MSG-LEN SP SYSLOG-MSG, and nothing between two."""
    plain = make_format("json-min", wrap="syslog")(record())
    counted = make_format("json-min", wrap="syslog-counted")(record())
    assert counted == str(len(plain)).encode() + b" " + plain
    assert plain.endswith(make_format("json-min")(record()))
