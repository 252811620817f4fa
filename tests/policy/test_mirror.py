# SPDX-License-Identifier: Apache-2.0
"""Modules and their unit tests stand at mirrored places: src/kflowd/x/y.py, tests/unit/x/test_y.py.

A package is tested as a module: src/kflowd/x/__init__.py by tests/unit/test_x.py.
"""

import ast
from pathlib import Path

from tests.policy.tree import PACKAGE, ROOT, files, parse

UNIT = ROOT / "tests" / "unit"
# Modules without a unit test, each with the reason: what has logic and no kernel is no reason.
WITHOUT_A_TEST = {
    "bpf/kernel/btf.py": "loads the kernel's BTF: tests/host/test_source.py, doctor in each VM",
    "bpf/kernel/kconfig.py": "reads files of this kernel: tests/unit/bpf/kernel/test_preemption.py",
    "bpf/kernel/probing.py": "asks the kernel: tests/host/test_source.py, doctor in each VM",
    "bpf/kernel/program_times.py": "is a switch of the kernel: tests/host/test_metrics.py",
    "bpf/loading/attached.py": "holds objects in the kernel: tests/host/test_standby.py",
    "bpf/source.py": "is the kernel side opened: tests/host/test_source.py",
    "bpf/stream/counters.py": "reads programs and maps of the kernel: tests/host/test_standby.py",
    "bpf/stream/drain.py": "is the C drain opened: tests/host/test_source.py",
    "bpf/stream/sweep.py": "is the C sweep opened: tests/host/test_source.py",
}


def module_path(module: str) -> str:
    """Return where the test of a module belongs, below tests/unit."""
    path = Path(module)
    whole = path.parent if path.stem == "__init__" else path.with_suffix("")
    return str(whole.parent / f"test_{whole.name.lstrip('_')}.py")


def has_logic(text: str) -> bool:
    """Say whether a module has a function that does something; what only declares has no test."""
    nodes = list(ast.walk(parse(text)))
    functions = [it for it in nodes if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)]
    # a docstring, or the dots of a Protocol, do nothing
    bodies = [it for function in functions for it in function.body if not _is_constant(it)]
    return bool(bodies) or any(isinstance(node, ast.Lambda) for node in nodes)


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def modules() -> dict[str, Path]:
    """Return every module by its path below the package."""
    return {str(path.relative_to(PACKAGE)): path for path in files("src/kflowd", ".py")}


def unit_tests() -> set[str]:
    """Return the paths of all unit tests, below tests/unit."""
    found = files("tests/unit", ".py")
    return {str(it.relative_to(UNIT)) for it in found if it.name.startswith("test_")}


def test_each_module_has_its_test() -> None:
    """A module with a function has a test file at the mirrored place, or a reason why not."""
    missing = {
        module
        for module, path in modules().items()
        if has_logic(path.read_text()) and module_path(module) not in unit_tests()
    }
    assert sorted(missing - set(WITHOUT_A_TEST)) == [], "modules without a test"
    assert sorted(set(WITHOUT_A_TEST) - missing) == [], "reasons that are not needed"


def test_each_unit_test_has_its_module() -> None:
    """A unit test is that of a module, of a tool, or of a package of the tests."""
    mirrored = {module_path(module) for module in modules()}
    mirrored |= {f"test_{path.name}" for path in files("tools", ".py")}
    packages = {it.parent.name for it in files("tests", "__init__.py")}
    mirrored |= {f"{it}/test_{it}.py" for it in packages}
    assert unit_tests() - mirrored == set()


def test_places_are_mirrored() -> None:
    """The rule knows modules, private ones and packages."""
    assert module_path("cli.py") == "test_cli.py"
    assert module_path("bpf/_build.py") == "bpf/test_build.py"
    assert module_path("bpf/__init__.py") == "test_bpf.py"
    assert module_path("bpf/loading/__init__.py") == "bpf/test_loading.py"


def test_logic_is_found() -> None:
    """A function that does something is logic; a table, a class of data and a Protocol are none."""
    assert has_logic('class A:\n    async def f(self):\n        """Say."""\n        return 1\n')
    assert has_logic("f = {1: lambda x: x}\n")
    assert not has_logic('X = f()\nclass A:\n    x: int\n    def f(self):\n        """Say."""\n')
