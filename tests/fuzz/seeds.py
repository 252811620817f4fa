# SPDX-License-Identifier: Apache-2.0
"""Right messages, of all kinds that a decoder knows."""

import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update

from tests.unit.protocols.dns.make import framed
from tests.unit.protocols.tls import make

__all__ = ["DNS_SEEDS", "JOURNAL_SEEDS", "SYSLOG_SEEDS", "TLS_SEEDS", "framed"]

_RECORDS = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CNAME": "b.example.",
    "SOA": "ns.example. root.example. 1 7200 900 1209600 86400",
    "MX": "10 mail.example.",
    "TXT": '"v=spf1 -all" "b\\"\\200"',
    "SRV": "0 5 443 host.example.",
    "NAPTR": '100 10 "s" "SIP+D2U" "" _sip._udp.example.',
    "CAA": '0 issue "ca.example"',
    "DS": "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    "DNSKEY": "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no",
    "RRSIG": "A 5 3 86400 20300322173103 20300220173103 2642 example. oJB1W6WNGv+ldvQ3",
    "NSEC": "host.example. A MX RRSIG NSEC TYPE1234",
    "NSEC3": "1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s MX RRSIG",
    "HTTPS": "1 . alpn=h3,h2 port=443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 key667=x",
    "TLSA": "3 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c",
    "TYPE4242": "\\# 3 010203",
}


def _response(kind: str, data: str) -> bytes:
    asked = dns.message.make_query("www.example.", kind, use_edns=0, id=4660)
    answer = dns.message.make_response(asked)
    answer.answer += [
        dns.rrset.from_text("www.example.", 60, "IN", "CNAME", "a.example."),
        dns.rrset.from_text("a.example.", 300, "IN", kind, data, data),
    ]
    answer.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", "ns.example."))
    return answer.to_wire()


def _update() -> bytes:
    update = dns.update.UpdateMessage("example.", id=4660)
    update.absent("host", "CNAME")
    update.replace("host", 300, "A", "192.0.2.1")
    return update.to_wire()


DNS_SEEDS = [
    *(_response(*pair) for pair in _RECORDS.items()),
    *(
        dns.message.make_query("www.example.", it, id=4660).to_wire()
        for it in ("A", "HTTPS", "ANY")
    ),
    _update(),
]

SYSLOG_SEEDS = [
    b"<34>1 2003-10-11T22:14:15.003Z host.example su - ID47 - \xef\xbb\xbf'su root' failed",
    rb'<165>1 2003-10-11T22:14:15Z host app 12 ID [a@1 iut="3" x="q\"\]\\"][b@1 c="d"] text',
    b"<165>1 - - - - - -",
    b"<85>Sep 16 14:30:01 CRON[2122368]: pam_unix(cron:session): session opened",
    b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
    b"<166>Oct 11 2024 22:14:15: %ASA-6-302013: Built",
    b"<13>2013-09-12T19:16:34.457849+04:00 localhost app[1]: text\nof two lines\0",
    b"no message at all",
]

JOURNAL_SEEDS = [
    b"PRIORITY=3\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=77\nMESSAGE=text\n",
    b"MESSAGE\n\x0b\0\0\0\0\0\0\0two\nlines x\nPRIORITY=6\n\nMESSAGE=next\nSYSLOG_TIMESTAMP=Sep \n",
]

_HELLO = make.client_hello(
    make.extension(make.GREASE, b""),
    make.sni(b"www.example.org"),
    make.extension(13, make.vector(make.numbers([0x0403, 0x0804]), 2)),
    make.alpn(b"h2", b"http/1.1"),
    make.offered(0x0304, 0x0303),
)
TLS_SEEDS = [
    make.record(_HELLO),
    make.records(_HELLO, 30) + make.record(b"\x01", 20) + make.record(_HELLO),
    make.record(make.client_hello(version=0x0300)),
    make.record(make.server_hello(make.alpn(b"h2")) + make.handshake(11, bytes(200))),
    make.record(make.server_hello(make.chosen(0x0304), random=make.RETRY))
    + make.record(make.server_hello(make.chosen(0x0304))),
    make.alert(112, make.WARNING) + make.record(make.server_hello()),
    make.older_client(),
    make.older_server(),
]
