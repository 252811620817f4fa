# SPDX-License-Identifier: Apache-2.0
"""Records over HTTP: batches, each a POST that is answered for."""

import errno
import os
import select
import ssl
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from kflowd.delivery.sinks.base import BatchingSink, RefusedError, Wait
from kflowd.delivery.sinks.body import LINES, Body
from kflowd.delivery.sinks.stream import WAITS
from kflowd.delivery.sinks.tcp import TcpSink
from kflowd.delivery.sinks.tls import TlsSink
from kflowd.settings import BatchSettings
from kflowd.settings.option import NS_PER_SECOND
from kflowd.settings.urls import Header, Url

if TYPE_CHECKING:
    from kflowd.delivery.sinks.request import Request, Talk

# The first pause and the longest; each failure doubles it.
FIRST_PAUSE_NS = NS_PER_SECOND
MOST_PAUSE_NS = 60 * NS_PER_SECOND
# How long a server can make us wait by what it says.
MOST_RETRY_AFTER_S = 300
# How often a batch that is not full looks whether it is by now.
LOOK_NS = 100_000_000
MOST_TOKEN_BYTES = 8 << 10
# JSON becomes a tenth of it at this level already, in a fifth of the time of the best
_GZIP_LEVEL = 1


class HttpSink(BatchingSink):
    """Posts batches to one URL, one at a time, over a connection that is kept.

    A batch that was answered by 2xx is written. One that nobody answered, or that is to come later,
    is sent again, whole, after a pause that grows. Others are refused, redirects among them. So a
    record comes once at least: an answer that is lost is not known.

    Args:
        url: Where to.
        headers: Beside those of the request.
        token_file: What stands in Authorization, read for each request; None: nothing does.
        ca: Certificates of who is trusted; None: those of the system.
        compressed: Bodies are compressed by gzip.
        batch: When a batch is sent.
        timeout_ns: How long a request may take.
        body: What a request has of texts.
    """

    def __init__(
        self,
        url: Url,
        *,
        headers: Sequence[Header] = (),
        token_file: Path | None = None,
        ca: Path | None = None,
        compressed: bool = False,
        batch: BatchSettings | None = None,
        timeout_ns: int = 20 * NS_PER_SECOND,
        body: Body = LINES,
    ) -> None:
        batch = batch or BatchSettings()
        https = url.scheme == "https"
        self.batch_bytes = batch.bytes
        self.held = 0
        self._url = url
        self._headers = headers
        self._token_file = token_file
        self._compressed = compressed
        self._age_ns = batch.age_ns
        self._timeout_ns = timeout_ns
        self._body = body
        self._stream = TlsSink(url.address, ca=ca) if https else TcpSink(url.address)
        self._talk: Talk | None = None
        self._request: Request | None = None
        self._answered = 0  # over this connection
        self._texts: Sequence[bytes] = ()  # of the batch that is under way
        self._until_ns = 0
        self._events = select.POLLOUT
        self._since_ns: int | None = None  # when the first text of the next batch was offered
        self._at_once = self._hurried = False
        self._limit = batch.bytes  # less where the server says that it is too much
        self._failures = 0
        self._not_before_ns = 0

    def write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Go on with the batch that is under way, or begin one; see `Sink.write`."""
        del offset  # a batch is written whole
        now_ns = time.monotonic_ns()
        if not self.held and not self._begin(texts, now_ns):
            return 0, 0
        try:
            answered = self._exchange()
        except WAITS as waits:
            # a handshake; what a connection waits for until there is one is that it can be written
            read = isinstance(waits, ssl.SSLWantReadError)
            self._events = select.POLLIN if read else select.POLLOUT
            answered = False
        except OSError as error:
            if self._answered and not (self._request and self._request.status):
                # the server has ended a connection that was kept: that is no failure
                self._drop_batch()
                self._at_once = True
                return 0, 0
            self._fail()
            raise _told(error) from None
        if answered and self._request is not None:
            return self._judge(self._request)
        if now_ns >= self._until_ns:
            self._fail()
            raise TimeoutError(errno.ETIMEDOUT, "no answer in time")
        return 0, 0

    def waits(self) -> Wait:
        """Return what for; see `BatchingSink`."""
        now_ns = time.monotonic_ns()
        if self.held:
            number = self._stream.fileno()
            return Wait(
                None if number < 0 else number, self._events, max(0, self._until_ns - now_ns)
            )
        if self._not_before_ns > now_ns:
            return Wait(None, 0, self._not_before_ns - now_ns)
        return Wait(None, 0, 0 if self._at_once else min(LOOK_NS, max(self._age_ns, 1)))

    def hurry(self) -> None:
        """Wait no more; see `BatchingSink`."""
        if not self._hurried:
            self._hurried = True
            self._not_before_ns = 0

    def fileno(self) -> int:
        """Return the descriptor of the connection, -1 without one."""
        return self._stream.fileno()

    def close(self) -> None:
        """End the connection; a batch that is under way is sent again by what comes then."""
        self._drop_batch()

    def _begin(self, texts: Sequence[bytes], now_ns: int) -> bool:
        """Take the texts of a batch; say whether it is time for one."""
        if now_ns < self._not_before_ns:
            return False
        number, size = 0, 0
        for text in texts:
            if number and size + len(text) + 1 > self._limit:
                break
            number += 1
            size += len(text) + 1
        if self._since_ns is None:
            self._since_ns = now_ns
        full = number < len(texts) or size >= self._limit
        due = now_ns - self._since_ns >= self._age_ns
        if not (full or due or self._hurried or self._at_once):
            return False
        self._texts, self.held = texts[:number], number
        self._until_ns = now_ns + self._timeout_ns
        self._since_ns, self._at_once = None, False
        return True

    def _exchange(self) -> bool:
        """Go on with the connection and the request over it; say whether that is answered."""
        if self._request is None:
            channel = self._stream.open()
            if channel is None:
                self._events = select.POLLOUT
                return False
            if self._talk is None or channel is not self._talk.channel:
                from kflowd.delivery.sinks.request import Talk

                self._talk, self._answered = Talk(channel), 0
            self._request = self._talk.begin(self._url.target, *self._message())
        answered = self._request.go_on()
        self._events = self._request.events
        return answered

    def _message(self) -> tuple[list[tuple[str, str]], bytes]:
        """Return the headers and the body of a request."""
        body = self._body.make(self._texts)
        headers = [("Host", self._url.host), ("User-Agent", "kflowd")]
        headers += [("Content-Type", self._body.content_type)]
        if self._compressed:
            import gzip

            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        if self._token_file is not None:
            headers.append(("Authorization", _authorization(self._token_file)))
        return headers + [(it.name, it.value) for it in self._headers], body

    def _judge(self, request: "Request") -> tuple[int, int]:
        """Return what was written by the answer to a request.

        Raises:
            OSError: It is to come later.
            RefusedError: It is never to come.
        """
        status, number = request.status, len(self._texts)
        size = sum(map(len, self._texts)) + number
        self._end_batch(keep=request.reusable)
        if 200 <= status < 300:
            self._failures = 0
            return self._taken(number, request.body)
        error = OSError(errno.EREMOTEIO, _shown(status))
        if self._body.later(status):
            self._fail(request.retry_after)
            raise error
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and number > 1:
            self._limit, self._at_once = size // 2, True
            return 0, 0
        self._failures = 0
        raise RefusedError(0, error, forever=True, number=number)

    def _taken(self, number: int, answer: bytes) -> tuple[int, int]:
        """Return what was written of a batch by a good answer, which does not say which are not.

        Raises:
            RefusedError: Some were rejected.
        """
        rejected = min(self._body.rejected(answer), number)
        if rejected:
            error = OSError(errno.EREMOTEIO, f"{rejected} of {number} records rejected")
            raise RefusedError(number - rejected, error, forever=True, number=rejected)
        return number, 0

    def _fail(self, retry_after: str = "") -> None:
        """End a batch that is to be sent again, and say when."""
        self._drop_batch()
        pause_ns = min(FIRST_PAUSE_NS << min(self._failures, 16), MOST_PAUSE_NS)
        self._failures += 1
        # many agents do not come back at once
        pause_ns -= int.from_bytes(os.urandom(4)) * (pause_ns // 2) >> 32
        if retry_after.isdecimal() and len(retry_after) < 6:
            said_ns = min(int(retry_after), MOST_RETRY_AFTER_S) * NS_PER_SECOND
            pause_ns = max(pause_ns, said_ns)
        self._not_before_ns = time.monotonic_ns() + pause_ns
        self._at_once = True

    def _drop_batch(self) -> None:
        self._end_batch(keep=False)

    def _end_batch(self, *, keep: bool) -> None:
        """Have no batch under way; keep the connection or end it."""
        self._texts, self.held, self._request = (), 0, None
        self._answered += 1
        if not keep:
            self._stream.close()
            self._talk, self._answered = None, 0


def _authorization(path: Path) -> str:
    """Return what a file says.

    Raises:
        OSError: It cannot be read, or holds nothing that can stand in a header.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        text = os.read(number, MOST_TOKEN_BYTES + 1).decode("ascii", "replace").strip()
    finally:
        os.close(number)
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= MOST_TOKEN_BYTES:
        raise OSError(errno.EINVAL, f"{path} holds no token")
    return text if " " in text else f"Bearer {text}"


def _shown(status: int) -> str:
    """Return a status with the words that it has by its number: those of the server are its own."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"


def _told(error: OSError) -> OSError:
    """Return an error with words for people; some have none, or have theirs elsewhere."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return OSError(errno.EPROTO, f"certificate: {error.verify_message}")
    return error
