# SPDX-License-Identifier: Apache-2.0
"""Rules that a linter does not know: licences, names, features before versions, one door out."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.policy.tree import PACKAGE, ROOT, c_files, files, name, parse, python_files

SCRIPTS = [ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "tools" / "install-deps"]
SCRIPTS += [ROOT / "tools" / "make-venv", ROOT / "tools" / "run-foreground"]
KERNEL_LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
USER_LICENCE = "SPDX-License-Identifier: Apache-2.0"
DOCS = [ROOT / each for each in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
OURS = python_files() + c_files() + files("vmlinux", ".h") + SCRIPTS


@pytest.mark.parametrize("path", OURS, ids=name)
def test_each_file_names_its_licence(path: Path) -> None:
    """The first lines hold the SPDX identifier of the side the file belongs to."""
    kernel_side = name(path).startswith(("ebpf/", "vmlinux/"))
    head = "\n".join(path.read_text().splitlines()[:2])
    assert (KERNEL_LICENCE if kernel_side else USER_LICENCE) in head


@pytest.mark.parametrize("path", files("src", ".py") + c_files(), ids=name)
def test_features_and_not_versions(path: Path) -> None:
    """No kernel version is compared: the kernel is asked for what it can."""
    text = path.read_text()
    assert not re.search(r"LINUX_KERNEL_VERSION|KERNEL_VERSION\(|\bkversion\b", text)
    compared = re.search(r"(release|uname\(\)).*(split|[<>]=?|parse)", text)
    assert compared is None, name(path)


FUNCTION = re.compile(
    r"^(?:static |__noinline )[^;=(]*?\b(kf_[a-z0-9_]+?)__[a-z0-9_]+\(", re.MULTILINE
)
# A type of another kernel (x___y), a question to the kernel's BTF, an answer of the loader.
DIFFERENCE = re.compile(
    r"\b(?!KF_PROG_)\w*[^\W_]___[^\W_]\w*|\bbpf_core_(?:field|type|enum_value)_(?:exists|matches)\b"
    r"|\bconst volatile \w+ kf_(?:nargs|can|has_helper)_\w+|\bKF_NO_LOOP\b"
)


@pytest.mark.parametrize("path", files("ebpf", ".c", ".h"), ids=name)
def test_kernel_differences_stay_in_one_header(path: Path) -> None:
    """What differs between kernels is in compat.bpf.h, and so is how that is found out."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    found = DIFFERENCE.findall(code)
    assert path.name == "compat.bpf.h" or not found, f"{name(path)}: {found}"


def test_kernel_differences_are_found() -> None:
    """Each form of a difference is one that the pattern sees."""
    for text in (
        "struct inode___v611 {",
        "enum bpf_func_id___kf { A___kf };",
        "typedef struct { int x; } ref___old;",
        "if (bpf_core_field_exists(new->f_ref))",
        "if (bpf_core_type_exists(struct x))",
        "if (bpf_core_enum_value_exists(enum x, Y))",
        "const volatile u8 kf_nargs_vfs_link = 5;",
        "#ifdef KF_NO_LOOP",
    ):
        assert DIFFERENCE.search(text), text
    assert not DIFFERENCE.search("fexit____kernel_read(KF_PROG_FEXIT___KERNEL_READ);")


def test_prefixes_belong_to_one_file() -> None:
    """Functions kf_x__y of one x are in one file, so that the name says where to look.

    compat.bpf.h gives several files what differs between kernels.
    """
    owners: dict[str, set[str]] = {}
    for path in files("ebpf", ".c", ".h"):
        if path.name != "compat.bpf.h":
            for prefix in FUNCTION.findall(path.read_text()):
                owners.setdefault(prefix, set()).add(name(path))
    assert len(owners) > 20
    assert not {prefix: where for prefix, where in owners.items() if len(where) > 1}


@pytest.mark.parametrize("path", files("ebpf", ".c", ".h"), ids=name)
def test_the_kernel_side_prints_nothing(path: Path) -> None:
    """Losses are counted and not printed."""
    assert "bpf_printk" not in path.read_text()


@pytest.mark.parametrize("path", files("ebpf", ".c", ".h"), ids=name)
def test_no_map_evicts(path: Path) -> None:
    """No map evicts by itself: an aggregate never vanishes without a trace."""
    assert "LRU" not in re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name)
def test_one_place_prints_and_exits(path: Path) -> None:
    """print, sys.exit and os._exit are not called beside the command line."""
    doors = {"cli.py": {"print", "exit"}, "runner.py": {"_exit"}}.get(path.name, set())
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            target = node.func
            called = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            quits = isinstance(target, ast.Attribute) and called in {"exit", "_exit"}
            module = getattr(getattr(target, "value", None), "id", "")
            if called == "print" or (quits and module in {"sys", "os"}):
                assert called in doors, f"{name(path)}:{node.lineno} calls {called}"


def test_no_layout_is_written_twice() -> None:
    """Records are laid out by the contract header alone: no ctypes, no struct format by hand."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert "ctypes" not in text, name(path)
        if path.parent.name != "bpf" and path.name != "contract.py":
            assert not re.search(r"struct\.(Struct|pack|unpack)", text), name(path)


@pytest.mark.parametrize("path", files("tests", ".py"), ids=name)
def test_tests_say_what_they_expect(path: Path) -> None:
    """Every test has a docstring of one sentence."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{name(path)}: {node.name} has no docstring"


def test_tests_mirror_the_tree() -> None:
    """Each test of tests/unit belongs to a module: tests/unit/x/test_y.py to src/kflowd/x/y.py."""
    for path in files("tests/unit", ".py"):
        if not path.name.startswith("test_"):
            continue
        folder = PACKAGE / path.parent.relative_to(ROOT / "tests" / "unit")
        module = path.stem.removeprefix("test_")
        candidates = [
            folder / f"{module}.py",
            folder / f"_{module}.py",
            folder / module,
            ROOT / "tools" / f"{module}.py",
        ]
        candidates.append(ROOT / "tests" / module)
        assert any(each.exists() for each in candidates), f"{name(path)} mirrors nothing"


def test_no_suppression_without_its_rule() -> None:
    """`noqa` and `type: ignore` name what they silence."""
    bare = re.compile(r"#\s*noqa(?!: )|#\s*type:\s*ignore(?!\[)")
    for path in python_files():
        if path != Path(__file__):
            found = bare.search(path.read_text())
            assert found is None, name(path)


def test_nothing_is_left_undone() -> None:
    """No file says that something is to be done later."""
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    for path in OURS + DOCS:
        assert not words.search(path.read_text()), name(path)


def test_no_file_knows_this_machine() -> None:
    """No package registry's host and no path of the machine stands in a file of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode()  # fmt: skip
    hosts = (
        "pypi" + ".org",
        "python" + "hosted",
        "deb." + "debian",
        "npm" + "js",
        "snapshot." + "debian",
    )
    own_path = f"{ROOT}/"
    for entry in filter(None, listed.split("\0")):
        data = (ROOT / entry).read_bytes() if (ROOT / entry).is_file() else b""
        known = [each for each in hosts if each.encode() in data]
        assert not known, f"{entry} names a registry: {known}"
        if len(ROOT.parts) > 2:
            assert own_path.encode() not in data, f"{entry} names a path of this machine"


def test_large_files_are_sources() -> None:
    """No file that git tracks has more than 400 kB, kernel types excepted."""
    for folder in ("src", "ebpf", "tests", "tools", "docs"):
        for path in files(folder, ""):
            if path.suffix not in {".so", ".pyc"}:
                assert path.stat().st_size < 400_000, name(path)
