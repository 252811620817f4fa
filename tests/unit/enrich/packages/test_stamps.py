# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

from kflowd.enrich.packages.stamps import stamp_of


def test_a_stamp_tells_states_of_a_file_apart(tmp_path: Path) -> None:
    """Written, replaced by one that looks alike, gone."""
    file = tmp_path / "file"
    assert stamp_of(str(file)) is None
    file.write_text("a")
    os.utime(file, ns=(5, 5))
    first = stamp_of(str(file))
    assert first == stamp_of(str(file))
    file.chmod(0o600)
    assert first == stamp_of(str(file))
    new = tmp_path / "new"
    new.write_text("b")
    os.utime(new, ns=(5, 5))
    new.rename(file)
    replaced = stamp_of(str(file))
    os.utime(file, ns=(5, 6))
    assert len({first, replaced, stamp_of(str(file))}) == 3
