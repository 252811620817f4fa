# SPDX-License-Identifier: Apache-2.0
"""Very many processes that live shortly, of several programs: each writes a file with its own name.

`python -m tests.host.short_lived FOLDER FIRST NUMBER` starts that many programs, some at once. Each
writes a file, and a child that it forks writes another: FOLDER/<program>-<number> and the same with
`-child`.
"""

import os
import shutil
import sys
from pathlib import Path

# primes, so that no program always meets the same numbers
PROGRAMS = tuple(f"prog{number}" for number in (2, 3, 5, 7, 11, 13, 17))
AT_ONCE = 5
SCRIPT = 'echo x > "$1"; (echo x > "$1-child")'


def name_of(number: int) -> str:
    """Return the name of the file that a process writes, and its program before the dash."""
    return f"{PROGRAMS[number % len(PROGRAMS)]}-{number}"


def run(folder: Path, first: int, number: int) -> None:
    """Start the programs, by their numbers from the first on, and wait for all of them."""
    shell = shutil.which("dash")
    assert shell
    paths = {}
    for program in PROGRAMS:
        paths[program] = str(folder / program)
        shutil.copy(shell, paths[program])
    running = 0
    for at in range(first, first + number):
        if running == AT_ONCE:
            _, status = os.wait()
            assert status == 0
            running -= 1
        name = name_of(at)
        program = name.partition("-")[0]
        arguments = [program, "-c", SCRIPT, "sh", str(folder / name)]
        os.posix_spawn(paths[program], arguments, {})
        running += 1
    for _ in range(running):
        assert os.wait()[1] == 0


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
