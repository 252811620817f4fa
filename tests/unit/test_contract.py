# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.contract import (
    build_layout,
    constants,
    contract_ffi,
    declarations,
    default_ffi,
    header_path,
    layout,
)
from kflowd.errors import ContractError
from tests.unit.make import KINDS

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


def test_holes_strings_arrays_and_nesting_are_read_as_c_lays_them_out() -> None:
    """The tuple of a struct is what a C compiler wrote, in the order of its members."""
    ffi = contract_ffi(HEADER)
    outer = build_layout(ffi, "struct outer")
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


@pytest.mark.parametrize("name", [*KINDS.values(), "struct kf_sock", "struct kf_unix_key"])
def test_every_struct_of_the_contract_has_a_layout_of_its_size(name: str) -> None:
    """Formats are as long as sizeof, and every position is named."""
    one = layout(name)
    assert one.unpacker.size == one.size == default_ffi().sizeof(name)
    positions = len(one.unpack_from(bytes(one.size)))
    assert max(one.index.values()) < positions


def test_constants_are_those_of_the_header() -> None:
    """Both #define and enum values are known by name."""
    assert constants()["KF_VERSION"] == 1
    assert constants()["KF_KIND_TICK"] == 10


@pytest.mark.parametrize("text", ["", "/* cffi: begin */", "/* cffi: end */ /* cffi: begin */"])
def test_a_header_without_marks_is_refused(text: str) -> None:
    """A header that is not the contract is a clear error."""
    with pytest.raises(ContractError, match="marks"):
        declarations(text)


def test_the_header_is_found() -> None:
    """The contract header exists, in the source tree or in the package."""
    assert "struct kf_header" in header_path().read_text()
