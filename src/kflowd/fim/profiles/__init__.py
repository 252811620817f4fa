# SPDX-License-Identifier: Apache-2.0
"""Rules that ship with the package: `profile = "debian-server"` in `[fim]`."""

from importlib import resources

SUFFIX = ".toml"


def names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    files = (each.name for each in resources.files(__name__).iterdir())
    return tuple(sorted(it.removesuffix(SUFFIX) for it in files if it.endswith(SUFFIX)))


def text(name: str) -> str:
    """Return the rules of a profile, the tables `[[fim.rule]]`, as TOML.

    Raises:
        KeyError: There is none of this name.
    """
    if name not in names():
        raise KeyError(name)
    return resources.files(__name__).joinpath(f"{name}{SUFFIX}").read_text("utf-8")
