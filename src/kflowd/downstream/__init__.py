# SPDX-License-Identifier: Apache-2.0
"""The consumer: processes that read what kflowd writes, whose work would feed it.

`finding` finds them by proc, `watch` looks again in a thread of its own, `left_out` joins them with
the processes of plugins.
"""

from kflowd.downstream.finding import Pipes, Process, ancestors, find, output_pipe
from kflowd.downstream.left_out import LeftOut
from kflowd.downstream.watch import Watch

__all__ = ["LeftOut", "Pipes", "Process", "Watch", "ancestors", "find", "output_pipe"]
