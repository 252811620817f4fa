# SPDX-License-Identifier: Apache-2.0
"""Very many processes that do nothing: `python forking.py DEPTH NUMBER`.

In that many PID namespaces, one in the other, one process forks them one by one. Each ends with a
code of its own.
"""

import ctypes
import os
import sys

CODES = 251  # a prime
CLONE_NEWPID = 0x20000000


def descend(depth: int) -> None:
    """Go on in so many new PID namespaces; those above wait."""
    for _ in range(depth):
        assert ctypes.CDLL(None).unshare(CLONE_NEWPID) == 0
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status))


def fork(number: int) -> None:
    """Fork so many children."""
    for at in range(number):
        child = os.fork()
        if not child:
            os._exit(at % CODES)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == at % CODES


if __name__ == "__main__":
    descend(int(sys.argv[1]))
    fork(int(sys.argv[2]))
