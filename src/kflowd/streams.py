# SPDX-License-Identifier: Apache-2.0
"""The three standard streams."""

import os

STANDARD = (0, 1, 2)


def reserve() -> None:
    """Open what is closed of the standard streams on /dev/null.

    Else the next file or BPF object gets the number, and records are written into it.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is this one: those below are open
            os.open(os.devnull, os.O_RDWR)
