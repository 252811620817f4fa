# SPDX-License-Identifier: Apache-2.0
import stat

import pytest

from kflowd.model import runnable


@pytest.mark.parametrize("kind", [stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_any_execute_bit_makes_a_file_runnable(kind: int) -> None:
    """That of owner, group or others; one of a directory lets it be searched."""
    for bits in range(0o10000):
        found = any(bits & bit for bit in (stat.S_IXUSR, stat.S_IXGRP, stat.S_IXOTH))
        assert runnable(kind | bits) == (found and kind != stat.S_IFDIR)
