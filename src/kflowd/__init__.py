# SPDX-License-Identifier: Apache-2.0
"""kflowd: which process did what to which file and over which socket."""

__version__ = "0.1.0"
