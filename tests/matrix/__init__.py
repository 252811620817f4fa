# SPDX-License-Identifier: Apache-2.0
"""The kernel matrix: the ground truth of tests/host/test_one_run.py on all kernels, in all modes.

The way of a run: ``cells`` (what to run) -> ``guest`` (inside the machine: doctor, tests) ->
``verdict`` (what became of each event class) -> ``report`` (the table).
"""
