# SPDX-License-Identifier: Apache-2.0
"""Stage 5, serialize: enriched values become numbered records, records become text."""

from collections.abc import Callable, Iterable

import msgspec

from kflowd.model import EnrichedFile, EnrichedSocket, EnrichedUnix
from kflowd.serialize.build import Builder, UserCounters
from kflowd.serialize.json import encode_min, encode_pretty

__all__ = ["FORMATS", "Builder", "Serializer", "UserCounters"]

Encode = Callable[[msgspec.Struct], bytes]
FORMATS: dict[str, Encode] = {"json": encode_pretty, "json-min": encode_min}


class Serializer:
    """Turns enriched values into texts.

    Args:
        builder: Makes the records; others may use it in between (health).
        encode: One of FORMATS.
    """

    def __init__(self, builder: Builder, encode: Encode) -> None:
        self.builder = builder
        self.encode = encode

    def feed(self, values: Iterable[EnrichedFile | EnrichedSocket | EnrichedUnix]) -> list[bytes]:
        """Return one text for each value."""
        return [self.encode(self.record(value)) for value in values]

    def record(self, value: EnrichedFile | EnrichedSocket | EnrichedUnix) -> msgspec.Struct:
        """Return the record of a value."""
        if isinstance(value, EnrichedFile):
            return self.builder.file(value)
        if isinstance(value, EnrichedSocket):
            return self.builder.socket(value)
        return self.builder.unix(value)
