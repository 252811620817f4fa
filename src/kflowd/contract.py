# SPDX-License-Identifier: Apache-2.0
"""The contract with the kernel side as formats for `struct`, without the compiled extension.

`ebpf/record.h` is the only place where layouts are written. The build makes data of it by
`tools/layouts.py`; from that, formats are made here when a stage asks for one. Replay and unit
tests need no compiler and no root.
"""

import functools
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kflowd.errors import ContractError

try:
    from kflowd import _layouts
except ImportError:
    raise ContractError(
        "reading the layouts of records: kflowd/_layouts.py is not there",
        "it is made when building: make build",
    ) from None

# (buffer, offset) -> values of some members
Reader = Callable[[bytes | memoryview, int], tuple[Any, ...]]
_ORDER = "<" if sys.byteorder == "little" else ">"


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

    __slots__ = ("index", "name", "offset", "size", "unpacker")

    def __init__(
        self,
        name: str,
        size: int,
        unpacker: struct.Struct,
        index: dict[str, int],
        offset: dict[str, int],
    ) -> None:
        self.name = name
        self.size = size
        self.unpacker = unpacker
        self.index = index
        self.offset = offset

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


class Shape(NamedTuple):
    """Size of a struct and its own members as (offset, size), all in bytes."""

    size: int
    members: dict[str, tuple[int, int]]


def build_layout(name: str, size: int, members: _layouts.Members) -> Layout:
    """Derive format and positions of a struct from its members.

    Args:
        name: "struct kf_file_record".
        size: Of the struct.
        members: Of it and of the structs in it, in order; the code of a nested struct is "".
    """
    form = _ORDER
    index: dict[str, int] = {}
    offsets: dict[str, int] = {}
    position = 0
    end = 0
    for path, offset, code, count in members:
        offsets[path] = offset
        if not code or _is_pad(path):
            continue
        if offset > end:
            form += f"{offset - end}x"
        index[path] = position
        form += f"{count}{code}" if count > 1 or code == "s" else code
        position += 1 if code == "s" else count
        end = offset + _size_of(code, count)
    if size > end:
        form += f"{size - end}x"
    return Layout(name, size, struct.Struct(form), index, offsets)


def reader(struct_name: str, *names: str) -> Reader:
    """Return a function that reads some members of a record at an offset, and skips the rest.

    The values come in the order of the names, which has to be that of the struct: whoever unpacks
    them sees names and variables side by side. An array of integers gives one value per element.

    Args:
        struct_name: "struct kf_file_record".
        names: Dotted member paths, "agg.inode.size".

    Raises:
        ContractError: If a member is unknown or out of order.
    """
    size, members = _layouts.STRUCTS[struct_name]
    known = {path: (offset, code, count) for path, offset, code, count in members}
    form, end = _ORDER, 0
    for name in names:
        offset, code, count = known.get(name, (0, "", 0))
        if not code or offset < end:
            raise ContractError(f"reading {struct_name}: {name} is unknown or out of order")
        form += f"{offset - end}x{count}{code}"
        end = offset + _size_of(code, count)
    return struct.Struct(form + f"{size - end}x").unpack_from


def span(struct_name: str, member: str) -> tuple[int, int]:
    """Return where a member of a struct begins and ends, in bytes."""
    members = {path: (at, code, n) for path, at, code, n in _layouts.STRUCTS[struct_name][1]}
    offset, code, count = members[member]
    return offset, offset + (_size_of(code, count) if code else count)


def _is_pad(path: str) -> bool:
    """Say whether a member is a named hole."""
    return path.rpartition(".")[2].rstrip("0123456789") == "pad"


def _size_of(code: str, count: int) -> int:
    return count * struct.calcsize(f"={code}") if code else count


def struct_names() -> tuple[str, ...]:
    """Return the names of all structs of the contract."""
    return tuple(_layouts.STRUCTS)


@functools.cache
def layout(struct_name: str) -> Layout:
    """Return the layout of a struct of the contract, "struct kf_file_record"."""
    return build_layout(struct_name, *_layouts.STRUCTS[struct_name])


def shape(struct_name: str) -> Shape:
    """Return where the members of a struct are, as the BTF of an object tells it too."""
    size, members = _layouts.STRUCTS[struct_name]
    return Shape(
        size,
        {
            path: (offset, _size_of(code, count))
            for path, offset, code, count in members
            if "." not in path
        },
    )


def constants() -> dict[str, int]:
    """Return every #define and enum value of the contract by name."""
    return _layouts.CONSTANTS


def counters() -> dict[str, int]:
    """Return where each counter of a record of counters stands, by its name in the contract."""
    of_records = {n: at for n, at in constants().items() if n.startswith("KF_CNT_")}
    del of_records["KF_CNT_MAX"]
    return of_records


def differences(name: str, here: Shape, there: Shape) -> Iterator[str]:
    """Yield what differs between two shapes of a struct, in words.

    Args:
        name: Of the struct.
        here: Its shape in this program.
        there: Its shape in an object.
    """
    for member, place in here.members.items():
        if member not in there.members:
            yield f"{name} has no member {member} in the object"
        elif there.members[member] != place:
            yield (
                f"{name}.{member} is at byte {there.members[member][0]} with "
                f"{there.members[member][1]} bytes in the object, "
                f"at {place[0]} with {place[1]} in the program"
            )
    for member in there.members:
        if member not in here.members:
            yield f"{name} has a member {member} in the object that the program does not know"
    if here.size != there.size:
        yield f"{name} has {there.size} bytes in the object, {here.size} in the program"
