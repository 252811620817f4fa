# SPDX-License-Identifier: Apache-2.0
"""Prints the packages that pyproject.toml names, one a line: build, run time, extras."""

import sys
import tomllib
from pathlib import Path


def requirements(project_file: Path, extras: list[str]) -> list[str]:
    """Return the requirement strings of the build system, the project and these extras."""
    data = tomllib.loads(project_file.read_text())
    named = data["project"]["optional-dependencies"]
    found = [*data["build-system"]["requires"], *data["project"]["dependencies"]]
    for extra in extras:
        found += named[extra]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1:])))
