# SPDX-License-Identifier: Apache-2.0
import socket
import threading

from kflowd.plugins.loading import load
from kflowd.plugins.places import Place
from kflowd.plugins.reading import Reader
from kflowd.plugins.wire import MAX_ANSWER, Answer, Frames, answer_of
from kflowd.plugins.worker import serve
from tests.unit.plugins.faulty import FAULTY, request


def answered(*texts: bytes) -> list[Answer]:
    """Return the answers of the plugin with faults; no process is made."""
    ours, theirs = socket.socketpair()
    plugin = load(Place("faulty", str(FAULTY)))
    thread = threading.Thread(target=serve, args=(theirs, Reader(plugin.decoders)))
    thread.start()
    frames = Frames(MAX_ANSWER)
    found: list[Answer] = []
    with ours, theirs:
        for number, text in enumerate(texts):
            ours.sendall(request(text, number))
        while len(found) < len(texts):
            frames.add(ours.recv(1 << 16))
            while (body := frames.next()) is not None:
                found.append(answer_of(body, 4))
        ours.shutdown(socket.SHUT_RDWR)
        thread.join()
    return found


def test_requests_are_answered_in_order() -> None:
    """Also those that its decoder fails at, and what has no room in an answer."""
    fine, failed, huge, last = answered(b"fine", b"fail", b"huge", b"last")
    assert [it.number for it in (fine, failed, huge, last)] == [0, 1, 2, 3]
    assert fine.messages[0][2]["Said"] == "fine"
    assert failed.error.startswith("ValueError: of")
    assert huge.error.startswith("messages of 10000")
    assert huge.error.endswith(" bytes: 65536 at most")
    assert last.error == ""
