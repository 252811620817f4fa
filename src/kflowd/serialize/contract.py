# SPDX-License-Identifier: Apache-2.0
"""The output records as msgspec Structs, made of the blocks in `fields`.

No member has a default: whoever makes a record has to say that a field is absent (UNSET).
"""

import msgspec

from kflowd.serialize import fields


def _record(name: str, members: tuple[fields.Field, ...]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        name,
        [(member.name, fields.python_type(member)) for member in members],
        module=__name__,
        gc=False,
    )


FileRecord = _record("FileRecord", fields.FILE_RECORD)
# CLIENT: what was sent comes first; SERVER: what was received
ClientRecord = _record("ClientRecord", fields.CLIENT_RECORD)
ServerRecord = _record("ServerRecord", fields.SERVER_RECORD)
UnixClientRecord = _record("UnixClientRecord", fields.UNIX_CLIENT_RECORD)
UnixServerRecord = _record("UnixServerRecord", fields.UNIX_SERVER_RECORD)
HealthRecord = _record("HealthRecord", fields.HEALTH_RECORD)

RECORDS = (
    FileRecord,
    ClientRecord,
    ServerRecord,
    UnixClientRecord,
    UnixServerRecord,
    HealthRecord,
)
