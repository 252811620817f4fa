# SPDX-License-Identifier: Apache-2.0
"""Records out of the kernel: `drain` empties the ring, `sweep` the maps, `counters` counts.

`clock` tells which time it is, `exited` is what a drain tells the next sweep.
"""
