# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from kflowd.streams import reserve
for number in map(int, sys.argv[1:]):
    os.close(number)
reserve()
same = [os.fstat(number).st_ino == os.stat(os.devnull).st_ino for number in (0, 1, 2)]
os.write(saved, repr((same, os.open(os.devnull, os.O_RDONLY))).encode())
"""


@pytest.mark.parametrize("closed", [(), (0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_what_is_closed_is_kept_from_others(closed: tuple[int, ...]) -> None:
    """Closed standard streams lead to /dev/null, open ones stay, and no file gets their number."""
    script = f"import os\nsaved = os.dup(1)\n{SCRIPT}"
    command = [sys.executable, "-c", script, *map(str, closed)]
    done = subprocess.run(command, check=True, stdin=subprocess.PIPE, capture_output=True)
    same, following = eval(done.stdout)
    assert same == [number in closed for number in (0, 1, 2)]
    assert following > 2
