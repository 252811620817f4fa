# SPDX-License-Identifier: Apache-2.0
"""Formats: pure functions from a record to its text, called once per record and form."""

from collections.abc import Callable

from kflowd.delivery.formats.json import PRETTY, SHORT, JsonFormat
from kflowd.serialize import Record

Format = Callable[[Record], bytes]
# every form, by its name; each run has its own, because they keep what is constant
FORMATS: dict[str, Callable[[], Format]] = {
    "json": lambda: JsonFormat(PRETTY),
    "json-min": lambda: JsonFormat(SHORT),
}
