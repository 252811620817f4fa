# SPDX-License-Identifier: Apache-2.0
"""Arguments of processes that are older than kflowd, which no exec has told.

`reading` reads them from proc, ahead of the stream; `filling` puts them into its first records.
"""

from kflowd.older.filling import Filler
from kflowd.older.reading import Found, confirmed, read_all

__all__ = ["Filler", "Found", "confirmed", "read_all"]
