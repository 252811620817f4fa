# SPDX-License-Identifier: Apache-2.0
"""Writes src/kflowd/_layouts.py, the contract as Python data, from ebpf/record.h.

Run by make, and by setup.py for wheels and editable installs. Offsets and sizes are those of cffi,
which lays structs out by the rules of the C compiler: no header is parsed when kflowd starts.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cffi

from kflowd.bpf.native import _build

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "ebpf" / "record.h"
MODULE = ROOT / "src" / "kflowd" / "_layouts.py"
# the kernel's names for fixed width types, which cffi does not know
TYPEDEFS = "".join(
    f"typedef {sign}int{bits}_t __{letter}{bits};\n"
    for sign, letter in (("u", "u"), ("", "s"))
    for bits in (8, 16, 32, 64)
)
INTEGER_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""The contract as data, written by tools/layouts.py from ebpf/record.h: not to be edited."""

from typing import Final

'''

Ffi = Any  # cffi carries no types
# A member of a struct: its dotted path from the outermost struct ("agg.proc.tgid"), its offset
# there in bytes, its code of the module struct ("s" for arrays of bytes, "" for a nested struct),
# and the elements of an array or the bytes of "s" and of a nested struct, else 1.
Member = tuple[str, int, str, int]
# size in bytes, and the members with those of nested structs, in order
Struct = tuple[int, tuple[Member, ...]]


def contract_ffi(text: str) -> Ffi:
    """Return an in-line FFI (no library behind it) that knows what the header's text declares.

    Raises:
        ValueError: The marks are not there.
    """
    ffi = cffi.FFI()
    ffi.cdef(TYPEDEFS + _build.cut(text))
    return ffi


def structs(ffi: Ffi) -> dict[str, Struct]:
    """Return every struct of the contract by name, "struct kf_header"."""
    _, names, _ = ffi.list_types()
    return {f"struct {name}": describe(ffi, f"struct {name}") for name in sorted(names)}


def describe(ffi: Ffi, name: str) -> Struct:
    """Return one struct that was declared to an FFI."""
    ctype = ffi.typeof(name)
    return ffi.sizeof(ctype), tuple(_walk(ffi, ctype, "", 0))


def constants(ffi: Ffi) -> dict[str, int]:
    """Return every #define and enum value by name."""
    values = ffi.dlopen(None)
    return {name: getattr(values, name) for name in dir(values)}


def digest(text: str) -> str:
    """Return what tells one state of the header from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def module(text: str) -> str:
    """Return the Python module for the text of the header."""
    ffi = contract_ffi(text)
    lines = [HEAD, f'HEADER_SHA256: Final = "{digest(text)}"\n']
    lines.append("CONSTANTS: Final[dict[str, int]] = {\n")
    lines += [f'    "{name}": {value},\n' for name, value in constants(ffi).items()]
    lines.append("}\n# path, offset, struct code, count\n")
    lines.append("Members = tuple[tuple[str, int, str, int], ...]\n")
    lines.append("STRUCTS: Final[dict[str, tuple[int, Members]]] = {\n")
    for name, (size, members) in structs(ffi).items():
        lines.append(f'    "{name}": (\n        {size},\n        (\n')
        for path, offset, code, count in members:
            lines.append(f'            ("{path}", {offset}, "{code}", {count}),\n')
        lines.append("        ),\n    ),\n")
    lines.append("}\n")
    return "".join(lines)


def write() -> None:
    """Write the module; a program that starts meanwhile sees the old one or the new one."""
    staged = MODULE.with_suffix(".new")
    staged.write_text(module(HEADER.read_text(encoding="utf-8")), encoding="utf-8")
    staged.replace(MODULE)


def _walk(ffi: Ffi, ctype: Any, prefix: str, base: int) -> Iterator[Member]:  # noqa: ANN401 - cffi has no types
    for name, field in ctype.fields:
        path, offset, kind = prefix + name, base + field.offset, field.type
        if kind.kind == "struct":
            yield path, offset, "", ffi.sizeof(kind)
            yield from _walk(ffi, kind, path + ".", offset)
        elif kind.kind == "array":
            code = _code(ffi, kind.item)
            yield path, offset, "s" if code in "bBs" else code, kind.length
        else:
            yield path, offset, _code(ffi, kind), 1


def _code(ffi: Ffi, ctype: Any) -> str:  # noqa: ANN401 - cffi has no types
    """Return the struct code of a primitive type."""
    if ctype.cname == "char":
        return "s"
    code = INTEGER_CODES[ffi.sizeof(ctype)]
    return code if int(ffi.cast(ctype, -1)) < 0 else code.upper()


if __name__ == "__main__":
    write()
