# SPDX-License-Identifier: Apache-2.0
"""An executable file whose sums the stream has told: what goes in, and what comes out."""

import msgspec

from kflowd.model import Session
from kflowd.records.session import encode_session
from tests.unit.make import SECOND, record
from tests.unit.whole import expected, raw
from tests.unit.whole.common import Keys

SUMS = {"FileMD5": "5d" * 16, "FileSHA256": "2a" * 32}


def file() -> bytes:
    """Return a session with the sums of a state of a file, and the file in that state."""
    times = (1_600_000_307 * SECOND + 22, 1_600_000_400 * SECOND + 33)
    state = (raw.FILE_KEY["dev"], raw.FILE_KEY["ino"], 1701, *times)
    facts = raw.FACTS | {"checksums": [[*state, 5, 0, 1004, *SUMS.values()]]}
    told = Session(raw.START, 1_700_000_000 * SECOND, 250, msgspec.json.encode(facts))
    lengths = {"path_len": len(raw.PATH), "origin_len": len(raw.ORIGIN)}
    members = raw.FILE | {"agg__inode__mode": 0o100750}
    return (
        encode_session(told)
        + raw.MOUNT
        + record("FILE", raw.PATH + raw.ORIGIN, **lengths, **raw.THROUGH, **members)
    )


FILE: Keys = {}
for _key, _value in expected.FILE.items():
    if _key == "InfoTime":
        FILE |= SUMS
    FILE[_key] = _value
FILE["FilePermissions"] = "0750/-rwxr-x---"
