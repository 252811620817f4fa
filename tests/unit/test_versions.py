# SPDX-License-Identifier: Apache-2.0
import os
import re

import kflowd
from kflowd import versions


def test_one_line_with_all_versions() -> None:
    """kflowd, Python, libbpf, kernel and architecture are named."""
    line = versions.line()
    host = os.uname()
    assert line.startswith(f"kflowd {kflowd.__version__} (python 3.")
    assert line.endswith(f"kernel {host.release}, {host.machine})")
    assert re.search(r"libbpf (\d+\.\d+|not built)", line)
