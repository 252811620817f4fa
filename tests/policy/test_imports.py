# SPDX-License-Identifier: Apache-2.0
"""The layers: who may import whom, as data."""

import ast
from pathlib import Path

import pytest

from tests.policy.tree import PACKAGE, name, parse

# Module or package -> what it may import from kflowd. The most exact entry decides; a package may
# import itself. "" is kflowd's own __init__ (the version). app joins everything.
LAYERS: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli"},
    "errors": set(),
    "constants": set(),
    "model": set(),
    "log": set(),
    "streams": set(),
    "notify": set(),
    "settings": {"errors"},
    "bpf": {"errors", "contract"},
    "_layouts": set(),
    "contract": {"errors", "_layouts"},
    "records": {"model", "constants", "contract"},
    "aggregate": {"model", "constants"},
    "enrich": {"model", "constants"},
    "enrich.host": {"serialize.build"},
    "serialize": {"model", "constants"},
    "serialize.build": {"model", "contract"},
    "delivery": {"constants", "serialize"},
    "sinks": {"errors"},
    "pipeline": {"model", "records", "aggregate", "enrich", "serialize", "health"},
    "health": {"model", "constants", "contract", "serialize"},
    "runner": set(),
    "recording": {"errors", "constants", "contract", "model", "records"},
    "versions": {"", "errors", "bpf.ffi"},
    "doctor": {"", "errors", "bpf"},
    "assembly": {"", "model", "settings", "aggregate", "enrich", "pipeline", "serialize"},
    "app": {
        *("", "log", "notify", "settings", "assembly", "runner", "recording", "sinks", "doctor"),
        *("model", "pipeline", "records.session", "delivery.formats", "bpf.source", "bpf.config"),
    },
    "cli": {"app", "settings", "errors", "versions", "streams"},
}
# Pure stages: no I/O and no clock, so that they are tested without either.
PURE = (
    *("model", "constants", "contract", "records", "aggregate", "serialize", "health", "pipeline"),
    *("enrich.base", "enrich.stage", "enrich.actors", "enrich.processes", "delivery.formats"),
)
IMPURE_MODULES = {"os", "socket", "time", "datetime", "subprocess", "pathlib", "io", "select"}
# Libraries that have one door.
DOORS = {"click": {"cli"}, "structlog": {"log"}, "cffi": {"bpf._build"}}

MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """Return a module's name below kflowd: "bpf.ffi", "" for the package itself."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Return the full names of what a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, layer: str) -> bool:
    """Say whether a module is a layer or lies in it; the empty layer is the package itself."""
    return module == layer or (layer != "" and module.startswith(layer + "."))


def allowed(module: str) -> tuple[str, set[str]]:
    """Return the most exact layer of a module and what it may import."""
    layers = [each for each in LAYERS if within(module, each)]
    assert layers, f"{module} belongs to no layer: add it to LAYERS"
    layer = max(layers, key=len)
    return layer, LAYERS[layer]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_follow_the_layers(path: Path) -> None:
    """A module imports from kflowd only what its layer may."""
    module = dotted(path)
    layer, others = allowed(module)
    known = {dotted(each) for each in MODULES}
    for full in imports(path):
        if full.partition(".")[0] != "kflowd":
            continue
        target = full.partition(".")[2]
        while target and target not in known and not target.endswith("_kflowd"):
            target = target.rpartition(".")[0]
        package = layer.partition(".")[0]
        ours = package != "" and within(target, package)
        assert ours or any(within(target, each) for each in others), (
            f"{name(path)}: {layer or 'kflowd'} may not import {target or 'kflowd'}"
        )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_pure_stages_do_no_io(path: Path) -> None:
    """Decoding, aggregation and encoding import neither the system nor the clock."""
    if any(within(dotted(path), each) for each in PURE):
        found = {full.partition(".")[0] for full in imports(path)} & IMPURE_MODULES
        assert not found, f"{name(path)} imports {found}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_libraries_have_one_door(path: Path) -> None:
    """click, structlog, cffi and the extension are imported where the table says."""
    for full in imports(path):
        doors = DOORS.get(full.partition(".")[0])
        assert doors is None or dotted(path) in doors, f"{name(path)} imports {full}"
        if full.startswith("kflowd.bpf._kflowd"):
            assert dotted(path) == "bpf.ffi", f"{name(path)} imports the extension"


def test_no_layer_is_stale() -> None:
    """Every layer of the table exists."""
    known = {dotted(each) for each in MODULES}
    assert set() == set(LAYERS) - known
