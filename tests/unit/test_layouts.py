# SPDX-License-Identifier: Apache-2.0
"""The generator of layouts, and that what it wrote is of this header; cffi is the oracle."""

import struct
from pathlib import Path

import pytest

from kflowd import _layouts
from kflowd.contract import Layout, build_layout, constants, layout, shape, struct_names
from tools import layouts

HEADER = """
/* cffi: begin */
#define KF_N 3
struct inner { __u8 a; __s32 b; };
struct outer {
    __u16 kind;
    struct inner one;
    char name[5];
    __u8 addr[KF_N];
    __u32 many[KF_N];
    __u32 pad;
    __s64 when;
};
/* cffi: end */
"""


def made(ffi: layouts.Ffi, name: str) -> Layout:
    """Return the layout of a struct as generator and contract make it together."""
    return build_layout(name, *layouts.describe(ffi, name))


def test_holes_strings_arrays_and_nesting_are_read_as_c_lays_them_out() -> None:
    """The tuple of a struct is what a C compiler wrote, in the order of its members."""
    ffi = layouts.contract_ffi(HEADER)
    outer = made(ffi, "struct outer")
    value = ffi.new("struct outer *")
    value.kind, value.one.a, value.one.b, value.when = 7, 8, -9, -(2**62)
    value.name, value.addr, value.many = b"abc", [1, 2, 3], [2**32 - 1, 5, 6]
    values = outer.unpack_from(bytes(ffi.buffer(value)))
    assert values == (7, 8, -9, b"abc\0\0", b"\1\2\3", 2**32 - 1, 5, 6, -(2**62))
    assert outer.size == ffi.sizeof("struct outer")
    assert outer.index == {
        "kind": 0,
        "one.a": 1,
        "one.b": 2,
        "name": 3,
        "addr": 4,
        "many": 5,
        "when": 8,
    }
    assert outer.offset["one.b"] == ffi.offsetof("struct outer", "one") + 4
    assert outer.members("one") == ("a", "b")


@pytest.mark.parametrize("text", ["", "/* cffi: begin */", "/* cffi: end */ /* cffi: begin */"])
def test_a_header_without_marks_is_refused(text: str) -> None:
    """A header that is not the contract is a clear error."""
    with pytest.raises(ValueError, match="marks"):
        layouts.contract_ffi(text)


def test_what_was_written_is_of_this_header() -> None:
    """The module is as new as ebpf/record.h; else: make build."""
    text = layouts.HEADER.read_text()
    assert layouts.digest(text) == _layouts.HEADER_SHA256
    assert layouts.MODULE.read_text() == layouts.module(text)


def test_each_member_lies_where_cffi_puts_it() -> None:
    """Sizes, offsets and values of every struct and constant are those of the C rules."""
    ffi = layouts.contract_ffi(layouts.HEADER.read_text())
    assert set(struct_names()) == {f"struct {name}" for name in ffi.list_types()[1]}
    for name in struct_names():
        one = layout(name)
        assert one.size == one.unpacker.size == struct.calcsize(one.unpacker.format)
        assert one.size == shape(name).size == ffi.sizeof(name)
        for path, offset in one.offset.items():
            assert offset == ffi.offsetof(name, *path.split("."))
        for member, field in ffi.typeof(name).fields:
            assert shape(name).members[member] == (field.offset, ffi.sizeof(field.type))
    values = ffi.dlopen(None)
    assert constants() == {name: getattr(values, name) for name in dir(values)}


@pytest.mark.parametrize("name", _layouts.STRUCTS)
def test_bytes_are_read_as_cffi_reads_them(name: str) -> None:
    """A struct full of different bytes has in each member what cffi finds there."""
    ffi = layouts.contract_ffi(layouts.HEADER.read_text())
    one = layout(name)
    data = bytes(i * 37 % 251 for i in range(one.size))
    values, value = one.unpack_from(data), ffi.from_buffer(f"{name} *", data)
    for path, position in one.index.items():
        there = value
        for part in path.split("."):
            there = getattr(there, part)
        if isinstance(values[position], bytes):
            assert values[position] == bytes(ffi.buffer(there))
        elif isinstance(there, int):
            assert values[position] == there
        else:
            assert list(values[position : position + len(there)]) == list(there)


def test_writing_replaces_the_module_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the finished module is left, and it is Python."""
    monkeypatch.setattr(layouts, "MODULE", tmp_path / "_layouts.py")
    layouts.write()
    assert [path.name for path in tmp_path.iterdir()] == ["_layouts.py"]
    compile(layouts.MODULE.read_text(), "_layouts.py", "exec")
