# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.base import Direction, Limits, Message
from kflowd.protocols.http import Http
from tests.unit.protocols.http.talk import GET, OK, RX, TX, UNREADABLE, Step, asked, talk

HEAD = b"HEAD / HTTP/1.1\r\n\r\n"
HEAD_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
WEBSOCKET = b"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
FRAMES = b"\x81\x85abcd\x00\nGET / HTTP/1.1\r\n\r\n"


def brief(messages: list[Message]) -> list[str]:
    """Return messages as "TX 1 GET /" and "RX 2 200 body"."""
    lines = []
    for it in messages:
        keys = ("_Method", "_Url", "_Status", "_Body", "_Exception")
        words = [str(it.members[key]) for key in keys if it.members.get(key, "") != ""]
        lines.append(" ".join([it.direction.name, str(it.ts_ns), *words, *it.notes]))
    return lines


def test_either_direction_may_be_the_client() -> None:
    """Who asks is the client, whoever that is of the socket."""
    assert brief(talk((TX, GET), (RX, OK))) == ["TX 1 GET /", "RX 2 200 ok"]
    assert brief(talk((RX, GET), (TX, OK))) == ["RX 1 GET /", "TX 2 200 ok"]


@pytest.mark.parametrize("ask", [GET, HEAD, CONNECT, WEBSOCKET, b"GET /old\n"])
@pytest.mark.parametrize("server_first", [False, True])
def test_directions_come_in_any_order(ask: bytes, *, server_first: bool) -> None:
    """A response that comes ahead of its request waits for it."""
    answers = {
        GET: OK,
        HEAD: HEAD_OK + b"HTTP/1.1 400 Bad\r\n\r\nx",
        CONNECT: b"HTTP/1.1 200 OK\r\n\r\n" + FRAMES,
        WEBSOCKET: SWITCH + FRAMES,
        b"GET /old\n": b"<html>\n",
    }
    wanted = {
        GET: ["TX GET /", "RX 200 ok"],
        HEAD: ["TX HEAD /", "RX 200", "RX 400 x"],
        CONNECT: ["TX CONNECT a.example:443", "RX 200"],
        WEBSOCKET: ["TX GET /chat", "RX 101"],
        b"GET /old\n": ["TX GET /old", "RX <html>"],
    }
    steps: list[Step] = [(TX, ask), (RX, answers[ask])]
    messages = talk(*(reversed(steps) if server_first else steps))
    seen = [" ".join(w for w in line.split() if w not in {"1", "2"}) for line in brief(messages)]
    assert seen == wanted[ask]
    times = {it.direction: it.ts_ns for it in messages}
    assert times == ({TX: 2, RX: 1} if server_first else {TX: 1, RX: 2})


def test_keep_alive_and_pipelining() -> None:
    """Several messages in a piece, one in many, and responses paired in order."""
    client = GET + HEAD + b"\r\n" + GET
    server = OK + HEAD_OK + OK
    wanted = ["TX GET /", "TX HEAD /", "TX GET /", "RX 200 ok", "RX 200", "RX 200 ok"]
    for size in (1, 2, 3, 7, 1000):
        steps = [(TX, client[at : at + size]) for at in range(0, len(client), size)]
        steps += [(RX, server[at : at + size]) for at in range(0, len(server), size)]
        lines = [line.split(" ", 2) for line in brief(talk(*steps))]
        assert [f"{way} {rest}" for way, _, rest in lines] == wanted, size


def test_times_are_those_of_first_bytes() -> None:
    """Also where the first bytes are too few to tell what they are."""
    steps = [(TX, GET[:2]), (TX, GET[2:9]), (TX, GET[9:] + GET[:20]), (TX, GET[20:])]
    assert [it.ts_ns for it in talk(*steps)] == [1, 3]


def test_interim_responses_are_messages() -> None:
    """They are shown, and the request waits on."""
    messages = talk(
        (TX, b"PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
        (RX, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (TX, b"abc" + HEAD),
        (RX, b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Created\r\n"),
        (RX, b"Content-Length: 0\r\n\r\n" + HEAD_OK),
    )
    assert brief(messages) == [
        "RX 2 100", "TX 1 PUT /x abc", "TX 3 HEAD /", "RX 4 103", "RX 4 201", "RX 5 200",
    ]  # fmt: skip


def test_a_response_ahead_of_the_end_of_its_request() -> None:
    """A server may refuse a body that is not all sent."""
    messages = talk(
        (TX, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"),
        (RX, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
    )
    assert brief(messages) == ["RX 2 413", "TX 1 POST / abc UNFINISHED"]


@pytest.mark.parametrize(
    ("ask", "answer"), [(WEBSOCKET, SWITCH), (CONNECT, b"HTTP/1.1 200 OK\r\n\r\n")]
)
def test_nothing_is_read_behind_another_protocol(ask: bytes, answer: bytes) -> None:
    """What follows both ways is no message, whatever it looks like."""
    messages = talk(
        (TX, ask), (TX, FRAMES), (RX, answer + FRAMES + OK), (TX, FRAMES + GET), (RX, 7), (RX, OK)
    )
    assert len(messages) == 2


@pytest.mark.parametrize("ask", [WEBSOCKET, CONNECT])
def test_what_is_refused_goes_on_as_http(ask: bytes) -> None:
    """A request that follows waits until it is known what it is."""
    refused = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    messages = talk((TX, ask + GET), (RX, refused), (RX, OK))
    assert brief(messages)[1:] == ["RX 2 403 no", "TX 1 GET /", "RX 3 200 ok"]


@pytest.mark.parametrize(
    ("ask", "more", "wanted"),
    [
        (WEBSOCKET, GET, ["TX 1 GET /chat", "TX 2 GET /"]),
        (CONNECT, GET, ["TX 1 CONNECT a.example:443", "TX 2 GET /"]),
        (CONNECT, FRAMES, ["TX 1 CONNECT a.example:443"]),
    ],
)
def test_without_any_answer_the_bytes_tell(ask: bytes, more: bytes, wanted: list[str]) -> None:
    """Where the response was not seen, what looks like HTTP is read."""
    assert brief(talk((TX, ask), (TX, more))) == wanted


def test_waiting_has_a_limit() -> None:
    """What waits is bounded; then it is read as it is."""
    conversation = Http(Limits(message_bytes=100)).conversation(joined=False)
    held, messages = 0, []
    for _ in range(100):
        messages += conversation.feed(RX, OK, 1)
        held = max(held, conversation.held)
    assert held <= 100 + len(OK)
    assert len(messages) >= 97


def test_both_sides_without_http() -> None:
    """Another protocol on the port is one message for each direction, with its length."""
    messages = talk((RX, b"\x16\x03\x01hello\n"), (TX, b"\x16\x03\x03\n"), (TX, b"more\n" * 10))
    assert [(it.direction, it.members, it.length) for it in messages] == [
        (Direction.TX, UNREADABLE, 54),
        (Direction.RX, UNREADABLE, 9),
    ]


def test_http_0_9() -> None:
    """A request is one line, its response all that comes; wrong ones are told."""
    old = "HTTP/0.9"
    messages = talk((TX, b"GET /zeek.html\n"), (RX, b"\n<html>\n  x\n"), (RX, b"</html>\n"))
    assert [it.members for it in messages] == [
        {"_Method": "GET", "_Url": "/zeek.html", "_Version": old},
        {"_Version": old, "_Body": "\n<html>\n  x\n</html>"},
    ]
    for line, complaint in (
        (b"POST /x\n", "HTTP/0.9 has no method but GET"),
        (b"T /x\n", "HTTP/0.9 has no method but GET"),
        (b"GET \n", "request without target"),
    ):
        first, second = talk((TX, line), (RX, b"bad\n"))
        assert first.members["_Exception"] == complaint
        assert second.members == {"_Version": old, "_Body": "bad"}
    assert [it.members for it in talk((TX, b"T \n"), (RX, b"bad\n"))] == [UNREADABLE] * 2


def test_a_server_answers_http_0_9_as_it_likes() -> None:
    """A response with a status line is read as one."""
    assert brief(talk((TX, b"GET /\n"), (RX, OK))) == ["TX 1 GET /", "RX 2 200 ok"]


GAPPED = b"HTTP/1.1 200 OK\r\nContent-Length: 4705\r\nContent-Type: text/plain\r\n\r\n"


def test_a_gap_inside_a_body() -> None:
    """Its length is known, so that the next message is found; nothing is joined over the gap."""
    messages = talk(
        (TX, GET + GET), (RX, GAPPED + b"begin"), (RX, 4690), (RX, b"after then"[:10]), (RX, OK)
    )
    assert brief(messages)[2:] == ["RX 2 200 begin GAP", "RX 5 200 ok"]
    assert messages[2].length == len(GAPPED) + 4705


@pytest.mark.parametrize("size", [0, 5000])
def test_a_gap_over_the_end_of_a_message(size: int) -> None:
    """The next plausible start is looked for; both messages say what happened."""
    messages = talk((TX, GET), (RX, GAPPED + b"begin"), (RX, size), (RX, b"tail\n" + OK))
    assert brief(messages)[1:] == ["RX 2 200 begin GAP", "RX 4 200 ok GAP"]
    assert messages[1].length == len(GAPPED) + len(b"begin") + size + len(b"tail\n")


def test_a_gap_between_messages() -> None:
    """What comes behind it and is no start is shown as what could not be read."""
    messages = talk((TX, GET), (RX, OK), (RX, 10), (RX, b"tail\n"), (RX, OK))
    assert brief(messages)[2:] == ["RX 4 HTTP Message Decoder GAP", "RX 5 200 ok GAP"]
    assert brief(talk((TX, GET), (TX, 10), (TX, GET)))[1:] == ["TX 3 GET / GAP"]


def test_a_gap_inside_a_head() -> None:
    """Lines that are complete are shown."""
    messages = talk((TX, b"GET /a HTTP/1.1\r\nHost: x\r\nAcc"), (TX, 9), (TX, b"z\r\n\r\n" + GET))
    assert messages[0].members == {
        "_Method": "GET", "_Url": "/a", "_Version": "HTTP/1.1", "Host": "x",
    }  # fmt: skip
    assert messages[0].notes == ["GAP"]
    assert messages[0].length == 43
    assert brief(messages)[1:] == ["TX 3 GET / GAP"]
    assert brief(talk((TX, b"GET /a"), (TX, 9), (TX, GET)))[0] == "TX 1 GET /a GAP"


def test_a_gap_inside_chunks() -> None:
    """It is stepped over inside the data of a chunk; else the next start is looked for."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    messages = talk((TX, GET), (RX, chunked), (RX, 3), (RX, b"\r\n0\r\n\r\n" + OK))
    assert brief(messages)[1:] == ["RX 2 200 ab GAP", "RX 4 200 ok"]
    messages = talk((TX, GET), (RX, chunked), (RX, 4), (RX, b"\n0\r\n\r\n" + OK))
    assert brief(messages)[1:] == ["RX 2 200 ab GAP", "RX 4 200 ok GAP"]


def test_a_gap_while_waiting() -> None:
    """It stays at its place among the bytes that wait."""
    messages = talk((RX, GAPPED + b"begin"), (RX, 4700), (RX, OK), (TX, GET + GET))
    assert brief(messages) == [
        "TX 4 GET /", "TX 4 GET /", "RX 1 200 begin GAP", "RX 3 200 ok",
    ]  # fmt: skip


def test_a_request_in_a_gap_does_not_shift_the_others() -> None:
    """A response whose request is missing is read by itself, also one to HEAD."""
    messages = talk(
        (TX, GET), (RX, OK), (TX, len(HEAD)), (RX, HEAD_OK), (RX, OK), (TX, GET), (RX, OK)
    )
    assert brief(messages)[2:] == ["RX 4 200", "RX 5 200 ok", "TX 6 GET / GAP", "RX 7 200 ok"]


def test_joined_inside_of_messages() -> None:
    """What belongs to a message older than the stream is told, and not shown: it may be secret."""
    messages = talk(
        (TX, b"ie: secret\r\n\r\n" + GET), (RX, b"</html>"), (RX, b"\n" + OK), joined=True
    )
    assert brief(messages) == [
        "TX 1 HTTP Message Decoder PARTIAL", "TX 1 GET /", "RX 2 HTTP Message Decoder PARTIAL",
        "RX 3 200 ok",
    ]  # fmt: skip
    assert [it.length for it in messages] == [14, 0, 8, 0]


def test_joined_between_messages() -> None:
    """Then nothing is missing."""
    assert brief(talk((RX, OK), (TX, GET), (RX, OK), joined=True)) == [
        "RX 1 200 ok", "TX 2 GET /", "RX 3 200 ok",
    ]  # fmt: skip


def test_the_end_inside_a_message() -> None:
    """What came is shown, and that it is not all."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    assert brief(talk((TX, GET), (RX, chunked)))[1:] == ["RX 2 200 ab UNFINISHED"]
    assert brief(talk((TX, GET), (RX, GAPPED + b"ab")))[1:] == ["RX 2 200 ab UNFINISHED"]
    assert brief(talk((TX, GET), (RX, b"HTTP/1.0 200 OK\r\n\r\nab")))[1:] == ["RX 2 200 ab"]
    assert brief(asked(b"GET / HT")) == ["TX 1 GET / HT UNFINISHED"]
    assert brief(asked(b"GE")) == ["TX 1 HTTP Message Decoder UNFINISHED"]
    (message,) = asked(b"GET / HTTP/1.1\r\nA: 1\r\nAuthor")
    assert message.members == {"_Method": "GET", "_Url": "/", "_Version": "HTTP/1.1", "A": "1"}
    assert (message.notes, message.length) == (["UNFINISHED"], 28)


def test_a_server_alone() -> None:
    """Where requests are not seen, responses are shown at the end."""
    assert brief(talk((RX, OK), (RX, OK))) == ["RX 1 200 ok", "RX 2 200 ok"]
