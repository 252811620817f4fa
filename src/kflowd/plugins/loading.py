# SPDX-License-Identifier: Apache-2.0
"""Loads a plugin in its process: a file, or the module of an entry point."""

import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from kflowd.plugins.places import GROUP, Place
from kflowd.plugins.wire import INTERFACE
from kflowd.protocols import Application

VERSION = "KFLOWD_PLUGIN"
DECODERS = "DECODERS"
METHODS = ("datagram", "conversation")


class PluginError(Exception):
    """A plugin is none, or is made for another interface."""


class Plugin(NamedTuple):
    """What a plugin has.

    Attributes:
        version: As it calls it, "" if it does not.
        decoders: Of applications, by their words.
    """

    version: str
    decoders: Mapping[str, Application]


def load(place: Place) -> Plugin:
    """Return what a plugin has.

    Raises:
        PluginError: It has nothing that can be used.
        Exception: Of the plugin itself.
    """
    module = _entry_point(place.name) if place.path is None else _file(place.name, place.path)
    interface = getattr(module, VERSION, None)
    if interface != INTERFACE:
        raise PluginError(f"{VERSION} is {interface!r}, and {INTERFACE} is needed")
    decoders = getattr(module, DECODERS, None)
    if not isinstance(decoders, Mapping) or not decoders:
        raise PluginError(f"{DECODERS} is no dictionary of decoders by their words")
    for word, decoder in decoders.items():
        if type(word) is not str or not all(callable(getattr(decoder, it, 0)) for it in METHODS):
            raise PluginError(f"{DECODERS}[{word!r}] is no decoder: {', '.join(METHODS)}")
    return Plugin(str(getattr(module, "__version__", "")), dict(decoders))


def _file(name: str, path: str) -> ModuleType:
    """Return the module of a file; no cached bytecode is read, which would be another file."""
    module = ModuleType(f"kflowd_plugin_{name.replace('-', '_')}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(compile(Path(path).read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 - it is named
    return module


def _entry_point(name: str) -> ModuleType:
    found = tuple(metadata.entry_points(group=GROUP, name=name))
    if not found:
        raise PluginError(f"no installed package has the entry point {name} in {GROUP}")
    module = found[0].load()
    if not isinstance(module, ModuleType):
        raise PluginError(f"the entry point {name} is no module")
    return module
