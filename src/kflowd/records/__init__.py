# SPDX-License-Identifier: Apache-2.0
"""Stage 2, decode: batches of records as they left the kernel become model values.

Nothing here raises, whatever the bytes are: what cannot be read is counted and skipped.
"""

from collections.abc import Iterator

import msgspec

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.model import Value
from kflowd.records.clock import clock_decoder
from kflowd.records.counters import counters_decoder
from kflowd.records.file import file_decoder
from kflowd.records.header import HEADER, RecordDecoder, tick_decoder
from kflowd.records.path import mount_decoder, path_decoder
from kflowd.records.payload import payload_decoder
from kflowd.records.process import ProcessReader, exit_decoder, process_decoder
from kflowd.records.session import session_decoder
from kflowd.records.socket import closed_decoder, socket_decoder
from kflowd.records.unix import unix_decoder

# Records that say how things stand: what is counted at one must not depend on what is behind it.
MOMENTS = {"KF_KIND_COUNTERS", "KF_KIND_TICK"}


class DecodeStats(msgspec.Struct):
    """What the decoder has seen.

    Attributes:
        unknown: Records of a kind or version that this program does not know; skipped.
        short: Records that are shorter than their kind or their lengths say; skipped.
        corrupt: Batches whose rest was given up, because a size made no sense.
    """

    unknown: int = 0
    short: int = 0
    corrupt: int = 0


def registry() -> dict[str, RecordDecoder]:
    """Return the decoder of each kind, named as in the contract: one line for each kind."""
    processes = ProcessReader()
    return {
        "KF_KIND_PROC": process_decoder(processes),
        "KF_KIND_EXIT": exit_decoder(processes),
        "KF_KIND_PATH": path_decoder(),
        "KF_KIND_FILE": file_decoder(processes),
        "KF_KIND_SOCK": socket_decoder(processes),
        "KF_KIND_UNIX": unix_decoder(processes),
        "KF_KIND_SOCK_CLOSED": closed_decoder(),
        "KF_KIND_COUNTERS": counters_decoder(),
        "KF_KIND_SESSION": session_decoder(),
        "KF_KIND_TICK": tick_decoder(),
        "KF_KIND_MOUNT": mount_decoder(),
        "KF_KIND_CLOCK": clock_decoder(),
        "KF_KIND_PAYLOAD": payload_decoder(),
    }


class Decoder:
    """Turns batches into values; keeps its counts in `stats`."""

    def __init__(self) -> None:
        values = constants()
        self.stats = DecodeStats()
        self._version = values["KF_VERSION"]
        self._header_size = layout(HEADER).size
        self._read = reader(HEADER, "kind", "version", "size")
        self._decoders = {values[name]: decoder for name, decoder in registry().items()}
        self._moments = {values[name] for name in MOMENTS}

    def decode(self, batch: bytes | memoryview) -> list[Value]:
        """Return the values of a batch, in order.

        Args:
            batch: Concatenated records; each begins at the next multiple of 8 after the one before.
        """
        return [value for piece in self.pieces(batch) for value in piece]

    def pieces(self, batch: bytes | memoryview) -> Iterator[list[Value]]:
        """Yield the values of a batch, in order, cut behind each record that is a moment.

        What is counted by then, here and by who takes the pieces, is what came before that record,
        however much is behind it in the batch.

        Args:
            batch: As of `decode`.
        """
        batch = bytes(batch)
        read, known = self._read, self._decoders.get
        least, version_known = self._header_size, self._version
        moments = self._moments
        values: list[Value] = []
        offset, end = 0, len(batch)
        while offset < end:
            if end - offset < least:
                self.stats.corrupt += 1
                break
            kind, version, size = read(batch, offset)
            if size < least or size > end - offset:
                self.stats.corrupt += 1
                break
            decoder = known(kind)
            if decoder is None or version != version_known:
                self.stats.unknown += 1
            elif size < decoder[0] or (value := decoder[1](batch, offset, size)) is None:
                self.stats.short += 1
            else:
                values.append(value)
            offset += size + -size % ALIGNMENT
            if kind in moments:
                yield values
                values = []
        if values:
            yield values
