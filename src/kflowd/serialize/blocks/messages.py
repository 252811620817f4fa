# SPDX-License-Identifier: Apache-2.0
"""The members of application messages, which their decoders make, and the words of their notes."""

from kflowd.protocols import NOTES

DNS_MEMBERS = {
    "_Timestamp": "from the first event of the socket to the message",
    "TransactionId": "of question and answer",
    "OpCode": "of a question: QUERY, NOTIFY, UPDATE and others",
    "ResponseCode": "of an answer: NOERROR, NXDOMAIN and others",
    "Flags": "QR, AA, TC, RD, RA",
    "AnswerCount": "of an answer: how many it says that it has",
    "ResourceRecords": "of a question [type, name]; of an answer [type, name, TTL, class, data]",
    "_Exception": "what could not be read",
    "_Notes": "words that say what is wrong or missing; not with --strict",
    "_Length": "bytes on the wire, if not all of it is shown; not with --strict",
}
HTTP_MEMBERS = {
    "_Timestamp": "from the first event of the socket to the message",
    "_Method": "of a request",
    "_Url": "of a request: its target as it was sent",
    "_Version": "HTTP/1.1",
    "_Status": "of a response",
    "_Reason": "of a response",
    "_Body": "if it is text, its first part",
    "_Exception": "what could not be read",
    "_Notes": "words that say what is wrong or missing; not with --strict",
    "_Length": "bytes on the wire, if not all of it is shown; not with --strict",
}
SYSLOG_MEMBERS = {
    "Facility": "Kernel, User and others",
    "Severity": "name and number: Notice (5)",
    "Priority": "8 times the facility, and the severity",
    "Version": "1 of RFC 5424, else 0",
    "Timestamp": "as it was sent",
    "Hostname": "as it was sent",
    "Appname": "of the program that says it",
    "ProcId": "of the program that says it",
    "MsgId": "kind of the message",
    "Data": "structured data",
    "Message": "text",
    "_Exception": "what could not be read",
    "_Notes": "words that say what is wrong or missing; not with --strict",
    "_Length": "bytes on the wire, if not all of it is shown; not with --strict",
}
TLS_MEMBERS = {
    "_Timestamp": "from the first event of the socket to the message",
    "Version": "the highest that a client offers; that which a server has chosen",
    "Sni": "name of the server that a client asks for",
    "Alpn": "protocols that a client offers; the one that a server has chosen, if in clear",
    "Ech": "true: a client has an encrypted hello, or says so; Sni is then for all to see",
    "Retry": "true: a server wants another hello",
    "Ja4": "fingerprint of what a client offers",
    "Alert": "in place of a hello: handshake_failure and others",
    "_Exception": "what could not be read",
    "_Notes": "words that say what is wrong or missing; not with --strict",
    "_Length": "bytes on the wire, if not all of it is shown; not with --strict",
}
MESSAGE_NOTES = NOTES
