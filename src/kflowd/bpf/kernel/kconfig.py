# SPDX-License-Identifier: Apache-2.0
"""The configuration that the running kernel was built with."""

import gzip
import os
from pathlib import Path


def read_config() -> str:
    """Return the running kernel's configuration, "" where it is not to be had."""
    release = os.uname().release
    for name in (
        "/proc/config.gz",
        f"/boot/config-{release}",
        f"/lib/modules/{release}/config",
    ):
        try:
            data = Path(name).read_bytes()
            text = gzip.decompress(data) if name.endswith(".gz") else data
        except (OSError, EOFError):
            continue
        return text.decode("ascii", "replace")
    return ""
