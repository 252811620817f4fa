# SPDX-License-Identifier: Apache-2.0
"""The keys of process records, as the issue of them names them."""

from kflowd.serialize.blocks.lifetime import LIFE_NOTES, ProcessLifetime
from kflowd.serialize.blocks.process import PROC_NOTES
from kflowd.serialize.keys import keys_of


def test_keys_have_their_names_and_order() -> None:
    """They are promised."""
    assert [key.name for key in keys_of(ProcessLifetime)] == [
        *("ProcEvents", "ProcStartTime", "ProcEndTime", "ProcExitCode", "ProcExitSignal"),
        *("ProcCPUTime", "ProcPeakRSS", "ProcFilesWritten", "ProcConnections", "ProcChildren"),
    ]


def test_no_word_means_two_things() -> None:
    """What is said of a record stands with what is said of the process."""
    assert not set(LIFE_NOTES) & set(PROC_NOTES)
