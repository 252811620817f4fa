# SPDX-License-Identifier: Apache-2.0
"""`kflowd fim import-config FILE`: the file that it reads."""

from pathlib import Path

from kflowd.errors import UsageError
from kflowd.fim import importers
from kflowd.fim.files import opened
from kflowd.fim.importers.imported import FormatError


def import_config(path: Path) -> importers.Result:
    """Return the configuration of another tool as `[fim]`, and a line for all that it does not say.

    Args:
        path: Of the file.

    Raises:
        UsageError: It is none that is known, or damaged.
        OSError: It is not to be had, or no regular file.
    """
    with opened(path) as file:
        content = file.read(importers.MAX_CONTENT + 1)
    try:
        return importers.converted(content)
    except FormatError as error:
        at = f"line {error.line}: " if error.line else ""
        hint = "docs/fim-import.md has what is read"
        raise UsageError(f"importing {path}: {at}{error}", hint) from None
