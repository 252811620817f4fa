# SPDX-License-Identifier: Apache-2.0
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kflowd.delivery import Output
from kflowd.delivery.output import State
from kflowd.delivery.queue import Reason
from kflowd.delivery.sinks import HttpSink
from kflowd.delivery.sinks import http as module
from kflowd.delivery.sinks.body import LINES
from kflowd.settings import BatchSettings, QueueSettings
from kflowd.settings.urls import Url, parse_header, parse_url
from tests.unit.delivery.make import until
from tests.unit.delivery.sinks.posted import (
    Answer,
    Handler,
    Server,
    answered,
    certify,
    early,
    raw,
    status,
)

TEXTS = [b'{"n": %d}' % n for n in range(500)]
NOW = BatchSettings(bytes=4096, age_ns=0)


@contextmanager
def posting(url: Url, queue: QueueSettings | None = None, **options: object) -> Iterator[Output]:
    """Run an output over HTTP."""
    sink = HttpSink(url, **({"batch": NOW} | options))  # type: ignore[arg-type] # as a test says
    output = Output("http", sink, "json-min", queue=queue)
    yield output
    output.leave()
    assert output.finished


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again soon."""
    monkeypatch.setattr(module, "FIRST_PAUSE_NS", 10_000_000)
    monkeypatch.setattr("kflowd.delivery.output.RETRY_NS", 5_000_000)


def all_out(output: Output, number: int = len(TEXTS)) -> Callable[[], bool]:
    """Return what says whether so many are written, and none is lost."""
    return lambda: output.counts().written == number and not any(output.counts().lost.values())


def test_batches_of_lines_over_one_connection() -> None:
    """Each as large as it may be, with the headers that a request has."""
    with Server() as server, posting(server.url("/a/b?c=d")) as output:
        output.put(TEXTS, [])
        until(all_out(output))
        assert server.texts == TEXTS
        assert len({it.peer for it in server.posted}) == 1
        assert max(len(it.body) for it in server.posted) <= NOW.bytes
        assert len(server.posted) == 2
        first = server.posted[0]
        assert first.target == "/a/b?c=d"
        assert first.headers == {
            "host": f"127.0.0.1:{server.port}",
            "user-agent": "kflowd",
            "content-type": "application/x-ndjson",
            "content-length": str(len(first.body)),
        }


def test_a_body_may_be_compressed() -> None:
    """By gzip; a batch is as large as it is before."""
    with Server() as server, posting(server.url(), compressed=True) as output:
        output.put(TEXTS, [])
        until(all_out(output))
        assert server.texts == TEXTS
        assert server.posted[0].headers["content-encoding"] == "gzip"
        assert len(server.posted[0].body) < 2000


@pytest.mark.parametrize(
    ("written", "sent"), [("secret\n", "Bearer secret"), ("Splunk secret", "Splunk secret")]
)
def test_headers_and_a_token(written: str, sent: str, tmp_path: Path) -> None:
    """The file is read for each request: a token may be replaced while kflowd runs."""
    path = tmp_path / "token"
    path.write_text(written)
    headers = (parse_header("X-Scope: a b"), parse_header("x-other: 1"))
    with Server() as server, posting(server.url(), headers=headers, token_file=path) as output:
        output.put([b"1"], [])
        until(all_out(output, 1))
        path.write_text("other")
        output.put([b"2"], [])
        until(all_out(output, 2))
        first, second = server.posted
    assert first.headers["authorization"] == sent
    assert second.headers["authorization"] == "Bearer other"
    assert (first.headers["x-scope"], first.headers["x-other"]) == ("a b", "1")


@pytest.mark.parametrize("content", [b"", b" \n", b"a\nb", b"\xff", b"a" * 9000, None])
def test_a_token_that_is_none(content: bytes | None, tmp_path: Path) -> None:
    """Nothing is sent without it; it may be there later."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with Server() as server, posting(server.url(), token_file=path) as output:
        output.put([b"1"], [])
        until(lambda: output.state is State.RETRYING)
        assert isinstance(output.error, OSError)
        assert str(path) in str(output.error)
        assert not server.posted
        path.write_bytes(b"x")
        until(all_out(output, 1))


def test_a_token_from_a_fifo_makes_nobody_wait(tmp_path: Path) -> None:
    """It is empty."""
    path = tmp_path / "token"
    os.mkfifo(path)
    with Server() as server, posting(server.url(), token_file=path) as output:
        output.put([b"1"], [])
        until(lambda: output.state is State.RETRYING)


def test_a_batch_waits_for_its_age() -> None:
    """Or until it is full; at the end it waits no more."""
    batch = BatchSettings(bytes=4096, age_ns=400_000_000)
    with Server() as server, posting(server.url(), batch=batch) as output:
        began = time.monotonic()
        output.put([b"1"], [])
        time.sleep(0.1)
        output.put([b"2"], [])
        assert not server.posted
        until(all_out(output, 2))
        assert 0.3 < time.monotonic() - began < 5
        assert [it.texts for it in server.posted] == [[b"1", b"2"]]
        output.put([b"x" * 1000] * 5, [])
        until(lambda: len(server.posted) == 2)
        assert len(server.posted[1].texts) == 4
        until(lambda: len(server.posted) == 3)
    batch = BatchSettings(bytes=4096, age_ns=3600_000_000_000)
    with Server() as server, posting(server.url(), batch=batch) as output:
        output.put([b"1"], [])
        time.sleep(0.15)
        assert not server.posted
        output.end()
        until(lambda: output.finished)
        assert server.texts == [b"1"]
        assert output.counts().written == 1


def test_a_text_that_is_larger_than_a_batch_is_one() -> None:
    """Whole."""
    large = b"x" * 3_000_000
    with Server() as server, posting(server.url()) as output:
        output.put([b"1", large, b"2"], [])
        until(all_out(output, 3))
        assert [len(it.texts) for it in server.posted] == [1, 1, 1]
        assert server.texts[1] == large


@pytest.mark.parametrize("number", [200, 201, 202, 204, 299])
def test_what_is_taken(number: int) -> None:
    """Each 2xx says so."""
    answer = status(number) if number != 204 else raw(b"HTTP/1.1 204 x\r\n\r\n")
    with Server([answer]) as server, posting(server.url()) as output:
        output.put([b"1"], [])
        until(all_out(output, 1))
        assert output.error is None


@pytest.mark.parametrize("number", [500, 502, 503, 504, 507, 408, 425, 429])
def test_what_is_to_come_later_comes_later(number: int) -> None:
    """Nothing is lost, and nothing comes twice."""
    with Server([status(number)] * 3) as server, posting(server.url()) as output:
        output.put([b"1", b"2"], [])
        until(all_out(output, 2))
        assert server.texts == [b"1", b"2"] * 4
        assert output.state is State.UP
        assert str(number) in str(output.error)


@pytest.mark.parametrize("number", [300, 301, 302, 307, 308, 400, 401, 403, 404, 413, 422])
def test_what_is_refused_is_lost_and_counted(number: int) -> None:
    """The batch and no more; a redirect is not followed."""
    with Server() as other:
        answer = status(number, Location=str(other.url()))
        with Server([answer]) as server, posting(server.url()) as output:
            output.put([b"1"], [])
            until(lambda: sum(output.counts().lost.values()) == 1)
            output.put([b"2"], [])
            until(lambda: output.counts().written == 1)
            counts = output.counts()
            assert (counts.put, counts.queued, counts.lost[Reason.REFUSED]) == (2, 0, 1)
            assert server.texts == [b"1", b"2"]
            assert isinstance(output.error, OSError)
            assert str(output.error.strerror).startswith(f"{number} ")
        assert not other.posted


def test_a_refused_batch_is_lost_as_one() -> None:
    """Those behind it are sent."""
    with Server([status(400)]) as server, posting(server.url()) as output:
        output.put(TEXTS, [])
        until(lambda: output.counts().queued == 0)
        lost = output.counts().lost[Reason.REFUSED]
        assert lost == len(server.posted[0].texts)
        assert output.counts().written == len(TEXTS) - lost
        assert server.texts == TEXTS


def test_what_a_good_answer_rejects_is_lost_and_counted() -> None:
    """So many as it says, and never more than were sent; which these are it does not say."""
    body = LINES._replace(content_type="text/x", rejected=lambda answer: int(answer[:3]))
    answers = [answered(b"007"), answered(b"999"), answered(b"000")]
    with Server(answers) as server, posting(server.url(), body=body) as output:
        output.put(TEXTS[:10], [])
        until(lambda: output.counts().lost[Reason.REFUSED] == 7)
        assert str(output.error).endswith("7 of 10 records rejected")
        assert output.state == State.UP
        output.put(TEXTS[10:15], [])
        until(lambda: output.counts().lost[Reason.REFUSED] == 12)
        output.put(TEXTS[15:20], [])
        until(lambda: output.counts().written == 8)
        assert server.texts == TEXTS[:20]
        assert server.posted[0].headers["content-type"] == "text/x"


def test_a_batch_that_is_too_large_is_halved() -> None:
    """Until it is taken; one text alone that is too large is lost."""

    def limited(it: Handler) -> None:
        status(413 if len(it.server.posted[-1].body) > 1100 else 200)(it)

    with Server([limited] * 100) as server, posting(server.url()) as output:
        texts = [b"%03d" % n * 30 for n in range(100)]
        output.put([*texts[:50], b"x" * 2000, *texts[50:]], [])
        until(lambda: output.counts().queued == 0)
        assert output.counts().lost[Reason.REFUSED] == 1
        assert output.counts().written == 100
        taken = [text for it in server.posted if len(it.body) <= 1100 for text in it.texts]
        assert taken == texts


def test_an_answer_ahead_of_the_body() -> None:
    """It counts, though the server reads no further and hangs up."""
    large = b"x" * 8_000_000
    with Server([early(413)]) as server, posting(server.url()) as output:
        output.put([large, b"2"], [])
        until(lambda: output.counts().queued == 0)
        counts = output.counts()
        # a reset can take the answer with it; then the text is sent again and taken
        assert counts.written + counts.lost[Reason.REFUSED] == 2
        assert server.texts[-1] == b"2"


BAD = {
    "nothing": b"",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000,
    "no number": b"HTTP/1.1 20x OK\r\n\r\n",
    "controls": b"HTTP/1.1 500 \x1b[2J\r\n\r\n",
    "1xx alone": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_answer_is_a_failure(name: str) -> None:
    """The batch is sent again, and nobody's bytes are in a message."""
    with Server([raw(BAD[name])]) as server, posting(server.url()) as output:
        output.put([b"1"], [])
        until(all_out(output, 1))
        assert server.texts == [b"1", b"1"]
        assert isinstance(output.error, OSError)
        assert str(output.error.strerror).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000,
    ],
)
def test_the_head_of_an_answer_says_all(data: bytes) -> None:
    """Whatever becomes of its body."""
    with Server([raw(data)]) as server, posting(server.url()) as output:
        output.put([b"1"], [])
        until(all_out(output, 1))
        output.put([b"2"], [])
        until(all_out(output, 2))
        assert server.texts == [b"1", b"2"]


def test_a_kept_connection_that_was_ended_is_no_failure() -> None:
    """A server may end it at any time; also when the next request is on its way."""
    closing = status(200)

    def ends(it: Handler) -> None:
        closing(it)
        it.close_connection = True

    def hangs_up(it: Handler) -> None:
        it.close_connection = True

    with Server([ends, status(200), hangs_up]) as server, posting(server.url()) as output:
        for number in range(1, 5):
            output.put([b"%d" % number], [])
            until(all_out(output, number))
            time.sleep(0.05)
        assert output.error is None
        assert server.texts == [b"1", b"2", b"3", b"3", b"4"]
        assert len({it.peer for it in server.posted}) == 3


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """The batch is sent again over another connection."""
    leave = threading.Event()

    def hang(it: Handler) -> None:
        leave.wait(20)
        it.close_connection = True

    with Server([hang]) as server, posting(server.url(), timeout_ns=300_000_000) as output:
        output.put([b"1"], [])
        until(all_out(output, 1))
        assert server.texts == [b"1", b"1"]
        assert isinstance(output.error, TimeoutError)
        leave.set()


def test_a_server_that_reads_nothing_is_given_up() -> None:
    """Nothing that a peer does, or does not, keeps a request longer than its time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with posting(url, timeout_ns=200_000_000) as output:
            output.put([b"x" * 20_000_000], [])
            until(lambda: isinstance(output.error, TimeoutError))
            assert output.counts().queued == 1


def test_a_server_that_is_slow_costs_the_queue_alone() -> None:
    """What finds no room is lost and counted, to the record; the rest comes in order."""

    def slow(it: Handler) -> None:
        time.sleep(0.05)
        status(200)(it)

    queue = QueueSettings(bytes=64 << 10)
    with Server([slow] * 1000) as server, posting(server.url(), queue) as output:
        for first in range(0, 3000, 100):
            output.put([b"%05d" % n * 20 for n in range(first, first + 100)], [])
        until(lambda: output.counts().queued == 0)
        counts = output.counts()
        assert counts.lost[Reason.FULL] > 0
        assert counts.written + sum(counts.lost.values()) == 3000
        assert len(server.texts) == counts.written
        assert server.texts == sorted(server.texts)


def test_the_age_of_the_queue_holds_while_it_is_asked_again() -> None:
    """What is under way does not get too old in the middle of it."""
    leave = threading.Event()

    def hang(it: Handler) -> None:
        leave.wait(20)
        status(200)(it)

    queue = QueueSettings(age_ns=1_000_000_000)
    with Server([hang]) as server, posting(server.url(), queue) as output:
        output.put([b"1"], [])
        until(lambda: server.posted)
        time.sleep(1.2)
        output.put([b"2"], [])
        assert output.counts().lost[Reason.LATE] == 0
        leave.set()
        until(all_out(output, 2))
    with posting(parse_url("http://127.0.0.1:9/"), queue) as output:
        output.put([b"1"], [])
        until(lambda: output.state is State.RETRYING)
        time.sleep(1.2)
        output.put([b"2"], [])
        # it waits no more, for the sink that refuses
        assert output.counts().lost[Reason.REFUSED] == 1


def test_nobody_there_and_then_somebody() -> None:
    """All that has room waits, and comes in order."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with posting(parse_url(f"http://127.0.0.1:{port}/")) as output:
        output.put(TEXTS, [])
        until(lambda: output.state is State.RETRYING)
        assert isinstance(output.error, ConnectionRefusedError)
        with Server(port=port) as server:
            until(all_out(output))
            assert server.texts == TEXTS


def test_pauses_grow_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second at least, a minute at most; a server may ask for five."""
    monkeypatch.undo()
    sink = HttpSink(parse_url("http://127.0.0.1:9/"))
    pauses = []
    for _ in range(12):
        sink._fail()
        pauses.append(sink._not_before_ns - time.monotonic_ns())
    for number, pause in enumerate(pauses):
        full = min(1 << number, 60) * 1_000_000_000
        assert full // 2 - 50_000_000 <= pause <= full
    for said, seconds in (("100", 100), ("99999", 300), ("-1", 0), ("soon", 0), ("9" * 99, 0)):
        sink._failures = 0
        sink._fail(said)
        left = (sink._not_before_ns - time.monotonic_ns()) / 1e9
        assert max(0.4, seconds - 1) <= left <= max(1, seconds)


def test_a_server_says_when_to_come_again() -> None:
    """Not sooner."""
    with Server([status(503, Retry_After="1")]) as server, posting(server.url()) as output:
        began = time.monotonic()
        output.put([b"1"], [])
        until(all_out(output, 1))
        assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("kind", ["hangs", "refuses", "is not there"])
def test_the_end_is_not_waited_for_longer_than_others(kind: str) -> None:
    """Told to end, an output asks once more; told to leave, it leaves."""
    leave = threading.Event()

    def hang(it: Handler) -> None:
        leave.wait(20)
        it.close_connection = True

    later = status(503, Retry_After="300")
    answers: dict[str, list[Answer]] = {"hangs": [hang] * 9, "refuses": [later] * 9}
    with Server(answers.get(kind, [])) as server:
        url = server.url() if kind in answers else parse_url("http://127.0.0.1:9/")
        with posting(url) as output:
            output.put([b"1"], [])
            until(lambda: server.posted or output.state is State.RETRYING)
            if kind == "refuses":
                until(lambda: output.state is State.RETRYING)
            output.end()
            output.join(1)
            began = time.monotonic()
            output.leave()
            assert time.monotonic() - began < 1
            assert output.finished
            assert sum(output.counts().lost.values()) == 1
            if kind == "refuses":
                assert len(server.posted) == 2
        leave.set()


def test_it_begins_anew_when_asked() -> None:
    """Over another connection; what was under way is sent again."""
    with Server() as server, posting(server.url()) as output:
        assert output.reopens
        output.put([b"1"], [])
        until(all_out(output, 1))
        output.reopen()
        output.put([b"2"], [])
        until(all_out(output, 2))
        assert len({it.peer for it in server.posted}) == 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_over_tls(host: str, tmp_path: Path) -> None:
    """To who shows a certificate for the name or the number, of someone who is trusted."""
    certificate = certify(tmp_path)
    with Server(certificate=certificate) as server:
        url = server.url(host=host)
        with posting(url, ca=tmp_path / "certificate", batch=BatchSettings(age_ns=0)) as output:
            texts = [*TEXTS, b"x" * 3_000_000, *TEXTS]
            output.put(texts, [])
            until(lambda: output.counts().written == len(texts))
            assert server.texts == texts
            assert len({it.peer for it in server.posted}) == 1


@pytest.mark.parametrize("wrong", ["unknown", "name", "no TLS", "TLS"])
def test_wrong_tls_gets_nothing(wrong: str, tmp_path: Path) -> None:
    """It is asked again, as it may be right later; one line says what it is."""
    certificate = certify(tmp_path, "elsewhere.test" if wrong == "name" else "localhost")
    trusted = None if wrong == "unknown" else tmp_path / "certificate"
    with Server(certificate=None if wrong == "no TLS" else certificate) as server:
        scheme = "http" if wrong == "TLS" else "https"
        host = "localhost" if wrong == "name" else "127.0.0.1"
        url = parse_url(f"{scheme}://{host}:{server.port}/")
        with posting(url, ca=trusted) as output:
            output.put([b"secret"], [])
            until(lambda: output.error is not None and "refused" not in str(output.error))
            assert output.state is State.RETRYING
            assert isinstance(output.error, OSError)
            assert output.error.strerror
            assert output.counts().queued == 1
        assert not server.posted


def test_a_server_that_does_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end each text is there once at least, in order, or lost and counted."""
    monkeypatch.setattr(module, "MOST_PAUSE_NS", 20_000_000)
    dice = random.Random(7)

    def slow(it: Handler) -> None:
        time.sleep(0.02)
        status(200)(it)

    def cuts(it: Handler) -> None:
        it.connection.close()
        it.close_connection = True

    kinds = [
        *map(status, (200, 500, 429, 400)),
        *map(raw, (b"HTTP/1.1 2", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")),
        *(slow, cuts, early(503)),
    ]
    chosen = dice.choices(kinds, k=150)
    with Server(chosen) as server, posting(server.url(), timeout_ns=500_000_000) as output:
        texts = [b"%05d" % n * 10 for n in range(8000)]
        for first in range(0, len(texts), 100):
            output.put(texts[first : first + 100], [])
        until(lambda: output.counts().queued == 0)
        counts = output.counts()
        assert counts.written + counts.lost[Reason.REFUSED] == len(texts)
        assert counts.lost[Reason.REFUSED] == sum(counts.lost.values())
        got = server.texts
        assert set(got) == set(texts)
        # the first time that each came is in order
        assert list(dict.fromkeys(got)) == texts


def test_a_name_that_nobody_knows() -> None:
    """It may be known later."""
    with posting(parse_url("http://nowhere.invalid/")) as output:
        output.put([b"1"], [])
        until(lambda: output.state is State.RETRYING)
        assert isinstance(output.error, socket.gaierror)


def test_nothing_is_looked_for_while_there_is_nothing() -> None:
    """An output that has no texts has no connection."""
    sink = HttpSink(parse_url("http://127.0.0.1:9/"))
    assert sink.fileno() == -1
    assert sink.waits().descriptor is None
    sink.close()
