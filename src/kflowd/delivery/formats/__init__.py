# SPDX-License-Identifier: Apache-2.0
"""Forms of a record as text: one table, one line for each.

A format is pure and is called once for a record, however many outputs share it. What stands between
records is the sink's.
"""

from collections.abc import Callable

from kflowd.serialize import Record
from kflowd.serialize.json import encode_min, encode_pretty

Format = Callable[[Record], bytes]
FORMATS: dict[str, Format] = {"json": encode_pretty, "json-min": encode_min}
