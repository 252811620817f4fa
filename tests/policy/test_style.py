# SPDX-License-Identifier: Apache-2.0
"""Rules that a linter does not know: licences, names, features before versions, one door out."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.policy.tree import (
    ROOT,
    Check,
    c_files,
    files,
    name,
    offenders,
    parse,
    python_files,
    tracked,
)

KERNEL_LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
USER_LICENCE = "SPDX-License-Identifier: Apache-2.0"
# has no place for a licence line
WITHOUT_LINE = (".md", ".json", ".txt", "LICENSE", ".gitignore", ".clang-format", "py.typed")
TRACKED = tracked()
OURS = [path for path in TRACKED if not path.name.endswith(WITHOUT_LINE)]
BPF = files("ebpf", ".c", ".h")
MODULES = files("src", ".py")
# who may call what ends or bypasses the program's output
PRINT_DOORS = {"cli.py": {"print", "exit"}, "runner.py": {"_exit"}, "command.py": {"_exit"}}
UNDONE = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
HOSTS = ["pypi" + ".org", "python" + "hosted", "deb." + "debian", "npm" + "js"]
HOSTS += ["snapshot." + "debian"]


def licence(path: Path, text: str) -> Iterator[str]:
    """The first lines hold the SPDX identifier of the side that the file belongs to."""
    kernel_side = name(path).startswith(("ebpf/", "vmlinux/"))
    wanted = KERNEL_LICENCE if kernel_side else USER_LICENCE
    if wanted not in "\n".join(text.splitlines()[:2]):
        yield f"lacks {wanted}"


def versions(_: Path, text: str) -> Iterator[str]:
    """A kernel version is compared."""
    for pattern in (
        r"LINUX_KERNEL_VERSION|KERNEL_VERSION\(|\bkversion\b",
        r"(release|uname\(\)).*(split|[<>]=?|parse)",
    ):
        yield from (found[0] for found in re.finditer(pattern, text))


FUNCTION = re.compile(
    r"^(?:static |__noinline )[^;=(]*?\b(kf_[a-z0-9_]+?)__[a-z0-9_]+\(", re.MULTILINE
)
# A type of another kernel (x___y), a question to the kernel's BTF, an answer of the loader.
DIFFERENCE = re.compile(
    r"\b(?!KF_PROG_)\w*[^\W_]___[^\W_]\w*|\bbpf_core_(?:field|type|enum_value)_(?:exists|matches)\b"
    r"|\bconst volatile \w+ kf_(?:nargs|can|has_helper)_\w+|\bKF_NO_LOOP\b"
)


def differences(path: Path, text: str) -> list[str]:
    """A kernel difference, or a question about one, stands outside of compat.bpf.h."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return [] if path.name == "compat.bpf.h" else DIFFERENCE.findall(code)


def kernel_prints(_: Path, text: str) -> list[str]:
    """The kernel side prints."""
    return re.findall(r"bpf_printk", text)


def evicts(_: Path, text: str) -> list[str]:
    """A map evicts by itself."""
    return re.findall(r"\w*LRU\w*", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


def prints_or_exits(path: Path, text: str) -> Iterator[str]:
    """print, sys.exit or os._exit is called beside the command line."""
    doors = PRINT_DOORS.get(path.name, set())
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Call):
            target = node.func
            called = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            quits = isinstance(target, ast.Attribute) and called in {"exit", "_exit"}
            module = getattr(getattr(target, "value", None), "id", "")
            builtin = isinstance(target, ast.Name) and called == "print"
            prints = builtin or (quits and module in {"sys", "os"})
            if prints and called not in doors:
                yield f"line {node.lineno} calls {called}"


def layouts(path: Path, text: str) -> list[str]:
    """A layout of bytes is written beside the contract."""
    # the messages of rtnetlink are no part of it, nor is what two system calls take and give
    kernel = {"src/kflowd/enrich/links.py", "src/kflowd/enrich/calls.py"}
    found = [] if name(path) == "src/kflowd/enrich/calls.py" else re.findall(r"\bctypes\b", text)
    # what peers send is laid out by RFCs
    wire = name(path).startswith("src/kflowd/protocols/")
    if not wire and name(path) not in {"src/kflowd/contract.py", *kernel}:
        found += re.findall(r"struct\.(?:Struct|pack|unpack)\w*", text)
    return found


def extension(path: Path, text: str) -> list[str]:
    """The compiled extension is imported beside bpf/ffi.py; import-linter sees Python only."""
    doors = {"src/kflowd/bpf/ffi.py", "src/kflowd/bpf/native/_build.py"}
    return [] if name(path) in doors else re.findall(r"\b_kflowd\b", text)


def no_docstring(_: Path, text: str) -> Iterator[str]:
    """A test says nothing of what it expects."""
    for node in ast.walk(parse(text)):
        is_test = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if isinstance(node, ast.FunctionDef) and is_test and not ast.get_docstring(node):
            yield f"{node.name} has no docstring"


def bare_suppression(path: Path, text: str) -> list[str]:
    """`noqa` or `type: ignore` does not name what it silences."""
    found = re.findall(r"#\s*noqa(?!: )|#\s*type:\s*ignore(?!\[)", text)
    return [] if path == Path(__file__) else found


def undone(_: Path, text: str) -> list[str]:
    """Something is to be done later."""
    return UNDONE.findall(text)


def holds(paths: Iterable[Path], check: Check) -> None:
    """Fail with all places where a rule is broken."""
    found = offenders(paths, check)
    assert not found, "\n".join([check.__doc__ or "", *found])


def test_each_file_names_its_licence() -> None:
    """The first lines hold the SPDX identifier of the side the file belongs to."""
    holds(OURS, licence)


def test_features_and_not_versions() -> None:
    """No kernel version is compared: the kernel is asked for what it can."""
    holds(MODULES + c_files(), versions)


def test_kernel_differences_stay_in_one_header() -> None:
    """What differs between kernels is in compat.bpf.h, and so is how that is found out."""
    holds(BPF, differences)


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
    for path in BPF:
        if path.name != "compat.bpf.h":
            for prefix in FUNCTION.findall(path.read_text()):
                owners.setdefault(prefix, set()).add(name(path))
    assert len(owners) > 20
    assert not {prefix: where for prefix, where in owners.items() if len(where) > 1}


def test_the_kernel_side_prints_nothing() -> None:
    """Losses are counted and not printed."""
    holds(BPF, kernel_prints)


def test_no_map_evicts() -> None:
    """No map evicts by itself: an aggregate never vanishes without a trace."""
    holds(BPF, evicts)


def test_one_place_prints_and_exits() -> None:
    """print, sys.exit and os._exit are not called beside the command line."""
    holds(MODULES, prints_or_exits)


def test_no_layout_is_written_twice() -> None:
    """Records are laid out by the contract header alone: no ctypes, no struct format by hand."""
    holds(MODULES, layouts)


def test_the_extension_has_one_door() -> None:
    """The compiled extension is imported by bpf/ffi.py alone."""
    holds(MODULES, extension)


def test_tests_say_what_they_expect() -> None:
    """Every test has a docstring of one sentence."""
    holds(files("tests", ".py"), no_docstring)


def test_no_suppression_without_its_rule() -> None:
    """`noqa` and `type: ignore` name what they silence."""
    holds(python_files(), bare_suppression)


def test_nothing_is_left_undone() -> None:
    """No file says that something is to be done later."""
    holds(TRACKED, undone)


OFFENDING: list[tuple[Check, str, str]] = [
    (licence, "src/kflowd/x.py", "# SPDX-License-Identifier: MIT\n"),
    (licence, "ebpf/x.h", f"// {USER_LICENCE}\n"),
    (versions, "src/kflowd/x.py", "if os.uname().release >= '5.10':\n"),
    (versions, "ebpf/x.h", "#if LINUX_KERNEL_VERSION\n"),
    (differences, "ebpf/x.h", "struct file___old {\n"),
    (kernel_prints, "ebpf/x.h", 'bpf_printk("x");\n'),
    (evicts, "ebpf/x.h", "__uint(type, BPF_MAP_TYPE_LRU_HASH);\n"),
    (prints_or_exits, "src/kflowd/runner.py", "sys.exit(1)\n"),
    (prints_or_exits, "src/kflowd/x.py", "print(1)\n"),
    (layouts, "src/kflowd/x.py", "struct.unpack_from('<I', data)\n"),
    (layouts, "src/kflowd/bpf/x.py", "import ctypes\n"),
    (extension, "src/kflowd/bpf/x.py", "from kflowd.bpf._kflowd import lib\n"),
    (no_docstring, "tests/unit/test_x.py", "def test_x() -> None:\n    assert 1\n"),
    (bare_suppression, "src/kflowd/x.py", "x = 1  # no" + "qa\n"),
    (undone, "src/kflowd/x.py", "# TO" + "DO\n"),
]


@pytest.mark.parametrize(("check", "path", "text"), OFFENDING)
def test_rules_find_an_offender(check: Check, path: str, text: str) -> None:
    """Each rule above sees one place in what breaks it."""
    assert len(list(check(ROOT / path, text))) == 1


def test_no_file_knows_this_machine() -> None:
    """No package registry's host and no path of the machine stands in a file of the project."""
    own_path = [f"{ROOT}/"] if len(ROOT.parts) > 2 else []
    found = [
        f"{name(path)} names {word}"
        for path in TRACKED
        for word in (*HOSTS, *own_path)
        if word.encode() in path.read_bytes()
    ]
    assert len(TRACKED) > 100
    assert not found, "\n".join(found)


def test_large_files_are_sources() -> None:
    """No file that git tracks has more than 400 kB, kernel types excepted."""
    sizes = {name(path): path.stat().st_size for path in TRACKED}
    large = {it: size for it, size in sizes.items() if size > 400_000}
    assert {it for it in large if not it.startswith("vmlinux/")} == set()
