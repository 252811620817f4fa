# SPDX-License-Identifier: Apache-2.0
"""Readers of files whose lines mean something: bytes in, frozen values out; no file, no clock.

| Consumer | Reader                                   | Kind of finding |
|----------|------------------------------------------|-----------------|
| users    | `users.accounts`, `authorized_keys.keys` | account, key    |
| access   | `access.rules`                           | access_rule     |
| sudoers  | `sudoers.rules`                          | sudo_rule       |
| generic  | `generic.digest`                         | modified        |
| diff     | `diff.diff`                              | modified        |

None raises, whatever the bytes are, and all take time linear in them. A line that is not as its
file wants it is an entry of its own. `compare` tells what has come and gone between two readings,
which `encode` and `decode` keep.
"""

from kflowd.fim.consumers.comparison import Comparison, compare
from kflowd.fim.consumers.entries import Entries, Entry, Finding, decode, encode

__all__ = ["Comparison", "Entries", "Entry", "Finding", "compare", "decode", "encode"]
