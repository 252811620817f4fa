# SPDX-License-Identifier: Apache-2.0
"""A plugin of kflowd: labels of processes by their user, from /etc/kflowd/owners.csv.

Lines are NAME,TEAM,CONTACT: "ann,payments,ann@example.org". kflowd -P owners.py
"""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

KFLOWD_PLUGIN = 1
__version__ = "1.0"

TABLE = Path("/etc/kflowd/owners.csv")
MOST = 100_000  # lines


class Owners:
    """Gives `owners.Team` and `owners.Contact`."""

    asks = ("user",)

    def __init__(self, table: Path = TABLE) -> None:
        self._table = table
        self._stamp: tuple[int, int, int] | None = None
        self._rows: dict[str, dict[str, str]] = {}

    def enrich_actor(self, facts: Mapping[str, str | int]) -> dict[str, str]:
        """Return the labels of a user, none if there is no line."""
        self._refresh()
        return self._rows.get(str(facts["user"]), {})

    def _refresh(self) -> None:
        """Read the table if it is another than last time."""
        try:
            status = os.stat(self._table)
        except OSError:
            self._rows, self._stamp = {}, None
            return
        stamp = status.st_mtime_ns, status.st_ino, status.st_size
        if stamp == self._stamp:
            return
        with self._table.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = [row for row, _ in zip(csv.reader(file), range(MOST), strict=False)]
        self._rows = {
            row[0]: {"Team": row[1][:256], "Contact": row[2][:256]} for row in rows if len(row) == 3
        }
        self._stamp = stamp


ENRICHERS = {"owners": Owners()}
