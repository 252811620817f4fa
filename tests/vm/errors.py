# SPDX-License-Identifier: Apache-2.0
"""The one exception of the harness."""


class VmError(Exception):
    """The machine could not be prepared or started; the message is one line for a person."""
