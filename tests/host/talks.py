# SPDX-License-Identifier: Apache-2.0
"""Programs that talk over sockets, each in a process of its own: `python talks.py WHAT PORT`.

Standard library alone, so that it runs in every machine of the matrix.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable

HOST = "127.0.0.1"
BODY = b"<p>hello</p>"
LARGE = 10_000_019  # bytes of a download
REQUEST = b"GET /kf?x=%d HTTP/1.1\r\nHost: kf.example\r\nAccept: */*\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
ROUNDS = 3
FLOODERS, FLOOD = 101, 199
SYSLOG = b"<%d>1 2026-11-27T20:36:35Z host.example kf 4711 ID%d - line %d"
QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02kf\x07example\x00\x00\x01\x00\x01"
RESPONSE = (
    b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x02kf\x07example\x00\x00\x01\x00\x01"
    b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x07"
)
NAME, ALIAS = "www.kf.example", "cdn.kf.example"


def received(of: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes of a stream."""
    data = b""
    while len(data) < size:
        more = of.recv(size - len(data))
        assert more, "the other end has gone"
        data += more
    return data


def pair(port: int, host: str = HOST) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection to a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        client = socket.create_connection((host, port))
        return client, listener.accept()[0]


def end(client: socket.socket, server: socket.socket) -> None:
    """End a connection, the client first."""
    client.close()
    while server.recv(65536):
        pass
    server.close()


def http(port: int, host: str = HOST) -> None:
    """Ask and answer several times over one connection."""
    client, server = pair(port, host)
    for number in range(ROUNDS):
        exchange(client, server, number)
    end(client, server)


def http6(port: int) -> None:
    """The same over IPv6."""
    http(port, "::1")


def bytewise(port: int) -> None:
    """Ask and answer byte by byte."""
    client, server = pair(port)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in REQUEST % 0:
        client.sendall(bytes((byte,)))
        received(server, 1)
    answer = ANSWER % (len(BODY), BODY)
    server.sendall(answer)
    received(client, len(answer))
    end(client, server)


def download(port: int) -> None:
    """Get far more than is kept of a body, then ask once more."""
    client, server = pair(port)

    def serve() -> None:
        received(server, len(REQUEST % 0))
        server.sendall(ANSWER % (LARGE, b"x" * LARGE))
        received(server, len(REQUEST % 1))
        server.sendall(ANSWER % (len(BODY), BODY))

    thread = threading.Thread(target=serve)
    thread.start()
    client.sendall(REQUEST % 0)
    received(client, len(ANSWER % (LARGE, b"")) + LARGE)
    client.sendall(REQUEST % 1)
    received(client, len(ANSWER % (len(BODY), BODY)))
    thread.join()
    end(client, server)


def dns(port: int) -> None:
    """Ask and answer by datagrams."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, port))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.sendto(QUESTION, (HOST, port))
    _, sender = server.recvfrom(512)
    server.sendto(RESPONSE, sender)
    assert client.recv(512) == RESPONSE
    client.close()
    server.close()


def flood(port: int) -> None:
    """Send very many questions from many sockets, faster than anybody could read them."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, port))
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOODERS)]
    for _ in range(FLOOD):
        for client in clients:
            client.sendto(QUESTION + bytes(400), (HOST, port))
    for each in (server, *clients):
        each.close()


def dns_tcp(port: int) -> None:
    """Ask and answer over a connection, a length cut from its message."""
    client, server = pair(port)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    framed = len(QUESTION).to_bytes(2, "big") + QUESTION
    for part in (framed[:1], framed[1:9], framed[9:]):
        client.sendall(part)
        received(server, len(part))
    server.sendall(len(RESPONSE).to_bytes(2, "big") + RESPONSE)
    received(client, len(RESPONSE) + 2)
    end(client, server)


def query_of(name: str) -> bytes:
    """Return a question for the IPv4 address of a name."""
    return b"\x43\x21\x01\0\0\x01\0\0\0\0\0\0" + wire(name) + b"\0\x01\0\x01"


def wire(name: str) -> bytes:
    """Return a name as a message has it."""
    return b"".join(bytes((len(it),)) + it.encode() for it in name.split(".")) + b"\0"


def answer_to(question: bytes) -> bytes:
    """Return that the name is an alias of ALIAS, which has the address HOST."""
    rest = b"\0\x01\0\0\0\x3c"  # class IN, a minute
    target = wire(ALIAS)
    alias = b"\xc0\x0c\0\x05" + rest + len(target).to_bytes(2, "big") + target
    address = target + b"\0\x01" + rest + b"\0\x04" + socket.inet_aton(HOST)
    counts = b"\0\x01\0\x02\0\0\0\0"
    return question[:2] + b"\x81\x80" + counts + question[12:] + alias + address


def names(port: int) -> None:
    """Connect to what a server of DNS says, asked by a socket without a peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, port))

        def ask() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(query_of(NAME), (HOST, port))
                client.recv(512)

        asked_and_connected(ask, lambda: answer_datagram(server))


def names_connected(port: int) -> None:
    """The same, asked by a socket that has a peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, port))

        def ask() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect((HOST, port))
                client.send(query_of(NAME))
                client.recv(512)

        asked_and_connected(ask, lambda: answer_datagram(server))


def names_tcp(port: int) -> None:
    """The same, asked over a connection."""
    with socket.create_server((HOST, port)) as listener:

        def ask() -> None:
            with socket.create_connection((HOST, port)) as client:
                question = query_of(NAME)
                client.sendall(len(question).to_bytes(2, "big") + question)
                received(client, len(answer_to(question)) + 2)

        def answer() -> None:
            server, _ = listener.accept()
            with server:
                size = int.from_bytes(received(server, 2), "big")
                response = answer_to(received(server, size))
                server.sendall(len(response).to_bytes(2, "big") + response)
                server.recv(1)

        asked_and_connected(ask, answer)


def answer_datagram(server: socket.socket) -> None:
    """Answer one question."""
    question, sender = server.recvfrom(512)
    server.sendto(answer_to(question), sender)


def asked_and_connected(ask: Callable[[], None], answer: Callable[[], None]) -> None:
    """Print local ports of connections: ahead of the question, behind the answer, of another."""
    with socket.create_server((HOST, 0)) as listener:
        target = listener.getsockname()

        def connect(title: str, family: int = socket.AF_INET) -> None:
            host = f"::ffff:{HOST}" if family == socket.AF_INET6 else HOST
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.connect((host, target[1]))
                print(title, client.getsockname()[1], flush=True)

        def first() -> None:
            connect("early")
            ask()
            connect("named")
            connect("mapped", socket.AF_INET6)

        for work in (first, lambda: connect("other")):
            child = os.fork()
            if not child:
                work()
                os._exit(0)
            if work is first:
                answer()
            assert os.waitpid(child, 0)[1] == 0


def syslog(port: int) -> None:
    """Send lines as datagrams to a server that says nothing."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, port))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((HOST, port))
    for number in range(ROUNDS):
        client.send(SYSLOG % (13, number, number))
        server.recv(512)
    client.close()
    server.close()


def syslog_tcp(port: int) -> None:
    """Send lines over a connection, in both framings."""
    client, server = pair(port)
    for number in range(ROUNDS):
        line = SYSLOG % (13, number, number)
        line = b"%d %s" % (len(line), line) if number % 2 else line + b"\n"
        client.sendall(line)
        received(server, len(line))
    end(client, server)


def told() -> None:
    """Say that a part is over, and wait for a line of standard input."""
    print("ready", flush=True)
    sys.stdin.readline()


def exchange(client: socket.socket, server: socket.socket, number: int) -> None:
    """Ask and answer once."""
    request, answer = REQUEST % number, ANSWER % (len(BODY), BODY)
    client.sendall(request)
    received(server, len(request))
    server.sendall(answer)
    received(client, len(answer))


def staged(port: int) -> None:
    """Ask and answer in two parts of one connection."""
    client, server = pair(port)
    exchange(client, server, 0)
    told()
    exchange(client, server, 1)
    end(client, server)


def joined(port: int) -> None:
    """Begin a message, and go on with it over the same connection."""
    client, server = pair(port)
    client.sendall(b"GET /before HT")
    received(server, 14)
    told()
    client.sendall(b"TP/1.1\r\n\r\n")
    received(server, 10)
    answer = ANSWER % (len(BODY), BODY)
    server.sendall(answer)
    received(client, len(answer))
    time.sleep(0.1)
    client.sendall(REQUEST % 7)
    received(server, len(REQUEST % 7))
    end(client, server)


WHAT: dict[str, Callable[[int], None]] = {
    it.__name__: it
    for it in (
        *(http, http6, bytewise, download, dns, dns_tcp, names, names_connected, names_tcp),
        *(syslog, syslog_tcp, joined, staged, flood),
    )
}

if __name__ == "__main__":
    WHAT[sys.argv[1]](int(sys.argv[2]))
