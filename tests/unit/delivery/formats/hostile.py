# SPDX-License-Identifier: Apache-2.0
"""Whole records of every kind, and the same with texts that others would choose."""

import functools
from typing import Any

import msgspec
from hypothesis import strategies as st

from kflowd import assembly
from kflowd.delivery import Delivery
from kflowd.serialize import Record
from kflowd.settings import EnrichSettings, Settings, TraceSettings
from tests.unit.serialize.samples import SAMPLES
from tests.unit.whole import check, raw

# words and addresses that kflowd makes itself
OURS = {
    "InfoMonitor", "FileMode", "FileError", "FileNotes", "ProcNotes", "ProcExitSignal", "App",
    "SockProtocol", "SockRole", "SockState", "SockFamily", "SockType", "SockNotes", "SockLocalIP",
    "SockRemoteIP",
}  # fmt: skip
# what drives terminals, ends lines, turns, hides or joins; and letters of two cells
SPECIAL = st.sampled_from(
    "\0\a\b\t\n\v\f\r\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\x9b\x9f\xa0\xad\u0301\u034f\u061c\u115f\u1160"
    "\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\u2800\u3000\u3164\ufe0f\ufeff"
    '\U0001f1e9\U0001f3fd\U000e0001漢字\uff57\U0001f600é" \\…'
)
BYTES = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
SURROGATES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
TEXTS = st.text(st.characters() | SPECIAL | BYTES | SURROGATES, max_size=200)


@functools.cache
def whole_records() -> tuple[Record, ...]:
    """Return the records that the streams of tests/unit/whole become, and the contract's."""
    found = [make() for make in SAMPLES.values()]
    for name, case in check.CASES.items():
        settings = Settings(
            trace=TraceSettings(monitor=case.monitor), enrich=EnrichSettings(checksums=True)
        )
        enrichers = assembly.recorded_enrichers(check.ENRICHER_FACTS)
        pipeline = assembly.make_pipeline(settings, enrichers, Delivery([]))
        made = pipeline.feed(raw.SESSION + raw.PROCESSES)
        made += pipeline.feed(case.stream())
        if name == "health":
            check.count_in_user_space(pipeline)
            made = pipeline.close()
        found += made
    return tuple(found)


def holding(value: Any, text: str) -> Any:
    """Return a record, or a part of one, with a text in each place that others can fill."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(holding(each, text) for each in value)
    if isinstance(value, Record) or hasattr(value, "__struct_fields__"):
        changed = {
            name: holding(getattr(value, name), text)
            for name in value.__struct_fields__
            if name not in OURS and type(getattr(value, name)).__name__ != "Counts"
        }
        return msgspec.structs.replace(value, **changed)
    return value
