# SPDX-License-Identifier: Apache-2.0
"""Feeds each decoder and reader of files with a million: `python -m tests.fuzz`, also `--against`.

Without it messages and files are nearly right, and decoders keep what they promise. With it
messages are made at random, and what decoders read is what another reader does.
"""

import argparse
import time
from collections.abc import Callable

from tests.fuzz import applications, files
from tests.fuzz.against import COMPARE, against

STEP = 50_000
FUZZ: dict[str, Callable[[str, int, int], int]] = {
    **dict.fromkeys(applications.NAMES, applications.fuzz),
    **dict.fromkeys(files.NAMES, files.fuzz),
}


def main() -> None:
    """Print how far it is; a message that is not decoded as promised ends it."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="or files, of each")
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    parser.add_argument("--only", choices=sorted(FUZZ))
    parser.add_argument("--against", action="store_true", help="another reader")
    asked = parser.parse_args()
    runs = dict.fromkeys(COMPARE, against) if asked.against else FUZZ
    for name, run in runs.items():
        if asked.only not in (None, name):
            continue
        began, done = time.monotonic(), 0
        while done < asked.messages:
            # each message has a seed of its own at most
            done += run(name, min(STEP, asked.messages - done), asked.seed + done)
        print(f"{name}: {done} messages, {time.monotonic() - began:.0f} s, seed {asked.seed}")


if __name__ == "__main__":
    main()
