# SPDX-License-Identifier: Apache-2.0
"""RFC 5424 as syslog_rfc5424_parser reads it, with structured data of any kind."""

import string
import warnings
from random import Random

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.message import decode

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own library is older than this Python
    import syslog_rfc5424_parser as theirs  # type: ignore[import-untyped] # it has no types

LIMITS = Limits(text_bytes=1 << 16, items=1000)
NAME = string.ascii_letters + string.digits + "@._-"
NO_VALUE = set('"\\]')


def _name(random: Random) -> str:
    return "".join(random.choices(NAME, k=random.randint(1, 20)))


def _text(random: Random, most: int) -> str:
    end = random.choice((0x7F, 0x2FFF))
    return "".join(chr(random.randint(32, end)) for _ in range(random.randrange(most)))


def _value(random: Random) -> str:
    return "".join(it for it in _text(random, 20) if it not in NO_VALUE)


def compare(random: Random) -> int:
    """Compare one message."""
    priority = random.randrange(192)
    host, app, process, ident = (_name(random) for _ in range(4))
    data = {
        _name(random): {_name(random): _value(random) for _ in range(random.randrange(4))}
        for _ in range(random.randrange(4))
    }
    written = "".join(
        f"[{name}{''.join(f' {key}={chr(34)}{value}{chr(34)}' for key, value in each.items())}]"
        for name, each in data.items()
    )
    stamp = f"20{random.randrange(10, 99)}-10-{random.randrange(10, 31)}T22:14:15.003Z"
    content = _text(random, 40).strip()
    raw = f"<{priority}>1 {stamp} {host} {app} {process} {ident} {written or '-'} {content}"
    known = theirs.SyslogMessage.parse(raw)
    ours, notes = decode(raw.encode(), LIMITS)
    absent = {"-": None}
    assert notes == [], raw
    assert ours["Priority"] == known.severity.value + 8 * known.facility.value, raw
    assert ours["Timestamp"] == stamp, raw
    assert ours.get("Hostname") == absent.get(host, known.hostname), raw
    assert (ours["Appname"] or None) == absent.get(app, known.appname), raw
    # theirs makes a number of one, and "007" loses its zeros
    assert ours.get("ProcId") == absent.get(process, process), raw
    assert process == "-" or process.isdigit() or known.procid == process, raw
    assert (ours.get("MsgId") or None) == absent.get(ident, known.msgid), raw
    assert known.sd == data, raw
    assert ours.get("Data", "") == written, raw
    assert ours["Message"] == (known.msg or "").removeprefix("\ufeff"), raw
    return 1
