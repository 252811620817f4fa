# SPDX-License-Identifier: Apache-2.0
"""What --include and --exclude leave of the records.

A rule hides a record for sure or not at all: what is not known of it (a path without its
directories, a container that nobody has named yet) hides nothing. Rules of one key are
alternatives, different keys must all hold, and exclude wins.
"""

from kflowd.filters.stage import Filter, Rules

__all__ = ["Filter", "Rules"]
