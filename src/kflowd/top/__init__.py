# SPDX-License-Identifier: Apache-2.0
"""`kflowd top`: what processes do, from records in json-min, as a table that goes on.

`split` and `records` read, `totals` adds up, `rows` chooses, `draw` shows, `keys` and `view` are
what the user wants; `agent` and `file` are where records come from, `loop` holds all together.
"""

from kflowd.top.start import top_of_agent, top_of_file

__all__ = ["top_of_agent", "top_of_file"]
