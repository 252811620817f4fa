# SPDX-License-Identifier: Apache-2.0
"""The cells of the matrix: kernel, attach mode, policy and build of each. Data only.

The sets `modes`, `lockdown` and `arm64` are the whole matrix. The set `test` is what `make test`
has time for: each kernel, each attach mode, lockdown and arm64, but not each with each.
"""

from typing import NamedTuple

KERNELS = ("5.10", "6.1", "6.12", "6.18", "7.3")
ATTACH_MODES = ("fentry", "kprobe", "tracepoint")
CLANGS = ("clang-16", "clang-19")  # clang 14 builds what the other cells run
ARM64 = "arm64"
# What emulation makes dear and no test is about.
PLAIN = "mitigations=off init_on_alloc=0"
# Tests that begin an agent of their own, which an emulated machine does slowly: minutes on 5.10.
# What does not depend on kernel and attach mode together is run by each kernel and each attach
# mode, but not by each cell. In the set `test` each attach mode runs all of them.
FLOODS = "tests/host/test_floods.py::test_all_floods_at_once_hide_nobody"
TIME_NAMESPACE = (
    "tests/host/test_clock.py::test_each_record_has_the_wall_time_of_its_moment[time namespace]"
)
WALL_TIME = "tests/host/test_clock.py::test_each_record_has_the_wall_time_of_its_moment[]"
USERS = "tests/host/test_users.py"
DIRECTORIES = "tests/host/test_directories.py"
FAILED = "tests/host/test_failed.py"
OPTIONAL = (DIRECTORIES, FAILED)  # one agent for both
APART = (FLOODS, TIME_NAMESPACE, WALL_TIME, USERS, *OPTIONAL)


class Cell(NamedTuple):
    """One machine of the matrix.

    Attributes:
        set: What it belongs to: attach modes, lockdown, arm64 or clang.
        kernel: A name of tests.vm.KERNELS.
        attach_mode: As for --attach; "" for the best of each hook.
        append: Further kernel parameters.
        note: What is special, for the heading of the column.
        build: arm64 or a compiler's name, where the host's build will not do.
        load_only: Only doctor runs: what is built loads and attaches.
        without: Tests that other cells run.
    """

    set: str
    kernel: str
    attach_mode: str
    append: str = ""
    note: str = ""
    build: str = ""
    load_only: bool = False
    without: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The second line of the column's head."""
        return " ".join(part for part in (self.attach_mode or "best", self.note) if part)

    @property
    def name(self) -> str:
        """The cell in a message."""
        return f"{self.kernel} {self.heading}"


def _mode(kernel: str, attach_mode: str) -> Cell:
    turn = (KERNELS.index(kernel) - ATTACH_MODES.index(attach_mode)) % len(ATTACH_MODES)
    without = ((TIME_NAMESPACE,), (FLOODS,), (FLOODS, TIME_NAMESPACE))[turn]
    return Cell("modes", kernel, attach_mode, append=PLAIN, without=without)


def _locked(kernel: str, how: str) -> Cell:
    append = f"lockdown={how}"
    without = (FLOODS, TIME_NAMESPACE)
    return Cell("lockdown", kernel, "fentry", append=append, note=how, without=without)


def _arm64(kernel: str, attach_mode: str) -> Cell:
    without = (FLOODS, TIME_NAMESPACE)
    return Cell("arm64", f"{kernel}-arm64", attach_mode, build=ARM64, without=without)


def _short(cell: Cell, *tests: str) -> Cell:
    """Return a cell of `make test`: it runs the one run, and these of the tests that are apart."""
    without = tuple(test for test in APART if test not in tests)
    return cell._replace(set="test", without=without)


ALL = (
    *(_mode(kernel, attach_mode) for kernel in KERNELS for attach_mode in ATTACH_MODES),
    _locked("6.12", "confidentiality"),
    _locked("7.3", "confidentiality"),
    _locked("6.12", "integrity"),
    _arm64("5.10", "kprobe"),
    _arm64("6.1", "kprobe"),
    _arm64("7.3", ""),
    *(
        Cell("clang", kernel, attach_mode, note=clang, build=clang, load_only=True)
        for clang in CLANGS
        for kernel in KERNELS
        for attach_mode in ATTACH_MODES
    ),
)
# the longest ones first, so that none is alone at the end; more than one run is for those that
# start fast
SHORT = (
    _short(_mode("7.3", "fentry")),
    _short(_mode("5.10", "kprobe"), USERS),
    _short(_mode("5.10", "tracepoint"), TIME_NAMESPACE, *OPTIONAL),
    _short(_locked("6.12", "confidentiality"), USERS),
    _short(_mode("6.18", "kprobe"), FLOODS, WALL_TIME, TIME_NAMESPACE, *OPTIONAL),
    _short(_mode("6.1", "fentry"), FLOODS, WALL_TIME, TIME_NAMESPACE, *OPTIONAL),
    _short(_mode("6.12", "tracepoint"), WALL_TIME, USERS),
    _short(_mode("6.1", "tracepoint"), FLOODS),
    _short(_arm64("6.1", "kprobe")),
)
SETS = tuple(dict.fromkeys(cell.set for cell in (*ALL, *SHORT)))


def chosen(sets: list[str], kernels: list[str], attach_modes: list[str]) -> list[Cell]:
    """Return the cells of some sets, kernels and attach modes; an empty list chooses all.

    The cells of `make test` are chosen by their set alone: each is one of another set.

    Raises:
        ValueError: a name is unknown, or there is no such cell.
    """
    for names, known in (
        (sets, SETS),
        (kernels, {cell.kernel for cell in ALL}),
        (attach_modes, {*ATTACH_MODES, "best"}),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"unknown: {' '.join(unknown)} (known: {' '.join(sorted(known))})")
    cells = [
        cell
        for cell in (*ALL, *SHORT)
        if (cell.set in sets or (not sets and cell in ALL))
        and (not kernels or cell.kernel in kernels)
        and (not attach_modes or (cell.attach_mode or "best") in attach_modes)
    ]
    if not cells:
        raise ValueError("no such cell")
    return cells
