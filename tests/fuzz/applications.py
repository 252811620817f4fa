# SPDX-License-Identifier: Apache-2.0
"""Feeds decoders with what is nearly right, as datagrams and as pieces of a connection."""

import json
import time
from random import Random

from kflowd.protocols import NOTES
from kflowd.protocols.base import Application, Direction, Limits, Message
from kflowd.protocols.dns import Dns
from kflowd.protocols.syslog.application import Journal, Syslog
from kflowd.protocols.tls import Tls
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import DNS_SEEDS, JOURNAL_SEEDS, SYSLOG_SEEDS, TLS_SEEDS, framed
from tests.unit.protocols.http.mutate import run as run_http

LIMITS = Limits(message_bytes=2048, body_bytes=512, text_bytes=512, items=16)
APPLICATIONS: dict[str, tuple[Application, list[bytes], list[bytes]]] = {
    "DNS": (Dns(LIMITS), DNS_SEEDS, [framed(it) for it in DNS_SEEDS]),
    "SYSLOG": (Syslog(LIMITS), SYSLOG_SEEDS, [b"%d %s" % (len(it), it) for it in SYSLOG_SEEDS]),
    "JOURNAL": (Journal(LIMITS), JOURNAL_SEEDS, [it + b"\n" for it in SYSLOG_SEEDS]),
    "TLS": (Tls(LIMITS), TLS_SEEDS, TLS_SEEDS),
}
# HTTP has conversations of its own: what one direction says decides how the other is read
NAMES = sorted([*APPLICATIONS, "HTTP"])
# of one message, on a busy machine
SECONDS = 2.0
# escapes of a byte are four characters, and a name has two of them in its data
MOST_TEXT = 8 * 512 + 4 * 255 * 4


def fuzz(name: str, count: int, seed: int) -> int:
    """Decode so many mutated messages, and return how many it were.

    Raises:
        AssertionError: One was decoded to what is no message, or not at once; it names the bytes,
            or the seed of a conversation.
    """
    if name == "HTTP":
        for number in range(count):
            run_http(seed + number)
        return count
    random = Random(seed)
    application, datagrams, streams = APPLICATIONS[name]
    done = 0
    while done < count:
        data = mutated(random, datagrams if done % 2 else streams)
        began = time.process_time()
        try:
            messages = _datagram(application, data, random) if done % 2 else _connection(
                application, data, random
            )  # fmt: skip
            for message in messages:
                check(message)
        except Exception as error:
            raise AssertionError(f"{name}: {data.hex()}") from error
        spent = time.process_time() - began
        assert spent < SECONDS, f"{name}: {spent} s: {data.hex()}"
        done += 1
    return done


def _datagram(application: Application, data: bytes, random: Random) -> list[Message]:
    size = max(0, len(data) + random.choice([0, 0, 0, -5, 100]))
    return application.datagram(Direction.TX, data, size, 1)


def _connection(application: Application, data: bytes, random: Random) -> list[Message]:
    talk = application.conversation(joined=random.random() < 0.3)
    messages, at = [], 0
    while at < len(data):
        size = random.choice([1, 7, 100, 1448])
        messages += talk.feed(Direction.RX, data[at : at + size], at)
        at += size
        if random.random() < 0.1:
            missing = random.randint(0, 50)
            messages += talk.gap(Direction.RX, missing, at)
            at += missing
        assert talk.held <= LIMITS.message_bytes + 300
    messages += talk.end(Direction.RX)
    assert talk.held == 0
    return messages


def check(message: Message) -> None:
    """Hold a message to what the interface promises."""
    text = json.dumps(message.members)
    assert message.members
    assert len(text) < (LIMITS.items + 2) * MOST_TEXT
    assert set(message.notes) <= set(NOTES)
    assert len(set(message.notes)) == len(message.notes)
    assert message.length >= 0
