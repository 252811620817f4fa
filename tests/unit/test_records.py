# SPDX-License-Identifier: Apache-2.0
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kflowd.model import Counters, FileAggregate, Tick
from kflowd.records import Decoder
from tests.unit.make import KINDS, record

PATH = b"malware\0dirk\0home\0"
BATCH = b"".join(
    (
        *(record(kind) for kind in KINDS if kind not in {"PROC", "SESSION"}),
        record("PROC", b"curl\0bin\0curl\0-s\0", exe_len=9, args_len=8),
        record("SESSION", b'{"host_name":"h"}', facts_len=17),
        record("FILE", PATH + b"old\0", path_len=len(PATH), origin_len=4),
    )
)


def test_every_kind_is_decoded_in_order() -> None:
    """A batch of all kinds gives one value each."""
    decoder = Decoder()
    values = decoder.decode(memoryview(BATCH))
    assert len(values) == len(KINDS) + 1
    assert isinstance(values[-1], FileAggregate)
    assert values[-1].path == "/home/dirk/malware"
    assert decoder.stats.unknown == decoder.stats.short == decoder.stats.corrupt == 0


def test_unknown_kinds_and_versions_are_counted_and_skipped() -> None:
    """What a newer kernel side sends does not hide what follows it."""
    decoder = Decoder()
    batch = record("TICK", b"abc", kind=999) + record("TICK", version=999) + record("TICK", ts_ns=5)
    assert decoder.decode(batch) == [Tick(5)]
    assert decoder.stats.unknown == 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "TICK"])
def test_records_shorter_than_their_kind_are_counted_and_skipped(kind: str) -> None:
    """A record that holds a header only is not read beyond its end."""
    decoder = Decoder()
    batch = record(kind, hdr__size=24)[:24] + record("TICK", ts_ns=5)
    assert decoder.decode(batch) == [Tick(5)]
    assert decoder.stats.short == 1


@pytest.mark.parametrize(
    "raw",
    [
        record("FILE", path_len=9),
        record("FILE", b"12345678", path_len=4, origin_len=5),
        record("PATH", path_len=1),
        record("PROC", b"12345678", exe_len=8, args_len=1),
        record("PROC", b"12345678", exe_len=8, workdir_len=1),
        record("UNIX", unix_sock__addr_len=109),
        record("SESSION", facts_len=1),
        record("SESSION", b"[[[", facts_len=3),
    ],
)
def test_lengths_that_contradict_the_size_are_counted(raw: bytes) -> None:
    """Strings never reach beyond their record."""
    decoder = Decoder()
    assert decoder.decode(raw + record("TICK", ts_ns=5)) == [Tick(5)]
    assert decoder.stats.short == 1


def test_a_batch_is_cut_behind_counters_and_ticks() -> None:
    """What is counted when a piece is out is what came before its end, not what is behind it."""
    decoder = Decoder()
    unknown, tick = record("TICK", kind=999), record("TICK", ts_ns=5)
    pieces = decoder.pieces(unknown + record("COUNTERS") + unknown + tick + unknown)
    seen = [([type(value) for value in piece], decoder.stats.unknown) for piece in pieces]
    assert seen == [([Counters], 1), ([Tick], 2)]
    assert decoder.stats.unknown == 3


@pytest.mark.parametrize("size", [0, 23, 25, 2**32 - 1])
def test_a_senseless_size_ends_the_batch(size: int) -> None:
    """Where the next record begins is unknown then."""
    decoder = Decoder()
    assert decoder.decode(record("TICK", ts_ns=1) + record("TICK", size=size)) == [Tick(1)]
    assert decoder.stats.corrupt == 1


def outcome(data: bytes) -> int:
    """Return how many values and counts a batch gives."""
    decoder = Decoder()
    values = decoder.decode(data)
    stats = decoder.stats
    return len(values) + stats.unknown + stats.short + stats.corrupt


@settings(max_examples=200)
@given(st.binary(max_size=600))
def test_random_bytes_never_raise(data: bytes) -> None:
    """Whatever the bytes are, values come out or counts go up."""
    assert outcome(data) >= bool(data)


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_mutated_records_never_raise(seed: int, changes: int) -> None:
    """Valid records with some bytes changed are decoded or counted, never an exception."""
    chance = random.Random(seed)
    data = bytearray(BATCH)
    for _ in range(changes):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 127, 128, 255))
    cut = data[: chance.randrange(len(data))] if seed & 1 else data
    assert outcome(bytes(cut)) >= bool(cut)
