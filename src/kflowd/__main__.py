# SPDX-License-Identifier: Apache-2.0
"""Lets `python -m kflowd` be the command."""

from kflowd.cli import entry

entry()
