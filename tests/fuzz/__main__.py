# SPDX-License-Identifier: Apache-2.0
"""Feeds each decoder with a million messages that are nearly right: `python -m tests.fuzz`."""

import argparse
import time

from tests.fuzz.applications import NAMES, fuzz

STEP = 50_000


def main() -> None:
    """Print how far it is; a message that is not decoded as promised ends it."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="of each decoder")
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    parser.add_argument("--only", choices=NAMES)
    asked = parser.parse_args()
    for name in [asked.only] if asked.only else NAMES:
        began, done = time.monotonic(), 0
        while done < asked.messages:
            done += fuzz(name, min(STEP, asked.messages - done), asked.seed + done)
        print(f"{name}: {done} messages, {time.monotonic() - began:.0f} s, seed {asked.seed}")


if __name__ == "__main__":
    main()
