# SPDX-License-Identifier: Apache-2.0
"""The running kernel: what it allows and has, and what it can serve of the table in `hooks`.

`preflight` checks what nothing works without, `probing` tries each kind of program, `btf` knows
functions and tracepoints. From that `choice` takes programs for each class, and `coverage` tells
people what came of it; both, and `features` and `hz`, are pure.
"""
