# SPDX-License-Identifier: Apache-2.0
"""How many operations a workload has: enough for figures that repeat, no more than time allows."""

# alone and beside the agent
SIZES = {"file": 2000, "tcp": 1500, "bulk": 60, "udp": 10_000, "exec": 200, "read": 1000}
# with a clock around the stages, the agent standing still: all of it has room in ring and maps
STAGED = {"file": 1500, "tcp": 1000}
# with the kernel counting what each program takes
COUNTED = {"file": 500, "tcp": 400, "bulk": 30, "udp": 2000, "exec": 60, "read": 300}
