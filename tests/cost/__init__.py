# SPDX-License-Identifier: Apache-2.0
"""What kflowd costs, counted in instructions: `make cost`.

The way of a run: ``__main__`` -> ``machine`` (one for each attach mode) -> ``guest`` (inside:
workloads beside the agent; ``stages`` and ``programs`` count) -> ``figures`` (names and numbers,
compared with the stored ones) -> ``report`` (tables).
"""
