# SPDX-License-Identifier: Apache-2.0
"""The first line of a message: RFC 9112 sections 3 and 4, HTTP/0.9 of RFC 1945 section 4.1."""

import re

import msgspec

from kflowd.protocols.http import words
from kflowd.protocols.http.fields import TOKEN

METHODS = (
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND",
    "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "MERGE", "CHECKOUT",
    "MKACTIVITY", "MKCALENDAR", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH", "PURGE", "ACL",
    "BIND", "LINK", "UNLINK", "QUERY",
)  # fmt: skip
KNOWN = frozenset(METHODS)
USUAL = frozenset({"HTTP/1.1", "HTTP/1.0"})
SIMPLE = "HTTP/0.9"
VERSION = re.compile(r"HTTP/[0-9]+(?:\.[0-9]+)?", re.IGNORECASE)
STATUS = re.compile(r"(HTTP/[0-9]\.[0-9]) ([0-9]{3})(?: (.*))?")
ODD_STATUS = re.compile(r"(HTTP/[0-9.]{0,8})[ \t]+([0-9]{1,9})(?![0-9])[ \t]*(.*)", re.IGNORECASE)
LEAST_STATUS = 100
# what no target has (RFC 3986 2: it is escaped), and no reason; blanks are told by themselves
IN_TARGET = re.compile(r"[\x00-\x1f\x7f-\U0010ffff]")
# a path, all of a server, a whole address (RFC 9112 3.2)
FORM = re.compile(r"/|\*\Z|[A-Za-z][A-Za-z0-9+.-]*:")
IN_REASON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
BLANKS = re.compile(r"[ \t\v\f\r]+")
# What a message looks like in the middle of anything, with its whole first line or what is enough
# of it; an unknown method only where a line begins.
_METHOD = b"|".join(re.escape(it.encode()) for it in METHODS)
_ANSWER = rb"HTTP/1\.[01] [1-5][0-9][0-9][ \r\n]"
_REQUEST = rb"(?:%b|(?:\A|(?<=\n))[A-Z]{3,20}) [^\x00-\x20\x7f]+ HTTP/1\.[01]\r?\n" % _METHOD
ANSWER = re.compile(_ANSWER)
REQUEST = re.compile(_REQUEST)
EITHER = re.compile(rb"%b|%b" % (_ANSWER, _REQUEST))
# how what may be a request begins
PLAUSIBLE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}(?: |\Z)")
# how a piece of a stream looks that begins a message
BEGINS = re.compile(rb"HTTP/1\.[01] |(?:%b) " % _METHOD)


class StartLine(msgspec.Struct):
    """A first line that could be read.

    Attributes:
        members: As the record prints them, in order.
        version: "HTTP/1.1"; "HTTP/0.9" where a request has none.
        method: "": it is a response.
        status: 0: it is a request.
        complaints: Of a strict parser.
    """

    members: dict[str, str | int]
    version: str
    method: str = ""
    status: int = 0
    complaints: list[str] = []


SIMPLE_ANSWER = StartLine({"_Version": SIMPLE}, SIMPLE)


def text_of(data: bytes) -> str:
    """Return bytes of a head as text; what is no UTF-8 becomes U+FFFD."""
    return data.decode(errors="replace")


def read(line: bytes) -> StartLine | None:
    """Return what a first line says, None: it is none of a message.

    Args:
        line: With its line feed.
    """
    ended = text_of(line).removesuffix("\n").removesuffix("\r")
    text = ended.rstrip("\r")
    found = _answer(text) if text[:5].upper() == "HTTP/" else _request(text)
    if found is not None and len(text) < len(ended):
        complaint = words.SPACE_IN_LINE if found.method else words.BAD_STATUS
        if complaint not in found.complaints:
            found.complaints.append(complaint)
    return found


def unfinished(line: bytes) -> StartLine | None:
    """Return what a request line says whose end did not come."""
    method, _, url = text_of(line).rstrip("\r").partition(" ")
    return StartLine({"_Method": method, "_Url": url}, "", method) if method in KNOWN else None


def _answer(text: str) -> StartLine | None:
    found = STATUS.fullmatch(text)
    strict = found is not None
    if not found:
        found = ODD_STATUS.fullmatch(text)
    if not found:
        return None
    version, status, reason = found.groups()
    complaints = [] if strict and int(status) >= LEAST_STATUS else [words.BAD_STATUS]
    if reason and IN_REASON.search(reason):
        complaints.append(words.BAD_REASON)
    if version not in USUAL:
        complaints.append(words.BAD_VERSION)
    members: dict[str, str | int] = {"_Version": version, "_Status": int(status)}
    if reason:
        members["_Reason"] = reason
    return StartLine(members, version, "", int(status), complaints)


def _request(text: str) -> StartLine | None:
    method, _, rest = text.partition(" ")
    url, _, version = rest.rpartition(" ")
    complaints = []
    if not method or not url or not VERSION.fullmatch(version):
        parts = BLANKS.split(text.strip(" \t\v\f\r"))
        if len(parts) < 3 or not VERSION.fullmatch(parts[-1]):
            return _simple(method, rest)
        method, url, version = parts[0], " ".join(parts[1:-1]), parts[-1]
        complaints.append(words.SPACE_IN_LINE)
    complaints += complaints_of(method, url)
    if words.SPACE_IN_LINE in complaints and words.SPACE_IN_TARGET in complaints:
        complaints.remove(words.SPACE_IN_TARGET)
    if version not in USUAL:
        complaints.append(words.BAD_VERSION)
    members: dict[str, str | int] = {"_Method": method, "_Url": url, "_Version": version}
    return StartLine(members, version, method, 0, complaints)


def complaints_of(method: str, url: str) -> list[str]:
    """Return what a strict parser says of a method and a target, in HTTP/1 and HTTP/2."""
    complaints = []
    if not TOKEN.fullmatch(method):
        complaints.append(words.BAD_METHOD)
    if not url:
        complaints.append(words.NO_TARGET)
    if " " in url:
        complaints.append(words.SPACE_IN_TARGET)
    if IN_TARGET.search(url):
        complaints.append(words.BAD_TARGET)
    if url and method != "CONNECT" and not FORM.match(url):
        complaints.append(words.NO_FORM)
    return complaints


def _simple(method: str, rest: str) -> StartLine | None:
    """Return a request without a version, if it looks like one."""
    upper = method.isascii() and method.isalpha() and method.isupper()
    url = rest.rstrip(" ")
    if method not in KNOWN and not (upper and url.startswith("/")):
        return None
    complaints = [words.SIMPLE_METHOD] if method != "GET" else []
    if url and url != rest:
        complaints.append(words.SPACE_IN_LINE)
    complaints += complaints_of(method, url)
    members: dict[str, str | int] = {"_Method": method, "_Url": url, "_Version": SIMPLE}
    return StartLine(members, SIMPLE, method, 0, complaints)
