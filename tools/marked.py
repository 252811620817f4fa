# SPDX-License-Identifier: Apache-2.0
"""The part of a page that a tool writes: what stands between two marks."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Part(NamedTuple):
    """A part of a page.

    Attributes:
        page: Where it is, below the project's folder.
        name: That of its marks.
        made: Returns its text.
    """

    page: str
    name: str
    made: Callable[[], str]

    @property
    def path(self) -> Path:
        """The page."""
        return ROOT / self.page

    def filled(self, text: str) -> str:
        """Return the text of the page with this part as it is made now."""
        begin, end = (
            f"<!-- {self.name}: begin, written by make docs -->",
            f"<!-- {self.name}: end -->",
        )
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        return f"{before}{begin}\n\n{self.made()}\n{end}{after}"

    def write(self) -> None:
        """Write the page."""
        self.path.write_text(self.filled(self.path.read_text()))
