# SPDX-License-Identifier: Apache-2.0
"""Modules in which two neighbours have changed places, run in place of the original."""

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import CodeType, ModuleType
from typing import Any, NamedTuple

# where references to a module's functions and classes are looked for
USERS = ("kflowd", "tests.unit.whole")
# Functions whose arguments mean the same in any order, or of which one is what to do without.
NO_ORDER = {"max", "min", "pop", "get"}


class Mutant(NamedTuple):
    """A module with two neighbours swapped; `place` tells where and which."""

    place: str
    swapped: tuple[str, str]
    code: CodeType


class Slot(NamedTuple):
    """A place of the syntax tree that holds an expression: a member, or an element of a list."""

    holder: Any
    at: Any
    name: str

    @property
    def node(self) -> ast.expr:
        """The expression."""
        node: ast.expr = vars(self.holder)[self.at] if self.named else self.holder[self.at]
        return node

    @property
    def named(self) -> bool:
        """Whether it is a member."""
        return isinstance(self.at, str)

    def put(self, node: ast.expr) -> None:
        """Put another expression there."""
        if self.named:
            setattr(self.holder, self.at, node)
        else:
            self.holder[self.at] = node


def original(module: ModuleType) -> CodeType:
    """Return the code of a module as it is."""
    return compile(inspect.getsource(module), str(inspect.getsourcefile(module)), "exec")


def mutants(module: ModuleType) -> Iterator[Mutant]:
    """Yield a mutant for each pair of neighbours.

    Neighbours are: arguments by keyword, arguments by position, names that a tuple is unpacked to,
    and texts in a row, which are the members that a `reader` reads. Equal ones are left out.
    """
    path = str(inspect.getsourcefile(module))
    tree = ast.parse(inspect.getsource(module), path)
    for line, row in _rows(tree):
        for left, right in pairwise(row):
            one, other = left.node, right.node
            if ast.dump(one) == ast.dump(other):
                continue
            left.put(other)
            right.put(one)
            place = f"{module.__name__}:{line}: {left.name} <-> {right.name}"
            yield Mutant(place, (left.name, right.name), compile(tree, path, "exec"))
            left.put(one)
            right.put(other)


def _rows(tree: ast.Module) -> Iterator[tuple[int, list[Slot]]]:
    """Yield each row of neighbours with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = [each for each in node.keywords if each.arg is not None]
            yield node.lineno, [Slot(each, "value", str(each.arg)) for each in keywords]
            called = ast.unparse(node.func).rpartition(".")[2]
            if called == "reader":
                yield node.lineno, _texts(node.args)
            elif called not in NO_ORDER:
                yield node.lineno, _elements(node.args)
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Tuple):
                yield node.lineno, _elements(target.elts)
            if isinstance(node.value, ast.Tuple):
                yield node.lineno, _texts(node.value.elts)


def _elements(nodes: list[ast.expr]) -> list[Slot]:
    """Return the expressions in a list but those that are unpacked."""
    return [
        Slot(nodes, at, ast.unparse(node))
        for at, node in enumerate(nodes)
        if not isinstance(node, ast.Starred)
    ]


def _texts(nodes: Sequence[ast.expr]) -> list[Slot]:
    """Return the texts in a list, also those of the tuples that are unpacked in it."""
    found: list[Slot] = []
    for at, node in enumerate(nodes):
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple):
            found += _texts(node.value.elts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(Slot(nodes, at, node.value))
    return found


@contextmanager
def in_place(module: ModuleType, code: CodeType) -> Iterator[None]:
    """Run other code in place of a module: its functions and classes are replaced wherever used."""
    namespace = {"__name__": module.__name__, "__file__": module.__file__}
    exec(code, namespace)
    changed: list[tuple[dict[str, Any], str, Any]] = []
    for names, name, old in _uses(module):
        changed.append((names, name, old))
        names[name] = namespace[old.__name__]
    try:
        yield
    finally:
        for names, name, old in changed:
            names[name] = old


def _uses(module: ModuleType) -> list[tuple[dict[str, Any], str, Any]]:
    """Return where the functions and classes of a module are used: names, name, object."""
    own = {
        id(value)
        for value in vars(module).values()
        if getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__name__")
    }
    return [
        (names, name, value)
        for user, names in [(user, vars(each)) for user, each in sys.modules.items()]
        if user.startswith(USERS)
        for name, value in list(names.items())
        if id(value) in own
    ]
