# SPDX-License-Identifier: Apache-2.0
"""The consumer: processes that read what kflowd writes, whose work would feed it.

`finding` finds them by proc, `watch` looks again in a thread of its own.
"""

from kflowd.downstream.finding import Pipes, Process, ancestors, find, output_pipe
from kflowd.downstream.watch import Watch

__all__ = ["Pipes", "Process", "Watch", "ancestors", "find", "output_pipe"]
