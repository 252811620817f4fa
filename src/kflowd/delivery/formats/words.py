# SPDX-License-Identifier: Apache-2.0
"""Values as the forms for people write them."""

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, UnsetType

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.handshake import APP, handshake
from kflowd.delivery.formats.times import DAY_S, instant
from kflowd.serialize.blocks.file import FileBlock
from kflowd.serialize.blocks.lifetime import ProcessLifetime
from kflowd.serialize.blocks.socket import SocketBlock
from kflowd.serialize.keys import Block
from kflowd.serialize.record import HealthRecord, SocketRecord, UnixRecord

CLOCK = 8  # of "2024-04-04T15:34:35": the year may have more digits
UNITS = "KMGTPE"
# who has begun: to the other end, or from it
ARROWS = {"CLIENT": "->", "SERVER": "<-"}
HEALTH = "Health"
SHORT = 5
COUNT_UNITS = "kMGTPE"
MOST_SPOKEN = 100
NO_ERROR = "NOERROR"
MOST_SECONDS = 100_000_000


def clock(ns: int) -> str:
    """Return a time, in nanoseconds since 1970, as `15:34:35.643`, in UTC."""
    seconds, rest = divmod(ns, SECOND_NS)
    return f"{instant(seconds)[-CLOCK:]}.{rest // 1_000_000:03d}"


def size(number: int) -> str:
    """Return bytes in five characters: `41`, `9999`, `12.0K`, `1023M`."""
    if number < 10_000:
        return str(number)
    value, unit = float(number), ""
    for unit in UNITS:  # noqa: B007 - the last one is used
        value /= 1024
        if value < 1023.5:
            break
    return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"


def short(number: int) -> str:
    """Return a count in five characters: `99999`, `1234k`."""
    unit = ""
    for larger in COUNT_UNITS:
        if len(f"{number}{unit}") <= SHORT:
            break
        number, unit = number // 1000, larger
    return f"{number}{unit}"


def seconds(ns: int) -> str:
    """Return a time in seconds in eight characters: `2.408`, `18095`; "" if there is none.

    From three years on it is in days, `1157d`: of a clock that was wrong, most likely.
    """
    if ns <= 0:
        return ""
    whole, rest = divmod(ns, SECOND_NS)
    if whole < 10_000:
        return f"{whole}.{rest // 1_000_000:03d}"
    return str(whole) if whole < MOST_SECONDS else f"{whole // DAY_S}d"


def path_of(file: FileBlock) -> str:
    """Return the path of a file."""
    return file.FilePath + file.File


def ends(socket: SocketBlock) -> tuple[str, str, str]:
    """Return local end, arrow and remote end; `*` is what is not one, or not known."""
    local = end(socket.SockLocalIP or "", socket.SockLocalPort)
    remote = end(socket.SockRemoteIP or "", socket.SockRemotePort)
    return local, arrow_of(socket.SockRole), remote


def arrow_of(role: str | UnsetType) -> str:
    """Return the way from who has begun to the other end; `--` is not known."""
    return ARROWS.get(role or "", "--")


def end(address: str, port: object) -> str:
    """Return address and port: `192.0.2.1:80`, `[2001:db8::1]:80`.

    Args:
        address: "" is not known.
        port: Anything but a number is not known.
    """
    shown = f"[{address}]" if ":" in address else address or "*"
    return f"{shown}:{port if isinstance(port, int) else '*'}"


def spoken(record: SocketRecord | UnixRecord) -> str:
    """Return what was said first, and the first answer: `GET /x 301`, `A example.org`; "" nothing.

    Of hellos it is what was agreed on: `TLS 1.3 example.org`.

    It is text of others, of at most MOST_SPOKEN characters.
    """
    if isinstance(record, SocketRecord) and record.app is not None and record.app.App == APP:
        return str(handshake(record))[:MOST_SPOKEN]
    first = {
        word[0]: word[1]
        for block in (record.app_rx, record.app_tx)
        for messages in (() if block is None else _lists(block))
        for word in map(_word, reversed(messages))
    }
    words = (first.get(False, ""), first.get(True, ""))
    return " ".join(filter(None, words))[:MOST_SPOKEN]


def _lists(block: Block) -> Iterator[list[dict[str, Any]]]:
    lists = (getattr(block, name) for name in block.__struct_fields__)
    return (it for it in lists if it is not UNSET)


def _word(message: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a message is an answer, and what it says in short."""
    if "_Method" in message:
        return False, f"{message['_Method']} {message.get('_Url', '')}"
    if "_Status" in message:
        return True, str(message["_Status"])
    if "ResponseCode" in message:
        code = str(message["ResponseCode"])
        return True, "" if code == NO_ERROR else code
    records = message.get("ResourceRecords")
    # what is called so in HTTP and by plugins is anything
    if isinstance(records, list) and records and isinstance(records[0], list):
        return False, " ".join(map(str, records[0][:2]))
    return False, str(message.get("Appname") or message.get("_Exception") or "")


def outcome(life: ProcessLifetime) -> tuple[str, str] | None:
    """Return how a process ended, `("exit", "1")` or `("signal", "SIGKILL")`; None: it goes on."""
    if life.ProcExitSignal is not UNSET:
        return "signal", life.ProcExitSignal
    return None if life.ProcExitCode is UNSET else ("exit", str(life.ProcExitCode))


def counters(record: HealthRecord) -> dict[str, int]:
    """Return the counters of a health record that are not 0, without the word Health."""
    found: dict[str, int] = {}
    for block in (record.kernel, record.user, record.outputs):
        if block is not None:
            found |= _numbers(block)
    return found


def lost(counts: dict[str, int]) -> dict[str, int]:
    """Return those counters that tell of losses."""
    return {name: count for name, count in counts.items() if "Lost" in name or "Failed" in name}


def _numbers(block: Block) -> dict[str, int]:
    values = ((name, getattr(block, name)) for name in block.__struct_fields__)
    return {
        name.removeprefix(HEALTH): value
        for name, value in values
        if isinstance(value, int) and value
    }
