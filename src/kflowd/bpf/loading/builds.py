# SPDX-License-Identifier: Apache-2.0
"""The BPF objects that come with kflowd. Read as resources: the package may be in an archive."""

from importlib import resources
from importlib.resources.abc import Traversable

SUFFIX = ".bpf.o"
OBJECTS: Traversable = resources.files("kflowd.bpf") / "objects"


def names(folder: Traversable = OBJECTS) -> list[str]:
    """Return the names of all objects of a folder, with their build variants: "file.noloop"."""
    if not folder.is_dir():
        return []
    found = (it.name for it in folder.iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def is_built(name: str, folder: Traversable = OBJECTS) -> bool:
    """Say whether a folder has an object."""
    return (folder / f"{name}{SUFFIX}").is_file()


def read(name: str, folder: Traversable = OBJECTS) -> bytes:
    """Return the content of an object; raises OSError."""
    return (folder / f"{name}{SUFFIX}").read_bytes()
