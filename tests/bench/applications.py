# SPDX-License-Identifier: Apache-2.0
"""What the decoders of applications cost: CPU of one message, without capture and streams."""

from collections.abc import Callable

from kflowd.protocols import DNS, JOURNAL, SYSLOG, TLS
from kflowd.protocols.base import Application, Direction
from tests.bench.stages import microseconds
from tests.unit.protocols.dns.make import (
    QUERY,
    RESPONSE,
    framed,
    message,
    pointer,
    question,
    record,
)
from tests.unit.protocols.tls.make import (
    alpn,
    chosen,
    client_hello,
    extension,
    numbers,
    offered,
    server_hello,
    sni,
    vector,
)
from tests.unit.protocols.tls.make import record as tls_record

COUNT = 2000
ASKED = [question("www.example.com")]
QUESTION = message(QUERY, ASKED)
ANSWER = message(RESPONSE, ASKED, [record(pointer(12))])
LINE = b"<85>Sep 16 14:30:01 CRON[2122368]: pam_unix(cron:session): session opened for user root"
STRUCTURED = (
    b"<165>1 2003-10-11T22:14:15.003Z host.example.com evntslog 12 ID47 "
    b'[exampleSDID@32473 iut="3" eventSource="Application"] An application event log entry'
)
ENTRY = (
    b"PRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=app\nSYSLOG_PID=77\nCODE_FILE=a.c\n"
    b"MESSAGE=session opened for user root\n"
)
# as OpenSSL sends it, 17 extensions
HELLO = tls_record(
    client_hello(
        sni(b"www.example.com"),
        alpn(b"h2", b"http/1.1"),
        offered(0x0304, 0x0303),
        extension(13, vector(numbers(range(0x0401, 0x0419)), 2)),
        *(extension(kind, bytes(16)) for kind in range(100, 113)),
    )
)
CHOICE = tls_record(server_hello(chosen(0x0304), extension(51, bytes(36))))
MANY = message(RESPONSE, ASKED, [record(pointer(12))] * 12)


def _datagram(application: Application, data: bytes) -> Callable[[], object]:
    def run() -> None:
        for _ in range(COUNT):
            application.datagram(Direction.RX, data, len(data), 1)

    return run


def _stream(application: Application, data: bytes) -> Callable[[], object]:
    def run() -> None:
        application.conversation(joined=False).feed(Direction.RX, data * COUNT, 1)

    return run


def _handshakes() -> None:
    for _ in range(COUNT):
        talk = TLS.conversation(joined=False)
        talk.feed(Direction.TX, HELLO, 1)
        talk.feed(Direction.RX, CHOICE, 1)


def application_costs() -> str:
    """Return the table of microseconds for a message."""
    costs = {
        "DNS query": _datagram(DNS, QUESTION),
        "DNS response, 1 answer": _datagram(DNS, ANSWER),
        "DNS response, 12 answers": _datagram(DNS, MANY),
        "DNS response, 1 answer, TCP": _stream(DNS, framed(ANSWER)),
        "syslog line, RFC 3164": _datagram(SYSLOG, LINE),
        "syslog line, RFC 5424": _datagram(SYSLOG, STRUCTURED),
        "syslog line, RFC 3164, TCP": _stream(SYSLOG, LINE + b"\n"),
        "journal entry": _datagram(JOURNAL, ENTRY),
        "TLS, both hellos of a connection": _handshakes,
    }
    lines = [f"{name:<32} {microseconds(run, COUNT):6.1f}" for name, run in costs.items()]
    return "\n".join(["microseconds of CPU per application message:", *lines])
