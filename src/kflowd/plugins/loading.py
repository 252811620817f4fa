# SPDX-License-Identifier: Apache-2.0
"""Loads a plugin in its process: a file, or the module of an entry point."""

import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, Protocol

from kflowd.model import LABELLED_BY
from kflowd.plugins.places import GROUP, Place
from kflowd.plugins.wire import INTERFACE, NAME
from kflowd.protocols import Application

VERSION = "KFLOWD_PLUGIN"
DECODERS = "DECODERS"
ENRICHERS = "ENRICHERS"
METHODS = ("datagram", "conversation")


class PluginError(Exception):
    """A plugin is none, or is made for another interface."""


class Labeller(Protocol):
    """An enricher of a plugin: gives labels to processes.

    Attributes:
        asks: Facts that it is asked by, of model.LABELLED_BY.
    """

    asks: Sequence[str]

    def enrich_actor(self, facts: Mapping[str, str | int]) -> Mapping[str, str]:
        """Return the labels of a process with these facts."""


class Plugin(NamedTuple):
    """What a plugin has.

    Attributes:
        version: As it calls it, "" if it does not.
        decoders: Of applications, by their words.
        enrichers: By their names.
    """

    version: str
    decoders: Mapping[str, Application]
    enrichers: Mapping[str, Labeller] = {}


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
    decoders = getattr(module, DECODERS, {})
    enrichers = getattr(module, ENRICHERS, {})
    if not isinstance(decoders, Mapping) or not isinstance(enrichers, Mapping):
        raise PluginError(f"{DECODERS} or {ENRICHERS} is no dictionary")
    if not decoders and not enrichers:
        raise PluginError(f"it has neither {DECODERS} nor {ENRICHERS}")
    for word, decoder in decoders.items():
        if type(word) is not str or not all(callable(getattr(decoder, it, 0)) for it in METHODS):
            raise PluginError(f"{DECODERS}[{word!r}] is no decoder: {', '.join(METHODS)}")
    for name, enricher in enrichers.items():
        if type(name) is not str or not NAME.fullmatch(name):
            raise PluginError(f"{ENRICHERS} has {name!r}: a name of small letters and digits")
        asks = getattr(enricher, "asks", ())
        if not asks or not set(asks) <= set(LABELLED_BY) or isinstance(asks, str):
            raise PluginError(f"{ENRICHERS}[{name!r}].asks has others than {LABELLED_BY}")
        if not callable(getattr(enricher, "enrich_actor", None)):
            raise PluginError(f"{ENRICHERS}[{name!r}] has no enrich_actor")
    return Plugin(str(getattr(module, "__version__", "")), dict(decoders), dict(enrichers))


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
