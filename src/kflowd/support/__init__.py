# SPDX-License-Identifier: Apache-2.0
"""`kflowd support`: one archive with what a report of a fault needs, and nothing personal.

`parts` makes texts, each of which may fail alone, `archive` writes them; `host`, `configured`,
`agent` and `kernel` are where they come from, and `start` has the list.
"""

from kflowd.support.start import support

__all__ = ["support"]
