# SPDX-License-Identifier: Apache-2.0
"""The contract header as cffi types and struct formats, without the compiled extension.

`ebpf/record.h` is the only place where layouts are written. Its text between the two marks is
declared to an in-line cffi FFI; formats for `struct` are derived from the offsets that cffi
computes by the rules of the C compiler. Replay and unit tests need no compiler and no root.
"""

import dataclasses
import functools
import struct
from pathlib import Path
from typing import Any

import cffi

from kflowd.errors import ContractError

BEGIN_MARK = "/* cffi: begin */"
END_MARK = "/* cffi: end */"
# the kernel's names for fixed width types, which cffi does not know
TYPEDEFS = "".join(
    f"typedef {sign}int{bits}_t __{letter}{bits};\n"
    for sign, letter in (("u", "u"), ("", "s"))
    for bits in (8, 16, 32, 64)
)
_INTEGER_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}

Ffi = Any  # cffi carries no types


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How one struct of the contract is read from bytes.

    Attributes:
        name: As in C, "struct kf_header".
        size: Bytes, as sizeof has it.
        unpacker: Format with explicit pads; members named pad, pad2 are skipped too. An integer and
            an array of bytes (char, u8) take one position in the tuple, arrays of wider integers
            one per element.
        index: Dotted member path to its (first) position in the tuple: "agg.proc.tgid".
        offset: Dotted member path to its offset in bytes; nested structs are listed too.
    """

    name: str
    size: int
    unpacker: struct.Struct
    index: dict[str, int]
    offset: dict[str, int]

    def unpack_from(self, buffer: bytes | memoryview, offset: int = 0) -> tuple[Any, ...]:
        """Return the members at `offset`; raises struct.error if the buffer is too short."""
        return self.unpacker.unpack_from(buffer, offset)

    def members(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the members right below `prefix`, in order."""
        start = f"{prefix}." if prefix else ""
        return tuple(
            name[len(start) :]
            for name in self.index
            if name.startswith(start) and "." not in name[len(start) :]
        )


def declarations(text: str) -> str:
    """Cut what cffi understands out of the text of the contract header.

    Raises:
        ContractError: If a mark is missing.
    """
    _, begin, rest = text.partition(BEGIN_MARK)
    body, end, _ = rest.partition(END_MARK)
    if not begin or not end:
        raise ContractError("reading the contract header: the cffi marks are missing")
    return body


def header_path() -> Path:
    """Return the contract header: beside the objects of the package, or in a source tree."""
    packaged = Path(__file__).parent / "bpf" / "objects" / "record.h"
    in_tree = Path(__file__).parents[2] / "ebpf" / "record.h"
    # in a source tree the copy may be older than the header
    for candidate in (in_tree, packaged):
        if candidate.is_file():
            return candidate
    raise ContractError(
        f"reading the contract header: {packaged} does not exist", "build it with: make build"
    )


def contract_ffi(text: str) -> Ffi:
    """Return an in-line FFI (no library behind it) that knows the types in the header's text."""
    ffi = cffi.FFI()
    ffi.cdef(TYPEDEFS + declarations(text))
    return ffi


def build_layout(ffi: Ffi, struct_name: str) -> Layout:
    """Derive format and member positions of a struct from its cffi type.

    Args:
        ffi: An FFI to which the struct is declared.
        struct_name: "struct kf_file_record".
    """
    ctype = ffi.typeof(struct_name)
    members = list(_walk(ffi, ctype, "", 0))
    form = "<" if struct.pack("=H", 1) == b"\x01\x00" else ">"
    index: dict[str, int] = {}
    offsets: dict[str, int] = {}
    position = 0
    end = 0
    for name, offset, code, count in members:
        offsets[name] = offset
        if code is None or _is_pad(name):
            continue
        if offset > end:
            form += f"{offset - end}x"
        index[name] = position
        form += f"{count}{code}" if count > 1 or code == "s" else code
        position += 1 if code == "s" else count
        end = offset + count * (1 if code == "s" else struct.calcsize(f"={code}"))
    size = ffi.sizeof(ctype)
    if size > end:
        form += f"{size - end}x"
    return Layout(struct_name, size, struct.Struct(form), index, offsets)


def _walk(ffi: Ffi, ctype: Any, prefix: str, base: int) -> Any:  # noqa: ANN401 - cffi has no types
    """Yield (path, offset, struct code or None for a nested struct, count) of each member."""
    for name, field in ctype.fields:
        path, offset, kind = prefix + name, base + field.offset, field.type
        if kind.kind == "struct":
            yield path, offset, None, 1
            yield from _walk(ffi, kind, path + ".", offset)
        elif kind.kind == "array":
            code = _code(ffi, kind.item)
            yield path, offset, "s" if code in "bBs" else code, kind.length
        else:
            yield path, offset, _code(ffi, kind), 1


def _is_pad(path: str) -> bool:
    """Say whether a member is a named hole."""
    return path.rpartition(".")[2].rstrip("0123456789") == "pad"


def _code(ffi: Ffi, ctype: Any) -> str:  # noqa: ANN401 - cffi has no types
    """Return the struct code of a primitive type."""
    if ctype.cname == "char":
        return "s"
    code = _INTEGER_CODES[ffi.sizeof(ctype)]
    return code if int(ffi.cast(ctype, -1)) < 0 else code.upper()


@functools.cache
def default_ffi() -> Ffi:
    """Return the FFI of the header that belongs to this program."""
    return contract_ffi(header_path().read_text(encoding="utf-8"))


@functools.cache
def layout(struct_name: str) -> Layout:
    """Return the layout of a struct of this program's contract, "struct kf_file_record"."""
    return build_layout(default_ffi(), struct_name)


@functools.cache
def constants() -> dict[str, int]:
    """Return every #define and enum value of the contract by name."""
    values = default_ffi().dlopen(None)
    return {name: getattr(values, name) for name in dir(values)}
